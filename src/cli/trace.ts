/**
 * Every byte after the TLS handshake, explained: bytes in, lines out. Takes any chunking, keeps no payload.
 */
import { type Paint, plainPaint, spaced } from './terminal.js';
import { FrameReader } from './trace-frame.js';
import { BodyReader, HeadReader } from './trace-head.js';
import type { Part, Reader, Sheet } from './trace-sheet.js';

export type Direction = 'in' | 'out';

export interface TracerOptions {
  /** Takes one line, without its line feed. */
  readonly write: (line: string) => void;
  /** Default: no colour. */
  readonly paint?: Paint;
  /** Returns who sends to whom; default `→ out #1` and `← in #1`. */
  readonly label?: (connectionId: number, direction: Direction) => string;
}

/** Connections followed at once; beyond them the one seen first is given up. */
const maxConnections = 1024;

/** Follows connections and writes what passes. */
export class Tracer {
  readonly #write: (line: string) => void;
  readonly #paint: Paint;
  readonly #label: (connectionId: number, direction: Direction) => string;
  readonly #connections: Map<number, Record<Direction, Flow>> = new Map();
  /** Whose block was written last: a row of another one names its own first. */
  #last: Sheet | undefined;
  #isEmpty = true;

  constructor(options: TracerOptions) {
    this.#write = options.write;
    this.#paint = options.paint ?? plainPaint;
    this.#label = options.label ?? ((id, direction) => (direction === 'out' ? `→ out #${id}` : `← in #${id}`));
  }

  /** Takes the next bytes of one direction; they are not kept. Has the form of the `trace` option of a connection. */
  readonly trace = (connectionId: number, direction: Direction, bytes: Buffer): void => {
    let flows = this.#connections.get(connectionId);
    if (flows === undefined) {
      for (const oldest of this.#connections.keys()) {
        if (this.#connections.size < maxConnections) break;
        this.finish(oldest);
      }
      flows = { in: this.#flow(connectionId, 'in'), out: this.#flow(connectionId, 'out') };
      this.#connections.set(connectionId, flows);
    }
    flows[direction].push(bytes);
  };

  /** Writes what is held of a connection that ended, or of all, and forgets it. */
  finish(connectionId?: number): void {
    const ids = connectionId === undefined ? [...this.#connections.keys()] : [connectionId];
    for (const id of ids) {
      const flows = this.#connections.get(id);
      this.#connections.delete(id);
      flows?.in.finish();
      flows?.out.finish();
    }
  }

  #flow(connectionId: number, direction: Direction): Flow {
    const label = this.#label(connectionId, direction);
    const painted = this.#paint[direction === 'out' ? 'cyan' : 'green'](label);
    const head = (text: string): void => {
      if (!this.#isEmpty) this.#write('');
      this.#isEmpty = false;
      this.#last = sheet;
      this.#write(text);
    };
    const sheet: Sheet = {
      paint: this.#paint,
      block: (offset, title) => head(`${painted}, byte ${spaced(offset)}: ${this.#paint.bold(title)}`),
      row: (line) => {
        if (this.#last !== sheet) head(`${painted} goes on`);
        this.#write(line);
      },
    };
    return new Flow(sheet);
  }
}

/** One direction of one connection: heads and bodies of HTTP, then frames. */
class Flow {
  readonly #sheet: Sheet;
  #reader: Reader;
  #offset = 0;

  constructor(sheet: Sheet) {
    this.#sheet = sheet;
    this.#reader = new HeadReader(sheet, 0);
  }

  push(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; ) {
      const end = this.#reader.push(bytes, start);
      this.#offset += end - start;
      start = end;
      if (this.#reader.next !== undefined) this.#reader = this.#readerOf(this.#reader.next);
    }
  }

  finish(): void {
    this.#reader.finish();
  }

  #readerOf(part: Part): Reader {
    if (part.kind === 'frames') return new FrameReader(this.#sheet, this.#offset);
    if (part.kind === 'head') return new HeadReader(this.#sheet, this.#offset);
    return new BodyReader(this.#sheet, this.#offset, part.length);
  }
}
