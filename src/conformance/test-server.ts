/** Tests a server: connects to it, once for each case. */
import { setMaxListeners } from 'node:events';
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { unlocked } from '../tls/pki/forgery/index.js';
import type { Case, CaseResult, ExchangeCase } from './case.js';
import { chunkingName } from './chunking.js';
import { Exchange } from './exchange.js';
import { deadlineOf, type RunOptions, type Task, tasksOf, timeLimit } from './options.js';
import { caseOf, echoText, goodbye } from './script.js';
import { runTlsCase } from './tls-cases.js';
import type { Outcome, TlsServerContext } from './tls-context.js';
import { openLink, pump, type ServerAddress } from './transport.js';

export interface TestServerOptions extends RunOptions {
  /** `wss:`, or `ws:` for a server without TLS. */
  readonly url: string | URL;
  /** How many cases are run at once. Default 8. */
  readonly parallel?: number | undefined;
  /** The name that the server's certificate is for. Default: the host of the URL. */
  readonly serverName?: string | undefined;
  /** Another name on the same listener, for the cases about names. */
  readonly otherHost?: string | undefined;
}

/** Reports that the server could not even be reached, or does not take an ordinary connection. */
export class NotTestableError extends Error {}

const chunking = { kind: 'whole' } as const;

/** The ordinary handshake, one echo, the end. */
export const greeting: ExchangeCase = caseOf('opening')('greeting', 'echoes', { section: 'RFC 6455 §4' }, () => [
  ...echoText('hello'),
  ...goodbye(),
]);

/**
 * Runs the cases against a server that echoes whole messages. Resolves with the results in the order of the cases.
 *
 * @throws UsageError when the options make no run, NotTestableError when an ordinary connection cannot be had
 */
export async function testServer(options: TestServerOptions): Promise<readonly CaseResult[]> {
  const tasks = tasksOf(options, 'server');
  const run = new ServerRun(options);
  await run.check();
  const agreesToDeflate =
    tasks.some(({ testCase }) => testCase.needs?.includes('deflate')) && (await run.agreesToDeflate());
  const results: CaseResult[] = new Array(tasks.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < tasks.length) {
      const index = next++;
      const result = await run.result(tasks[index]!, agreesToDeflate);
      results[index] = result;
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.parallel ?? 8) }, work));
  run.release();
  return results;
}

class ServerRun {
  readonly #options: TestServerOptions;
  readonly #url: URL;
  readonly #address: ServerAddress;
  readonly #signal: AbortSignal;
  /** Leaves the signal of the options alone again. */
  readonly release: () => void;

  constructor(options: TestServerOptions) {
    this.#options = options;
    // One of our own: as many listen to it as cases run at once.
    const ended = new AbortController();
    setMaxListeners(0, ended.signal);
    const end = (): void => ended.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', end);
    if (options.signal?.aborted === true) end();
    this.#signal = ended.signal;
    this.release = () => options.signal?.removeEventListener('abort', end);
    this.#url = parseUrl(options.url);
    const isSecure = this.#url.protocol === 'wss:';
    const { ca, cert, key, passphrase, minVersion } = options;
    if (isSecure && ca === undefined)
      throw new UsageError('ca-missing', 'ca: a wss: server is verified against it', { option: 'ca' });
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#address = {
      host,
      port: Number(this.#url.port || (isSecure ? 443 : 80)),
      serverName: options.serverName ?? host,
      credentials: isSecure ? { ca: ca!, cert, key, passphrase, minVersion } : undefined,
    };
  }

  /** @throws NotTestableError */
  async check(): Promise<void> {
    const { verdict, reason } = await this.#exchange(greeting, chunking, this.#options.timeout ?? 10_000);
    if (this.#signal.aborted) throw new NotTestableError('the run was ended');
    // What else is wrong with it the cases tell.
    if (verdict === 'broken') throw new NotTestableError(reason);
  }

  /** Asks for compression as browsers do. */
  async agreesToDeflate(): Promise<boolean> {
    let hasAgreed = false;
    const probe: ExchangeCase = {
      ...greeting,
      opening: {
        offers: 'permessage-deflate; client_max_window_bits',
        expect: {
          statuses: [101],
          judgeExtensions: (value) => {
            hasAgreed = value !== undefined;
            return undefined;
          },
        },
      },
    };
    await this.#exchange(probe, chunking, this.#options.timeout ?? 10_000);
    return hasAgreed;
  }

  async result(task: Task, agreesToDeflate: boolean): Promise<CaseResult> {
    const { testCase } = task;
    const began = performance.now();
    const outcome = await this.#outcome(task, agreesToDeflate);
    return {
      case: testCase,
      target: 'server',
      ...outcome,
      chunking: chunkingName(task.chunking),
      durationMs: Math.round(performance.now() - began),
    };
  }

  async #outcome({ testCase, chunking }: Task, agreesToDeflate: boolean): Promise<Outcome> {
    if (this.#signal.aborted) return { verdict: 'broken', reason: 'the run was ended', events: [] };
    const lack = this.#lack(testCase, agreesToDeflate);
    if (lack !== undefined) return { verdict: 'skipped', reason: lack, events: [] };
    const deadline = deadlineOf(testCase, this.#options);
    if (testCase.kind === 'exchange') return this.#exchange(testCase, chunking, deadline);
    const { signal, clear } = timeLimit(deadline, this.#signal);
    const late = new Promise<Outcome>((resolve) => {
      signal.addEventListener('abort', () =>
        resolve({ verdict: 'failed', reason: `not done after ${deadline} ms`, events: [] }),
      );
    });
    return Promise.race([runTlsCase(testCase, this.#tlsContext(deadline, signal)), late]).finally(clear);
  }

  #lack({ needs = [] }: Case, agreesToDeflate: boolean): string | undefined {
    const { caKey, badCertificates, otherHost } = this.#options;
    if (needs.includes('tls') && this.#url.protocol !== 'wss:') return 'the server does not speak TLS';
    if (needs.includes('bad-certificates') && caKey === undefined && badCertificates === undefined) {
      return 'needs certificates that its CA signed and that are bad: --ca-key or --bad-certs';
    }
    if (needs.includes('other-host') && otherHost === undefined)
      return 'needs a second name of the server: --other-host';
    if (needs.includes('deflate') && !agreesToDeflate) return 'the server does not agree to permessage-deflate';
    return undefined;
  }

  async #exchange(testCase: ExchangeCase, chunking: Task['chunking'], deadline: number): Promise<Outcome> {
    const exchange = new Exchange({ testCase, target: 'server', chunking, deadline, place: this.#place() });
    const { signal, clear } = timeLimit(deadline, this.#signal);
    try {
      const link = await openLink(this.#address, signal).finally(clear);
      return await pump(link, exchange, this.#signal);
    } catch (error) {
      const { host, port } = this.#address;
      return {
        verdict: 'broken',
        reason: `cannot connect to ${host}:${port}: ${escapeText((error as Error).message)}`,
        events: [],
      };
    }
  }

  #place(): { path: string; host: string } {
    return { path: `${this.#url.pathname}${this.#url.search}`, host: this.#url.host };
  }

  #tlsContext(deadline: number, signal: AbortSignal): TlsServerContext {
    const { ca, cert = '', key = '', caKey, passphrase, badCertificates, otherHost } = this.#options;
    const { host, port, serverName } = this.#address;
    return {
      ...{
        target: 'server',
        url: this.#url.href,
        host,
        port,
        serverName,
        otherHost,
        deadline,
        signal,
        badCertificates,
      },
      ...{
        ca: String(ca),
        cert: String(cert),
        key: unlocked(String(key), passphrase),
        caKey: caKey === undefined ? undefined : unlocked(String(caKey), passphrase),
      },
      exchange: (socket) => {
        socket.on('error', () => {});
        const options = { testCase: greeting, target: 'server', chunking, deadline, place: this.#place() } as const;
        return pump({ socket, tcp: socket }, new Exchange(options), signal);
      },
    };
  }
}

function parseUrl(input: string | URL): URL {
  const shown = `"${escapeText(String(input))}"`;
  const fault = (why: string): UsageError =>
    new UsageError('url-malformed', `${shown} ${why} (RFC 6455 §3)`, { option: 'url' });
  if (!URL.canParse(String(input))) throw fault('is no URL: it has the form wss://HOST[:PORT]/PATH');
  const url = new URL(input);
  if (url.protocol !== 'wss:' && url.protocol !== 'ws:') throw fault('is neither wss: nor ws:');
  if (url.href.includes('#')) throw fault('has a fragment');
  if (url.username !== '' || url.password !== '') throw fault('has a user name');
  return url;
}
