/** What happened on the wire in one case, bounded: the first events and the last ones, and of each the first bytes. */
import { Buffer } from 'node:buffer';
import type { WireEvent } from './case.js';
import { shownBytes } from './wire.js';

const keptFirst = 400;
const keptLast = 99;

/** An event whose words may not be made yet: in a flood most are never told. */
type Kept = Omit<WireEvent, 'text'> & { readonly text: string | (() => string) };

export class EventLog {
  readonly #first: Kept[] = [];
  readonly #last: Kept[] = [];
  #left = 0;
  #began = 0;
  #now = 0;

  /** Takes the time of what is logged next, in milliseconds on any clock; the first one is the beginning. */
  set now(value: number) {
    if (this.#began === 0) this.#began = value;
    this.#now = value;
  }

  add(
    direction: WireEvent['direction'],
    text: Kept['text'],
    bytes?: Uint8Array,
    size: number = bytes?.length ?? 0,
  ): void {
    const at = Math.round((this.#now - this.#began) * 1000) / 1000;
    // A copy: a view would keep all of a large message alive.
    const shown = bytes === undefined ? {} : { bytes: Buffer.from(bytes.subarray(0, shownBytes)), size };
    const event: Kept = { at, direction, text, ...shown };
    if (this.#first.length < keptFirst) {
      this.#first.push(event);
      return;
    }
    this.#last.push(event);
    if (this.#last.length > keptLast) {
      this.#last.shift();
      this.#left++;
    }
  }

  get all(): readonly WireEvent[] {
    const { at = 0 } = this.#last[0] ?? {};
    const gap: Kept[] =
      this.#left === 0 ? [] : [{ at, direction: 'note', text: `${this.#left} events are left out here` }];
    const told = [...this.#first, ...gap, ...this.#last];
    return told.map((event) => ({ ...event, text: typeof event.text === 'string' ? event.text : event.text() }));
  }
}
