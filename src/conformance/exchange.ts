/**
 * One case over one connection, without input or output: told what came, what ended and how late it is, it says what to write
 * and when to be woken, until it knows the outcome. Transports pump it; time is whatever number of milliseconds they pass in.
 *
 * Reading never waits for writing: a peer that echoes while it reads is no deadlock.
 */
import { Buffer } from 'node:buffer';
import { encodeAnyFrame, nextMaskingKey, opcodes, type Role, writeMaskingKey } from '../frame/index.js';
import { createKey, HeadParser, type RequestHead, type ResponseHead } from '../handshake/index.js';
import { escapeText } from '../text.js';
import { compressionOf } from './agreement.js';
import type { ExchangeCase, Expected, ExpectedResponse, Frame, Piece, Step, Target, Verdict } from './case.js';
import { type Chunking, chunkingName, chunksOf, randomFor } from './chunking.js';
import { describeExpected, describeFrame, describeIncoming, describePayload } from './describe.js';
import { EventLog } from './events.js';
import { expectsEnding, type HowEnded, type Inbox, judge, silenceOf } from './expectation.js';
import { Inflater } from './inflate.js';
import {
  bodyEnd,
  isPersistent,
  judgeExtensions,
  judgeRequest,
  judgeStatus,
  judgeSwitching,
  lackOf,
  offersDeflate,
  type Place,
  requestContext,
  responseContext,
} from './opening.js';
import type { Outcome } from './tls-context.js';
import { type Incoming, shownBytes, WireReader } from './wire.js';

export interface ExchangeOptions {
  readonly testCase: ExchangeCase;
  readonly target: Target;
  readonly chunking: Chunking;
  readonly place: Place;
  /** Milliseconds for the whole case. */
  readonly deadline: number;
  /** The keys of all clients of this run: each must be new (RFC 6455 §4.1). */
  readonly usedKeys?: Set<string>;
}

export type Action =
  | { readonly do: 'write'; readonly bytes: Buffer }
  | { readonly do: 'end'; readonly how: 'end' | 'cut' | 'reset' };

type Phase = 'request' | 'response' | 'body' | 'refusal' | 'script';

/** A send of more than this is given up when the peer closes meanwhile: it may have stopped reading. */
const sendsThroughBytes = 64 * 1024;

const onlySwitching: ExpectedResponse = { statuses: [101] };

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #log: EventLog = new EventLog();
  readonly #random: () => number;
  #phase: Phase;
  #now = 0;
  #deadlineAt = 0;
  #outcome: Outcome | undefined;
  readonly #weak: string[] = [];
  /** What an INFO case is to tell. */
  readonly #told: string[] = [];

  // The opening handshake.
  readonly #key: string = createKey();
  #requestHead = '';
  #response: HeadParser<'response'> = new HeadParser('response');
  #request: HeadParser<'request'> = new HeadParser('request');
  #answer: ResponseHead | undefined;
  #body = { received: 0, last: '' };
  #hasAnswered = false;
  /** Whether the response is a 101, if a bad one. */
  #isSwitching = false;
  /** The first bytes of the peer's head, for the report. */
  #headBytes: Buffer = Buffer.alloc(0);

  // What is sent.
  #writer: Generator<Buffer, void, undefined> | undefined;
  #writerBytes = 0;
  #isWithinWrite = false;
  readonly #actions: Action[] = [];
  readonly #pongs: Buffer[] = [];
  #hasEnded = false;

  // What came.
  #reader: WireReader | undefined;
  readonly #inbox: { main: Inbox['main'][number][]; pongs: Buffer[] } = { main: [], pongs: [] };
  #peerEnded: HowEnded | undefined;

  // The script.
  #steps: readonly Step[] = [];
  #step = 0;
  #stepBegan: number | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { chunking, testCase, target } = options;
    this.#random = randomFor(chunking.kind === 'random' ? chunking.seed : 0, testCase.id);
    this.#phase = target === 'server' ? 'response' : 'request';
  }

  /** How it ended, once that is known; nothing needs to be read or written any more then. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** When `elapsed` must be called at the latest. */
  get wakeAt(): number {
    const step = this.#phase === 'script' ? this.#steps[this.#step] : undefined;
    const began = this.#stepBegan ?? this.#now;
    if (step?.do === 'wait') return Math.min(this.#deadlineAt, began + step.ms);
    if (step?.do !== 'expect') return this.#deadlineAt;
    const silence = silenceOf(step.what);
    return Math.min(
      this.#deadlineAt,
      began + (step.within ?? Number.POSITIVE_INFINITY),
      began + (silence ?? Number.POSITIVE_INFINITY),
    );
  }

  /** The connection is there. */
  start(now: number): void {
    this.#tick(now);
    this.#deadlineAt = now + this.#options.deadline;
    if (this.#options.target === 'server') this.#sendRequest();
  }

  received(bytes: Buffer, now: number): void {
    this.#tick(now);
    this.#take(bytes);
    this.#advance();
  }

  /** The peer ended its side, or the connection is gone. Only the first call counts. */
  ended(how: HowEnded, now: number): void {
    if (this.#peerEnded !== undefined || this.#outcome !== undefined) return;
    this.#tick(now);
    this.#peerEnded = how;
    this.#log.add('received', describeIncoming({ kind: 'end', how }));
    if (this.#phase === 'script' || this.#phase === 'refusal') this.#inbox.main.push({ kind: 'end', how });
    else this.#endedEarly();
    this.#advance();
  }

  /** Nothing came, and it is `now`. */
  elapsed(now: number): void {
    if (this.#outcome !== undefined) return;
    this.#tick(now);
    this.#advance();
    if (this.#outcome === undefined && now >= this.#deadlineAt) this.#late(this.#options.deadline);
  }

  /** Returns what to do next; `undefined`: nothing now. To be called again only when the last write has left. */
  take(): Action | undefined {
    for (;;) {
      if (this.#outcome !== undefined) return undefined;
      if (!this.#isWithinWrite) {
        // Whole, and between the sends of the case: the frame is not of the case.
        const pong = this.#pongs.shift();
        if (pong !== undefined) return { do: 'write', bytes: pong };
        const action = this.#actions.shift();
        if (action !== undefined) return action;
      }
      if (this.#writer === undefined) return undefined;
      const next = this.#writer.next();
      if (next.done !== true) {
        this.#isWithinWrite = true;
        this.#writerBytes -= next.value.length;
        return { do: 'write', bytes: next.value };
      }
      this.#stopWriting();
      this.#sent();
    }
  }

  /** Ends the case from outside. */
  abandon(verdict: Verdict, reason: string): void {
    this.#finish(verdict, reason);
  }

  #tick(now: number): void {
    this.#now = now;
    this.#log.now = now;
  }

  // ── the opening handshake

  get #opening(): NonNullable<ExchangeCase['opening']> {
    return this.#options.testCase.opening ?? {};
  }

  get #role(): Role {
    return this.#options.target === 'server' ? 'client' : 'server';
  }

  #sendRequest(): void {
    const { offers, request, behind = [], octets } = this.#opening;
    const context = requestContext(this.#options.place, this.#key, offers);
    const bytes = Buffer.from(bytesOf(request?.(context) ?? context.good()));
    this.#requestHead = bytes.toString('latin1').split('\r\n\r\n', 1)[0]!;
    this.#log.add('sent', `request: ${firstLine(bytes)}`, bytes);
    this.#write([bytes, ...this.#encode(behind)], this.#openingChunking(behind, octets));
  }

  #openingChunking(behind: readonly Piece[], octets: boolean = false): Chunking {
    if (octets) return { kind: 'octets' };
    return behind.length > 0 ? { kind: 'whole' } : this.#options.chunking;
  }

  #take(bytes: Buffer): void {
    if (this.#outcome !== undefined) return;
    if (this.#phase === 'response') this.#takeResponse(bytes);
    else if (this.#phase === 'request') this.#takeRequest(bytes);
    else if (this.#phase === 'body') this.#takeBody(bytes);
    else this.#read(bytes);
  }

  #takeResponse(bytes: Buffer): void {
    const taken = this.#response.push(bytes);
    this.#sawHead(bytes.subarray(0, taken));
    const { head, error } = this.#response;
    if (error !== undefined) {
      this.#log.add('received', 'what is no HTTP response', bytes);
      return this.#violated(`the answer is no HTTP response: ${error.message}`);
    }
    if (head === undefined) return;
    this.#log.add(
      'received',
      `response: ${head.status} ${escapeText(head.reason, 60)}; ${fieldsInWords(head)}`,
      this.#headBytes,
      this.#response.receivedBytes,
    );
    this.#headBytes = Buffer.alloc(0);
    // RFC 9110 §15.2: an interim response is followed by another one.
    if (head.status >= 100 && head.status < 200 && head.status !== 101) {
      this.#response = new HeadParser('response');
      return this.#takeResponse(bytes.subarray(taken));
    }
    const expected = this.#opening.expect ?? onlySwitching;
    const wrongStatus = judgeStatus(head, expected);
    if (wrongStatus !== undefined) return this.#missed(wrongStatus);
    if (expected.weakStatuses?.includes(head.status)) this.#weak.push(`it answered ${head.status}`);
    if (expected.statuses.length > 1) this.#told.push(`it answered ${head.status}`);
    if (head.status === 101) return this.#switched(head, bytes.subarray(taken));
    this.#answer = head;
    this.#phase = 'body';
    this.#takeBody(bytes.subarray(taken));
  }

  #switched(head: ResponseHead, rest: Buffer): void {
    const asked = { key: this.#sentKey(), head: this.#requestHead };
    const fault = judgeSwitching(head, asked) ?? judgeExtensions(head.fields, asked);
    if (fault !== undefined) return this.#violated(fault);
    const value = head.fields.get('Sec-WebSocket-Extensions');
    const wrong = this.#opening.expect?.judgeExtensions?.(value);
    if (wrong !== undefined) return this.#missed(wrong);
    if (
      value === undefined &&
      this.#options.testCase.needs?.includes('deflate') &&
      this.#opening.offers !== undefined
    ) {
      return this.#finish('skipped', `the server declined the offer "${this.#opening.offers}"`);
    }
    this.#open(value, rest);
  }

  /** The key of the request as it was sent: a case may send another one. */
  #sentKey(): string {
    return fieldOf(this.#requestHead, 'sec-websocket-key') ?? this.#key;
  }

  #takeBody(bytes: Buffer): void {
    this.#body.received += bytes.length;
    this.#body.last = (this.#body.last + bytes.toString('latin1', Math.max(0, bytes.length - 5))).slice(-5);
    const mustEnd = this.#opening.expect?.ends;
    if (mustEnd === true || (mustEnd === undefined && !isPersistent(this.#answer!))) return;
    if (this.#isBodyComplete() === true) this.#pass();
    // Nothing says where the body ends, and nothing says that the connection must.
    else if (mustEnd === false && this.#isBodyComplete() === undefined) this.#pass();
  }

  /** `undefined`: it ends with the connection. */
  #isBodyComplete(): boolean | undefined {
    // RFC 9110 §9.3.2: the answer to HEAD has no body.
    const end = this.#requestHead.startsWith('HEAD ') ? 0 : bodyEnd(this.#answer!);
    if (end === undefined) return undefined;
    return end === 'chunked' ? this.#body.last === '0\r\n\r\n' : this.#body.received >= end;
  }

  #endedEarly(): void {
    if (this.#phase === 'body') {
      if (this.#isBodyComplete() === false && this.#peerEnded !== 'reset')
        return this.#missed('the body of the answer was cut short');
      return this.#pass();
    }
    const end = describeIncoming({ kind: 'end', how: this.#peerEnded! });
    if (this.#phase === 'request') return this.#missed(`came ${end} instead of a request`);
    if (this.#response.receivedBytes > 0) return this.#missed(`${end} within the head of the answer`);
    if (this.#opening.expect?.orNoAnswer === true) {
      this.#weak.push(`${end} without an answer`);
      return this.#pass();
    }
    this.#missed(
      `expected an answer with ${(this.#opening.expect ?? onlySwitching).statuses.join(' or ')}; came ${end}`,
    );
  }

  #takeRequest(bytes: Buffer): void {
    if (this.#hasAnswered) return this.#violated('the client sent bytes before it had the answer (RFC 6455 §4.1)');
    const taken = this.#request.push(bytes);
    this.#sawHead(bytes.subarray(0, taken));
    const { head, error } = this.#request;
    if (error !== undefined) {
      this.#log.add('received', 'what is no HTTP request', bytes);
      return this.#violated(`the request is no HTTP request: ${error.message}`);
    }
    if (head === undefined) return;
    this.#log.add(
      'received',
      `request: ${escapeText(`${head.method} ${head.target}`, 120)}; ${fieldsInWords(head)}`,
      this.#headBytes,
      this.#request.receivedBytes,
    );
    const fault = judgeRequest(head, this.#options.place.host) ?? this.#judgeKey(head);
    if (fault !== undefined) return this.#violated(fault);
    if (taken < bytes.length) return this.#violated('the client sent bytes before it had the answer (RFC 6455 §4.1)');
    const lack = this.#lack(head);
    if (lack !== undefined) return this.#finish('skipped', lack);
    this.#hasAnswered = true;
    this.#sendResponse(head);
  }

  #sawHead(bytes: Buffer): void {
    if (this.#headBytes.length < shownBytes) {
      this.#headBytes = Buffer.concat([this.#headBytes, bytes.subarray(0, shownBytes - this.#headBytes.length)]);
    }
  }

  #judgeKey({ fields }: RequestHead): string | undefined {
    const key = fields.get('Sec-WebSocket-Key')!;
    const { usedKeys } = this.#options;
    if (usedKeys?.has(key) === true) return `the client used the key "${key}" before (RFC 6455 §4.1)`;
    usedKeys?.add(key);
    return undefined;
  }

  #lack(head: RequestHead): string | undefined {
    const lack = lackOf(this.#options.testCase.needs, head);
    if (lack !== undefined || this.#options.testCase.needs?.includes('deflate') !== true) return lack;
    const { accepts, clientMust } = this.#opening;
    return accepts === undefined || clientMust === 'fail' || offersDeflate(head, accepts)
      ? undefined
      : `what the client offers does not allow "${accepts}"`;
  }

  #sendResponse(head: RequestHead): void {
    const { accepts, response, behind = [], octets, clientMust } = this.#opening;
    const accepted = accepts !== undefined && offersDeflate(head) ? accepts : undefined;
    const context = responseContext(head, accepted);
    const bytes = Buffer.from(bytesOf(response?.(context) ?? context.good()));
    this.#log.add('sent', `response: ${firstLine(bytes)}`, bytes);
    this.#write([bytes, ...this.#encode(behind)], this.#openingChunking(behind, octets));
    const text = bytes.toString('latin1');
    if (clientMust !== 'fail') return this.#open(fieldOf(text, 'sec-websocket-extensions'), Buffer.alloc(0));
    this.#phase = 'refusal';
    this.#isSwitching = /^HTTP\/1\.1 101\b/.test(text);
    this.#reader = this.#newReader(undefined);
  }

  /** The response that the client must not take is sent: whether it takes it shows when it sends this back. */
  #probe(): void {
    for (const bytes of this.#encode([{ opcode: opcodes.text, payload: Buffer.from('is anybody there?') }])) {
      this.#actions.push({ do: 'write', bytes });
    }
    // The body of another status may go on until the connection ends.
    if (!this.#isSwitching) this.#end('end');
  }

  #open(extensions: string | undefined, rest: Buffer): void {
    this.#phase = 'script';
    this.#reader = this.#newReader(extensions);
    this.#steps = this.#options.testCase.script(this.#options.target, compressionOf(extensions, this.#role));
    if (rest.length > 0) this.#read(rest);
  }

  // ── what is sent

  #encode(pieces: readonly Piece[]): Buffer[] {
    return pieces.map((piece) => {
      if (piece instanceof Uint8Array) {
        this.#log.add('sent', `bytes as they are: ${describePayload(piece, false)}`, piece);
        return Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      }
      const maskingKey = this.#maskingKey(piece);
      const { mask: _, ...frame } = piece;
      const bytes = encodeAnyFrame(maskingKey === undefined ? frame : { ...frame, maskingKey });
      const { announcedLength, ...shown } = frame;
      const text = describeFrame({
        ...shown,
        masked: maskingKey !== undefined,
        ...(announcedLength === undefined ? {} : { length: announcedLength }),
      });
      this.#log.add('sent', text, bytes, bytes.length);
      return bytes;
    });
  }

  #maskingKey({ mask = 'role' }: Frame): Uint8Array | undefined {
    if (typeof mask !== 'string') return mask;
    // RFC 6455 §5.1: the client masks, the server does not.
    if ((this.#role === 'client') !== (mask === 'role')) return undefined;
    const key = new Uint8Array(4);
    writeMaskingKey(key, 0, nextMaskingKey());
    return key;
  }

  #write(parts: readonly Buffer[], chunking: Chunking): void {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (chunking.kind !== 'whole') this.#log.add('note', `sent in pieces: ${chunkingName(chunking)}`);
    this.#writerBytes = bytes.length;
    this.#writer = chunksOf(bytes, chunking, this.#random);
  }

  #stopWriting(): void {
    this.#writer = undefined;
    this.#isWithinWrite = false;
  }

  /** All that was to be written has left. */
  #sent(): void {
    if (this.#phase === 'refusal') return this.#probe();
    const step = this.#phase === 'script' ? this.#steps[this.#step] : undefined;
    // The first write of a case is its request or response, and no step.
    if (step?.do === 'send' && this.#stepBegan !== undefined) this.#nextStep();
    this.#advance();
  }

  #end(how: 'end' | 'cut' | 'reset'): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const text = { end: 'the end of the TCP connection', cut: 'FIN without close_notify', reset: 'RST' }[how];
    this.#log.add('sent', text);
    this.#actions.push({ do: 'end', how });
  }

  // ── what came

  #newReader(extensions: string | undefined): WireReader {
    const peer = this.#options.target;
    const compression = compressionOf(extensions, peer);
    return new WireReader({
      role: peer,
      inflater: compression && new Inflater(compression),
      onFrame: ({ describe, bytes, size }) => this.#log.add('received', describe, bytes, size),
      onIncoming: (incoming) => this.#came(incoming),
    });
  }

  #read(bytes: Buffer): void {
    this.#reader!.push(bytes);
    const { fault } = this.#reader!;
    if (fault === undefined) return;
    if (this.#phase === 'refusal')
      this.#missed(`expected that the client fails the connection without a frame; ${fault}`);
    else this.#violated(fault);
  }

  #came(incoming: Incoming): void {
    if (incoming.kind === 'pong') this.#inbox.pongs.push(incoming.payload);
    else if (incoming.kind !== 'ping') this.#inbox.main.push(incoming);
    else if (!this.#hasEnded) {
      // RFC 6455 §5.5.2
      this.#pongs.push(...this.#encode([{ opcode: opcodes.pong, payload: incoming.payload }]));
    }
  }

  // ── the script

  #nextStep(): void {
    this.#step++;
    this.#stepBegan = undefined;
  }

  /** Goes on as far as it can without waiting. */
  #advance(): void {
    if (this.#phase === 'refusal') return this.#judgeRefusal();
    while (this.#outcome === undefined && this.#phase === 'script') {
      const step = this.#steps[this.#step];
      // The opening handshake, or the send before, is still being written.
      if (this.#writer !== undefined && !this.#givesUpWriting()) return;
      this.#stopWriting();
      if (step?.do === 'send' && this.#stepBegan !== undefined) {
        // Given up: what it led to is looked at by the next step.
        this.#log.add('note', 'the rest was not sent');
        this.#nextStep();
        continue;
      }
      if (step === undefined) return this.#pass();
      this.#stepBegan ??= this.#now;
      if (!this.#perform(step, this.#now - this.#stepBegan)) return;
      this.#nextStep();
    }
  }

  /** Whether the rest of a send is for nobody, as the peer has closed or ended. */
  #givesUpWriting(): boolean {
    if (this.#peerEnded !== undefined) return true;
    return this.#writerBytes > sendsThroughBytes && this.#inbox.main.some(({ kind }) => kind === 'close');
  }

  /** Returns whether the step is done. */
  #perform(step: Step, waited: number): boolean {
    switch (step.do) {
      case 'send': {
        const { chunking } = step;
        this.#write(this.#encode(step.pieces), chunking === undefined ? this.#options.chunking : { kind: chunking });
        return false;
      }
      case 'wait':
        return waited >= step.ms || this.#peerEnded !== undefined;
      case 'end':
        this.#end(step.how);
        return true;
      default:
        return this.#expect(step.what, step.within, waited);
    }
  }

  #expect(what: Expected, within: number | undefined, waited: number): boolean {
    const judgement = judge(what, this.#inbox, waited);
    if (judgement.state === 'missed') {
      this.#missed(judgement.reason);
      return false;
    }
    if (judgement.state === 'waiting') {
      // RFC 6455 §7.1.1: the server ends the TCP connection first; a client waits for it.
      const hasClosed = this.#inbox.main[0]?.kind === 'close';
      if (hasClosed && this.#options.target === 'client' && expectsEnding(what)) this.#end('end');
      if (within !== undefined && waited >= within) this.#late(within);
      return false;
    }
    const used = this.#inbox.main.splice(0, judgement.main);
    this.#inbox.pongs.splice(0, judgement.pongs);
    if (judgement.weak !== undefined) this.#weak.push(judgement.weak);
    if (what.kind === 'oneOf') this.#told.push(`came ${judgement.told}`);
    if (!used.some(({ kind }) => kind === 'end')) return true;
    // After a lawful end there is nobody left for the steps that follow.
    this.#pass();
    return false;
  }

  #judgeRefusal(): void {
    const [first] = this.#inbox.main;
    if (first === undefined || this.#outcome !== undefined) return;
    if (first.kind === 'end') this.#pass();
    else this.#missed(`expected that the client fails the connection without a frame; came ${describeIncoming(first)}`);
  }

  #late(ms: number): void {
    const step = this.#phase === 'script' ? this.#steps[this.#step] : undefined;
    const first = this.#inbox.main[0];
    const nothing = `in ${ms} ms came nothing${this.#reader?.isWithinFrame === true ? ' whole' : ''}`;
    if (this.#phase === 'response') return this.#missed(`expected an answer to the request; ${nothing}`);
    if (this.#phase === 'request') return this.#missed(`expected a request; ${nothing}`);
    if (this.#phase === 'body')
      return this.#missed(`expected the end of the connection after the answer; in ${ms} ms it did not come`);
    if (this.#phase === 'refusal') return this.#missed(`expected that the client fails the connection; ${nothing}`);
    if (step?.do === 'send') return this.#missed(`the peer did not read what was sent for ${ms} ms`);
    if (step?.do !== 'expect') return this.#missed(`the case took longer than ${ms} ms`);
    if (first?.kind === 'close' && this.#hasEnded && this.#options.target === 'client') {
      // RFC 6455 §7.1.1 sets a client no time to end the TCP connection in, and the runner has ended its side.
      this.#weak.push(`the client did not end the TCP connection in ${ms} ms after the runner had`);
      this.#inbox.main.push({ kind: 'end', how: 'end' });
      return this.#advance();
    }
    const came = first === undefined ? nothing : `in ${ms} ms came only ${describeIncoming(first)}`;
    const [pong] = this.#inbox.pongs;
    const beside = pong === undefined || step.what.kind !== 'pong' ? '' : `, and a pong of ${describePayload(pong)}`;
    this.#missed(`expected ${describeExpected(step.what)}; ${came}${beside}`);
  }

  // ── the outcome

  /** The peer did not do what the case is about. */
  #missed(reason: string): void {
    this.#finish(this.#options.testCase.severity === 'INFO' ? 'noted' : 'failed', reason);
  }

  /** The peer broke a rule that holds in every case. */
  #violated(reason: string): void {
    this.#finish('failed', reason, reason);
  }

  #pass(): void {
    if (this.#weak.length > 0) this.#finish('weak', this.#weak.join('; '));
    else if (this.#options.testCase.severity === 'INFO' && this.#told.length > 0)
      this.#finish('noted', this.#told.join('; '));
    else this.#finish('passed', '');
  }

  #finish(verdict: Verdict, reason: string, violation?: string): void {
    if (this.#outcome !== undefined) return;
    if (reason !== '') this.#log.add('note', reason);
    this.#outcome = { verdict, reason, events: this.#log.all, ...(violation === undefined ? {} : { violation }) };
    this.#writer = undefined;
    this.#actions.length = 0;
  }
}

/** The value of the first field of a name, in a head as it was sent. */
function fieldOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, 'im').exec(head)?.[1];
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
}

function firstLine(bytes: Buffer): string {
  return escapeText(bytes.toString('latin1', 0, 200).split('\r\n', 1)[0]!, 120);
}

function fieldsInWords({ fields }: RequestHead | ResponseHead): string {
  return [...fields]
    .slice(0, 20)
    .map(([name, value]) => `${escapeText(name, 60)}: ${escapeText(value, 120)}`)
    .join('; ');
}
