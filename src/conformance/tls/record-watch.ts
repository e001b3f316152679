/** Sits between TLS and TCP, and counts the records that come (RFC 8446 §5.1): each is handed on by itself, in its own turn. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const headerBytes = 5;

export class RecordWatch extends Duplex {
  /** How many records were handed on. */
  records = 0;
  readonly #tcp: Socket;
  readonly #queue: Array<Buffer | null> = [];
  #pending: Buffer = Buffer.alloc(0);
  #isFeeding = false;

  constructor(tcp: Socket) {
    super();
    this.#tcp = tcp;
    tcp.on('data', (bytes: Buffer) => this.#split(bytes));
    tcp.on('end', () => {
      if (this.#pending.length > 0) this.#queue.push(this.#pending);
      this.#queue.push(null);
      this.#feed();
    });
    tcp.on('close', () => this.destroy());
  }

  #split(bytes: Buffer): void {
    let rest = Buffer.concat([this.#pending, bytes]);
    while (rest.length >= headerBytes && rest.length >= headerBytes + rest.readUInt16BE(3)) {
      const length = headerBytes + rest.readUInt16BE(3);
      this.#queue.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    this.#pending = rest;
    this.#feed();
  }

  #feed(): void {
    if (this.#isFeeding) return;
    this.#isFeeding = true;
    setImmediate(() => {
      this.#isFeeding = false;
      const next = this.#queue.shift();
      if (next === undefined || this.destroyed) return;
      if (next !== null) this.records++;
      this.push(next);
      this.#feed();
    });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#tcp.write(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.#tcp.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#tcp.destroy();
    callback(error);
  }
}
