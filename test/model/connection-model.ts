/**
 * What becomes of a connection, as the RFC and our promises have it, without a byte, a stream or a timer: a sequence of events
 * goes in, and out comes which messages its user gets and how it ends. RFC 6455 §5.4, §5.5.1, §7.1, §7.2.
 */

export type Event =
  | {
      readonly kind:
        | 'peer-text'
        | 'peer-binary'
        | 'peer-fragments'
        | 'peer-begin'
        | 'peer-rest'
        | 'peer-ping'
        | 'peer-pong';
    }
  | { readonly kind: 'peer-close'; readonly code: number }
  | { readonly kind: 'peer-violation'; readonly how: number }
  | { readonly kind: 'peer-end' | 'peer-silent' }
  | { readonly kind: 'close'; readonly code: number }
  | { readonly kind: 'terminate' | 'pause' | 'resume' | 'send' | 'stream' | 'ping' | 'broken' | 'wait' | 'deadline' };

/** Whether the close code that a peer sends is lawful (RFC 6455 §7.4). 0 stands for none. */
export function isLawful(code: number): boolean {
  return (
    code === 0 || (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
  );
}

export class Model {
  /** Of the messages of the peer, by the number of the event that began them, those that the user gets. */
  readonly delivered: number[] = [];
  /** Those that may be delivered or not: they were still on their way when the connection broke. */
  readonly uncertain: number[] = [];
  closeSent = false;
  received: number | undefined;
  hasFailed = false;
  isOver = false;
  #paused = false;
  #silent = false;
  /** The message that the peer has begun. */
  #begun: number | undefined;
  /** What the peer has sent and is not read, as this end is paused. */
  #waiting: Array<readonly [Event, number]> = [];
  #isPeerGone = false;

  /** What the event of the end will say. */
  get code(): number {
    if (this.received === undefined) return 1006;
    return this.received === 0 ? 1005 : this.received;
  }

  get wasClean(): boolean {
    return this.received !== undefined && this.closeSent && !this.hasFailed;
  }

  /** Whether this end may still send. */
  get isOpen(): boolean {
    return !this.closeSent && !this.isOver && !this.hasFailed;
  }

  get #isDeaf(): boolean {
    return this.isOver || this.hasFailed || this.received !== undefined;
  }

  apply(event: Event, number: number): void {
    if (event.kind.startsWith('peer-')) this.#fromPeer(event, number);
    else this.#here(event);
  }

  #fromPeer(event: Event, number: number): void {
    if (event.kind === 'peer-silent') {
      this.#silent = true;
      return;
    }
    // A peer that has ended its side says nothing more.
    if (this.#isPeerGone) return;
    if (event.kind === 'peer-end') this.#isPeerGone = true;
    if (this.isOver) return;
    if (this.#paused && !this.closeSent && !this.hasFailed) this.#waiting.push([event, number]);
    else this.#read(event, number);
  }

  #read(event: Event, number: number): void {
    switch (event.kind) {
      case 'peer-text':
      case 'peer-binary':
      case 'peer-fragments':
        return this.#begun === undefined ? this.#message(number) : this.#fail();
      case 'peer-begin':
        if (this.#begun !== undefined) return this.#fail();
        this.#begun = number;
        return;
      case 'peer-rest': {
        if (this.#begun === undefined) return this.#fail();
        const begun = this.#begun;
        this.#begun = undefined;
        return this.#message(begun);
      }
      case 'peer-close':
        if (this.#isDeaf) return;
        if (!isLawful(event.code)) return this.#fail();
        this.received = event.code;
        this.closeSent = true;
        return;
      case 'peer-violation':
        return this.#fail();
      case 'peer-end':
        // Without a close frame the connection is lost; with one it is over.
        this.isOver = true;
        return;
      default:
    }
  }

  #message(number: number): void {
    if (this.#isDeaf) return;
    // While it closes, what finds no taker is dropped.
    if (!this.#paused) this.delivered.push(number);
  }

  #fail(): void {
    if (this.#isDeaf) return;
    this.hasFailed = true;
    this.closeSent = true;
  }

  #here(event: Event): void {
    if (this.isOver) return;
    switch (event.kind) {
      case 'close':
        if (this.closeSent) return;
        this.closeSent = true;
        // The peer's close frame is looked for, whatever comes before it.
        return this.#readWaiting();
      case 'pause':
        this.#paused = true;
        return;
      case 'resume':
        this.#paused = false;
        return this.#readWaiting();
      case 'terminate':
        return this.#cut();
      case 'broken':
        if (this.received === undefined || !this.closeSent) this.hasFailed = true;
        return this.#cut();
      case 'deadline': {
        if (this.closeSent) return this.#cut();
        if (this.#paused) return;
        // A message that does not grow, and a peer that is dead.
        if (this.#begun !== undefined) this.#fail();
        if (this.#begun !== undefined || this.#silent) this.#cut();
        return;
      }
      default:
    }
  }

  #cut(): void {
    this.isOver = true;
    for (const [, number] of this.#waiting) this.uncertain.push(number);
    this.#waiting = [];
  }

  #readWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [event, number] of waiting) {
      if (this.isOver) return;
      this.#read(event, number);
    }
  }
}
