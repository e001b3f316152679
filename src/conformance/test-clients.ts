/**
 * Tests clients: listens, and hands out the cases to whoever asks.
 *
 * A driver asks at `/next`: it is sent one text message, the URL of a case or nothing when there is none left, and is closed
 * with 1000. It connects to that URL, sends whole messages back until the connection ends, however it ends, and asks again.
 */
import type { Buffer } from 'node:buffer';
import { setMaxListeners } from 'node:events';
import { UsageError } from '../errors.js';
import { HeadParser, plainResponse, type RequestHead } from '../handshake/index.js';
import { escapeText } from '../text.js';
import { unlocked } from '../tls/pki/forgery/index.js';
import type { Case, CaseResult, ExchangeCase } from './case.js';
import { chunkingName } from './chunking.js';
import { Exchange } from './exchange.js';
import { deadlineOf, type RunOptions, type Task, tasksOf, timeLimit } from './options.js';
import { caseOf, close, closes, send, text } from './script.js';
import { greeting } from './test-server.js';
import { runTlsCase } from './tls-cases.js';
import type { ExtraListener, Outcome, TlsClientContext } from './tls-context.js';
import { type Link, type Listening, listenForClients, pump, type RunnerCredentials } from './transport.js';

export interface TestClientsOptions extends RunOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** The host in the URLs that are handed out. Default: `host`. */
  readonly serverName?: string | undefined;
  /** Milliseconds without any client after which the run is ended. Default 60,000. */
  readonly patience?: number | undefined;
  /** Called with the URL at which drivers ask, once that is possible. */
  readonly onListening?: ((url: string) => void) | undefined;
  /** Called with what went wrong beside the cases: a client that could not be let in. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** A case on its way: its number in the URL, its place in the results. */
interface Assignment {
  readonly index: number;
  readonly task: Task;
  readonly began: number;
  readonly timer: NodeJS.Timeout;
}

const whole = { kind: 'whole' } as const;

/** How long a client that connected may take for its request, in milliseconds. */
const headDeadline = 10_000;

/** How long drivers are waited for after the last case, so that they hear that it was the last, in milliseconds. */
const lingering = 2_000;
/** How long for another one, once one of them has heard it. */
const lingeringForMore = 300;

const defaultPatience = 60_000;

/**
 * Runs the cases against the clients that ask for them. Resolves with the results in the order of the cases.
 *
 * @throws UsageError when the options make no run; what Node says when it cannot listen
 */
export async function testClients(options: TestClientsOptions): Promise<readonly CaseResult[]> {
  const run = new ClientRun(options, tasksOf(options, 'client'));
  await run.listen();
  return run.done;
}

class ClientRun {
  readonly done: Promise<readonly CaseResult[]>;
  readonly #options: TestClientsOptions;
  readonly #tasks: readonly Task[];
  readonly #credentials: RunnerCredentials | undefined;
  readonly #host: string;
  readonly #urlHost: string;
  readonly #ended = new AbortController();
  readonly #results: CaseResult[];
  readonly #usedKeys = new Set<string>();
  readonly #assignments = new Map<number, Assignment>();
  #listening: Listening | undefined;
  #next = 0;
  #recorded = 0;
  /** Cases under way, those that a client has yet to come for among them; and the most at once, which is how many drivers there are. */
  #active = 0;
  #mostActive = 1;
  /** How many drivers have heard that there is nothing left. */
  #dismissed = 0;
  #patience: NodeJS.Timeout | undefined;
  #resolve: (results: readonly CaseResult[]) => void = () => {};

  constructor(options: TestClientsOptions, tasks: readonly Task[]) {
    const { ca, cert, key, passphrase, minVersion, host = '127.0.0.1', serverName = host } = options;
    setMaxListeners(0, this.#ended.signal);
    this.#options = options;
    this.#tasks = tasks;
    this.#results = new Array(tasks.length);
    this.#host = host.replace(/^\[(.*)\]$/, '$1');
    this.#urlHost = serverName.includes(':') && !serverName.startsWith('[') ? `[${serverName}]` : serverName;
    if (cert !== undefined && (ca === undefined || key === undefined)) {
      throw new UsageError('ca-missing', 'ca, cert and key belong together', {
        option: ca === undefined ? 'ca' : 'key',
      });
    }
    if (cert === undefined && ca !== undefined)
      throw new UsageError('cert-missing', 'cert: TLS needs one', { option: 'cert' });
    this.#credentials = ca === undefined ? undefined : { ca, cert, key, passphrase, minVersion };
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  async listen(): Promise<void> {
    const { port = 0, signal, onListening } = this.#options;
    this.#listening = await listenForClients({ host: this.#host, port }, this.#credentials, {
      link: (link) => void this.#route(link),
      failed: (error) => this.#note(`a client was not let in: ${error.message}`),
    });
    onListening?.(this.#url('/next'));
    const end = (): void => this.#end('the run was ended');
    signal?.addEventListener('abort', end);
    void this.done.then(() => signal?.removeEventListener('abort', end));
    if (signal?.aborted === true) end();
    this.#touch();
  }

  #note(text: string): void {
    this.#options.onNote?.(escapeText(text));
  }

  #place(port: number = this.#listening!.port): { path: string; host: string } {
    const isDefault = port === (this.#credentials === undefined ? 80 : 443);
    return { path: '/', host: isDefault ? this.#urlHost : `${this.#urlHost}:${port}` };
  }

  #url(path: string, port?: number): string {
    return `${this.#credentials === undefined ? 'ws' : 'wss'}://${this.#place(port).host}${path}`;
  }

  /** A client came, or a case is done: patience begins anew. */
  #touch(): void {
    if (this.#isDone) return;
    clearTimeout(this.#patience);
    const { patience = defaultPatience } = this.#options;
    this.#patience = setTimeout(() => {
      if (this.#active > 0) this.#touch();
      else this.#end(`no client asked for it in ${patience} ms`);
    }, patience);
  }

  // ── connections

  /** Reads the head of the request, to know whom it is for; those bytes are read again by the exchange. */
  async #route(link: Link): Promise<void> {
    const { socket } = link;
    const parser = new HeadParser('request');
    const first: Buffer[] = [];
    const { signal, clear } = timeLimit(headDeadline, this.#ended.signal);
    const head = await new Promise<RequestHead | undefined>((resolve) => {
      const onData = (bytes: Buffer): void => {
        first.push(bytes);
        parser.push(bytes);
        if (parser.head !== undefined || parser.error !== undefined) finish();
      };
      const finish = (): void => {
        socket.off('data', onData).off('close', finish);
        socket.pause();
        resolve(parser.head);
      };
      socket.on('data', onData).on('close', finish);
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
    }).finally(clear);
    if (head === undefined) {
      if (parser.error !== undefined) this.#note(`a client sent what is no request: ${parser.error.message}`);
      socket.destroy();
      return;
    }
    this.#touch();
    const [path, query = ''] = head.target.split('?', 2);
    if (path === '/next') return this.#answerNext(link, first);
    const assignment = path!.startsWith('/case/') ? this.#assignments.get(Number(query.replace('n=', ''))) : undefined;
    if (assignment === undefined) {
      socket.end(plainResponse(404, 'no case has this URL now; ask at /next\n', { method: head.method }));
      socket.resume();
      return;
    }
    await this.#runCase(link, first, assignment);
  }

  async #answerNext(link: Link, first: readonly Buffer[]): Promise<void> {
    const url = await this.#assign();
    await this.#exchange(link, nextCase(url), whole, headDeadline, first);
    if (url !== '') return;
    this.#dismissed++;
    this.#linger();
  }

  async #runCase(link: Link, first: readonly Buffer[], assignment: Assignment): Promise<void> {
    const { index, task, timer } = assignment;
    clearTimeout(timer);
    this.#assignments.delete(index);
    const testCase = task.testCase as ExchangeCase;
    const deadline = deadlineOf(testCase, this.#options);
    this.#record(assignment, await this.#exchange(link, testCase, task.chunking, deadline, first));
  }

  #exchange(
    link: Link,
    testCase: ExchangeCase,
    chunking: Task['chunking'],
    deadline: number,
    first: readonly Buffer[],
  ): Promise<Outcome> {
    const place = this.#place(link.socket.localPort);
    const options = { testCase, target: 'client', chunking, deadline, place, usedKeys: this.#usedKeys } as const;
    return pump(link, new Exchange(options), this.#ended.signal, first);
  }

  // ── cases

  /** Returns the URL of the next case that this client can be tested with; empty when there is none. */
  async #assign(): Promise<string> {
    while (this.#next < this.#tasks.length && !this.#ended.signal.aborted) {
      const index = this.#next++;
      const task = this.#tasks[index]!;
      const { testCase } = task;
      this.#active++;
      this.#mostActive = Math.max(this.#mostActive, this.#active);
      const deadline = deadlineOf(testCase, this.#options);
      const late = (): void => {
        this.#assignments.delete(index);
        this.#record(assignment, {
          verdict: 'failed',
          reason: `the client did not come to ${url} in ${deadline} ms`,
          events: [],
        });
      };
      const url = this.#url(`/case/${testCase.id}?n=${index}`);
      const isAwaited = testCase.kind === 'exchange';
      const timer = setTimeout(isAwaited ? late : () => {}, isAwaited ? deadline : 0);
      const assignment: Assignment = { index, task, began: performance.now(), timer };
      const lack = this.#lack(testCase);
      if (lack !== undefined) {
        clearTimeout(timer);
        this.#record(assignment, { verdict: 'skipped', reason: lack, events: [] });
      } else if (isAwaited) {
        this.#assignments.set(index, assignment);
        return url;
      } else {
        const invitation = await this.#runTlsCase(assignment, deadline);
        if (invitation !== undefined) return invitation;
      }
    }
    return '';
  }

  #lack({ needs = [] }: Case): string | undefined {
    const { caKey, badCertificates } = this.#options;
    if (needs.includes('tls') && this.#credentials === undefined) return 'the run is without TLS';
    if (needs.includes('bad-certificates') && caKey === undefined && badCertificates === undefined) {
      return 'needs certificates that its CA signed and that are bad: --ca-key or --bad-certs';
    }
    // What a client offers is looked at in the request of the case itself.
    return undefined;
  }

  /** Returns the URL that the client is to be sent to; `undefined` when the case was done without it. */
  #runTlsCase(assignment: Assignment, deadline: number): Promise<string | undefined> {
    const { testCase } = assignment.task;
    const { signal, clear } = timeLimit(deadline, this.#ended.signal);
    const listeners: Listening[] = [];
    return new Promise((resolve) => {
      const late = new Promise<Outcome>((settle) => {
        signal.addEventListener('abort', () =>
          settle({ verdict: 'failed', reason: `not done after ${deadline} ms`, events: [] }),
        );
      });
      const { ca, cert, key } = this.#credentials ?? { ca: '' };
      const { caKey, passphrase, badCertificates } = this.#options;
      const context: TlsClientContext = {
        ...{ target: 'client', host: this.#urlHost.replace(/^\[(.*)\]$/, '$1'), deadline, signal, badCertificates },
        ...{
          ca: String(ca),
          cert: String(cert),
          key: unlocked(String(key), passphrase),
          caKey: caKey === undefined ? undefined : unlocked(String(caKey), passphrase),
        },
        invite: resolve,
        exchange: (socket) => this.#exchange({ socket, tcp: socket }, greeting, whole, deadline, []),
        listen: async (changes, { connection, secure, failed }): Promise<ExtraListener> => {
          const handlers = {
            connection,
            failed,
            link: ({ socket }: Link) => secure?.(socket as Parameters<typeof secure>[0]),
          };
          const listening = await listenForClients(
            { host: this.#host, port: 0 },
            changes === undefined ? undefined : this.#credentials,
            handlers,
            changes,
          );
          listeners.push(listening);
          return { port: listening.port, url: this.#url(`/case/${testCase.id}`, listening.port) };
        },
      };
      if (testCase.kind !== 'tls') return resolve(undefined);
      void Promise.race([runTlsCase(testCase, context), late]).then((outcome) => {
        clear();
        for (const listening of listeners) void listening.close();
        this.#record(assignment, outcome);
        resolve(undefined);
      });
    });
  }

  // ── results

  #record({ index, task, began }: Assignment, outcome: Outcome): void {
    if (this.#results[index] !== undefined) return;
    this.#active--;
    this.#add(index, {
      case: task.testCase,
      target: 'client',
      ...outcome,
      chunking: chunkingName(task.chunking),
      durationMs: Math.round(performance.now() - began),
    });
    this.#touch();
    this.#linger();
  }

  /** After the last case: the drivers ask once more, and are told that there is none. */
  #linger(): void {
    if (!this.#isDone) return;
    const rest = this.#dismissed >= this.#mostActive ? 0 : this.#dismissed > 0 ? lingeringForMore : lingering;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#finish(), rest);
  }

  #add(index: number, result: CaseResult): void {
    this.#results[index] = result;
    this.#recorded++;
    this.#options.onResult?.(result);
  }

  get #isDone(): boolean {
    return this.#recorded === this.#tasks.length;
  }

  /** Ends the run before its time: what has no result is broken. */
  #end(reason: string): void {
    this.#ended.abort(new Error(reason));
    for (const { timer } of this.#assignments.values()) clearTimeout(timer);
    for (const [index, { testCase, chunking }] of this.#tasks.entries()) {
      if (this.#results[index] !== undefined) continue;
      const what = { case: testCase, target: 'client', chunking: chunkingName(chunking) } as const;
      this.#add(index, { ...what, verdict: 'broken', reason, durationMs: 0, events: [] });
    }
    this.#finish();
  }

  #finish(): void {
    clearTimeout(this.#patience);
    this.#ended.abort(new Error('the run is over'));
    void this.#listening!.close().then(() => this.#resolve(this.#results));
  }
}

/** Tells a driver where to go. */
function nextCase(url: string): ExchangeCase {
  return caseOf('opening')('next', 'is told the next case', { section: 'RFC 6455 §4' }, () => [
    send(text(url)),
    send(close(1000)),
    closes(1000),
  ]);
}
