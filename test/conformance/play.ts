/** An exchange with a peer that says what the test says; time passes when the test says so. */
import { Buffer } from 'node:buffer';
import type { Case, ExchangeCase, Step, Target } from '../../src/conformance/case.js';
import type { Chunking } from '../../src/conformance/chunking.js';
import { type Action, Exchange } from '../../src/conformance/exchange.js';
import { caseOf, type Heading } from '../../src/conformance/script.js';
import { acceptFor } from '../../src/handshake/index.js';
import { sampleKey, switching, upgradeRequest } from '../support/ends.js';

export function caseWith(steps: readonly Step[], heading: Partial<Heading> = {}): ExchangeCase {
  return caseOf('control')('test', 'does as it should', { section: 'RFC 6455 §5.5', ...heading }, () => steps);
}

export interface PlayOptions {
  readonly chunking?: Chunking;
  readonly deadline?: number;
  readonly usedKeys?: Set<string>;
  /** What the peer sends arrives octet by octet. */
  readonly byOctets?: boolean;
}

export class Play {
  readonly exchange: Exchange;
  readonly actions: Action[] = [];
  now = 1000;
  readonly #byOctets: boolean;

  constructor(testCase: Case, target: Target, { byOctets = false, ...options }: PlayOptions = {}) {
    this.#byOctets = byOctets;
    this.exchange = new Exchange({
      testCase: testCase as ExchangeCase,
      target,
      chunking: { kind: 'whole' },
      place: { path: '/', host: 'localhost' },
      deadline: 10_000,
      ...options,
    });
    this.exchange.start(this.now);
    this.drain();
  }

  /** Takes what is to be done, as if every write left at once. */
  drain(): void {
    for (let action = this.exchange.take(); action !== undefined; action = this.exchange.take())
      this.actions.push(action);
  }

  /** All bytes that were written. */
  get written(): Buffer {
    return Buffer.concat(this.actions.flatMap((action) => (action.do === 'write' ? [action.bytes] : [])));
  }

  /** The ends of the runner's side. */
  get ends(): readonly string[] {
    return this.actions.flatMap((action) => (action.do === 'end' ? [action.how] : []));
  }

  receive(bytes: string | Buffer): this {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    const chunks = this.#byOctets ? Array.from(all, (_, i) => all.subarray(i, i + 1)) : [all];
    for (const chunk of chunks) {
      this.exchange.received(chunk, this.now);
      this.drain();
    }
    return this;
  }

  receiveHex(digits: string): this {
    return this.receive(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
  }

  end(how: 'end' | 'reset' = 'end'): this {
    this.exchange.ended(how, this.now);
    this.drain();
    return this;
  }

  pass(ms: number): this {
    this.now += ms;
    this.exchange.elapsed(this.now);
    this.drain();
    return this;
  }

  /** The good answer to the runner's request. */
  switch(lines: readonly string[] = []): this {
    const key = /Sec-WebSocket-Key: (.*)\r\n/.exec(this.written.toString('latin1'))![1]!;
    return this.receive(switching(acceptFor(key), lines));
  }

  /** The good request of a client. */
  request(lines: readonly string[] = []): this {
    return this.receive(upgradeRequest('/', lines));
  }

  /** `passed`, or the verdict and the reason. */
  get told(): string {
    const { outcome } = this.exchange;
    if (outcome === undefined) return 'goes on';
    return outcome.reason === '' ? outcome.verdict : `${outcome.verdict}: ${outcome.reason}`;
  }
}

export { sampleKey };
