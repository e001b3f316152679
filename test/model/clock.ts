/** Time that passes only when it is told to: stands in for the timers and the monotonic clock of this process. */
import { setImmediate as nextTurn } from 'node:timers/promises';

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly call: () => void;
  readonly every: number | undefined;
}

export class Clock {
  #now = 1_000;
  #order = 0;
  readonly #timers = new Map<object, Timer>();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    now: performance.now,
  };

  install(): void {
    const start = (call: () => void, delay: number, every: number | undefined): object => {
      const handle: object = { unref: () => handle, ref: () => handle, hasRef: () => false };
      this.#timers.set(handle, { due: this.#now + Math.max(1, delay), order: this.#order++, call, every });
      return handle;
    };
    const clear = (handle: object | undefined): void => void (handle !== undefined && this.#timers.delete(handle));
    Object.assign(globalThis, {
      setTimeout: (call: () => void, delay = 1) => start(call, delay, undefined),
      setInterval: (call: () => void, delay = 1) => start(call, delay, delay),
      clearTimeout: clear,
      clearInterval: clear,
    });
    performance.now = () => this.#now;
  }

  uninstall(): void {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }

  /** Forgets all timers. */
  clear(): void {
    this.#timers.clear();
  }

  /** Timers that are set. */
  get size(): number {
    return this.#timers.size;
  }

  /** Lets time pass; what a timer brings about has happened before the next one is due. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.#now + milliseconds;
    for (;;) {
      let next: [object, Timer] | undefined;
      for (const entry of this.#timers) {
        const [, timer] = entry;
        if (timer.due > target) continue;
        const before = next?.[1];
        if (
          before === undefined ||
          timer.due < before.due ||
          (timer.due === before.due && timer.order < before.order)
        ) {
          next = entry;
        }
      }
      if (next === undefined) break;
      const [handle, timer] = next;
      this.#now = timer.due;
      if (timer.every === undefined) this.#timers.delete(handle);
      else this.#timers.set(handle, { ...timer, due: timer.due + timer.every });
      timer.call();
      await settle();
    }
    this.#now = target;
  }
}

/** Lets everything happen that is to happen now. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await nextTurn();
}
