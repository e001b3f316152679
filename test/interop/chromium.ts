/** Chromium without a window, told what to do over a pair of pipes (the Chrome DevTools Protocol). */
import { Buffer } from 'node:buffer';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--remote-debugging-pipe'],
];

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

type Waiting = { resolve(result: Record<string, unknown>): void; reject(error: Error): void };

export class Page {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #loaded = new Set<string>();
  readonly #loads = new Map<string, () => void>();
  #session: string | undefined;
  #last = 0;
  #input: Buffer[] = [];
  /** What the console said that is a warning or worse, and what was thrown. */
  readonly complaints: string[] = [];
  /** The URL of each request. */
  readonly requests: string[] = [];

  private constructor() {
    this.#profile = mkdtempSync(join(tmpdir(), 'mtls-ws-chromium-'));
    // What it says to a terminal is about the machine, not the page.
    this.#child = spawn('chromium', [...flags, `--user-data-dir=${this.#profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    (this.#child.stdio[4] as Readable).on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#child.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('chromium ended'));
    });
  }

  /** Opens a browser with one empty page. */
  static async open(): Promise<Page> {
    const page = new Page();
    const { targetId } = await page.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await page.send('Target.attachToTarget', { targetId, flatten: true });
    page.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.send(`${domain}.enable`);
    await page.send('Page.setLifecycleEventsEnabled', { enabled: true });
    return page;
  }

  /** Loads a URL anew, even if only its fragment is another one. */
  async navigate(url: string): Promise<void> {
    for (const next of ['about:blank', url]) {
      const { loaderId } = await this.send('Page.navigate', { url: next });
      if (!this.#loaded.has(loaderId as string)) {
        await new Promise<void>((resolve) => this.#loads.set(loaderId as string, resolve));
      }
    }
  }

  /** Returns the value of an expression, awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (answer['exceptionDetails'] !== undefined) throw new Error(JSON.stringify(answer['exceptionDetails']));
    return (answer['result'] as { value?: unknown }).value;
  }

  send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async close(): Promise<void> {
    this.#session = undefined;
    const ended = once(this.#child, 'close');
    await this.send('Browser.close').catch(() => this.#child.kill('SIGKILL'));
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Each message ends with a zero octet. */
  #receive(bytes: Buffer): void {
    for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0)) {
      this.#handle(JSON.parse(Buffer.concat([...this.#input, bytes.subarray(0, end)]).toString()) as Message);
      this.#input = [];
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > 0) this.#input.push(bytes);
  }

  #handle({ id, method, params = {}, result, error }: Message): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result ?? {});
      else waiting?.reject(new Error(error.message));
    }
    switch (method) {
      case 'Page.lifecycleEvent': {
        const { name, loaderId } = params as { name: string; loaderId: string };
        if (name !== 'load') break;
        this.#loaded.add(loaderId);
        this.#loads.get(loaderId)?.();
        break;
      }
      case 'Network.requestWillBeSent':
        if (params['documentURL'] !== 'about:blank') this.requests.push((params['request'] as { url: string }).url);
        break;
      case 'Runtime.exceptionThrown':
      case 'Runtime.consoleAPICalled':
      case 'Log.entryAdded':
        this.complaints.push(JSON.stringify(params));
        break;
      default:
        break;
    }
  }
}
