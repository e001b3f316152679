import { Duplex } from 'node:stream';

/** Returns two streams that are the ends of one pipe. Node 22 has `stream.duplexPair`; Node 20 does not. */
export function duplexPair(): [Duplex, Duplex] {
  const left = new End();
  const right = new End();
  left.other = right;
  right.other = left;
  return [left, right];
}

class End extends Duplex {
  other: End | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const other = this.other!;
    if (chunk.length === 0) process.nextTick(done);
    else {
      other.#taken = done;
      other.push(chunk);
    }
  }

  override _final(done: () => void): void {
    this.other!.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.other!.destroyed) setImmediate(() => this.other!.destroy());
    done(error);
  }
}
