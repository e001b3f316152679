/**
 * The other libraries that are measured. They are dependencies of `bench/package.json` alone, are loaded from there and
 * may be missing: then they are left out.
 */
import { spawnSync } from 'node:child_process';
import type { Server as HttpsServer } from 'node:https';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The folder `bench` of the sources; this file runs from `dist/bench`. */
export const benchFolder: URL = new URL('../../bench/', import.meta.url);

const require = createRequire(new URL('package.json', benchFolder));

/** As much of `ws` as is used here. */
export interface WsModule {
  readonly WebSocketServer: new (options: {
    server: HttpsServer;
    perMessageDeflate: false;
  }) => {
    on(event: 'connection', listener: (socket: WsSocket) => void): void;
  };
  readonly Receiver: new (options: {
    isServer: true;
  }) => {
    on(event: 'message', listener: (data: Buffer) => void): void;
    write(bytes: Buffer): void;
  };
  readonly PerMessageDeflate: new (options: {
    threshold: number;
    isServer: boolean;
    zlibDeflateOptions: object;
  }) => {
    accept(offers: object[]): void;
    compress(data: Buffer, fin: boolean, done: (error: Error | null, data: Buffer) => void): void;
    decompress(data: Buffer, fin: boolean, done: (error: Error | null, data: Buffer) => void): void;
  };
}

export interface WsSocket {
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: 'error', listener: () => void): void;
  send(data: Buffer, options: { binary: boolean }): void;
}

/** The native masking that `ws` uses when it is there. */
export interface Bufferutil {
  mask(source: Buffer, key: Buffer, target: Buffer, offset: number, length: number): void;
}

/** The environment that makes `ws` do without its native addition. */
export const withoutBufferutil = { WS_NO_BUFFER_UTIL: '1' } as const;

export function loadWs(): WsModule | undefined {
  return load('ws') as WsModule | undefined;
}

/** Returns `bufferutil` if its native form runs here; its fallback in JavaScript is of no interest. */
export function loadBufferutil(): Bufferutil | undefined {
  const loaded = load('bufferutil') as Bufferutil | undefined;
  return loaded !== undefined && loaded !== load('bufferutil/fallback') ? loaded : undefined;
}

/** Returns the version of an installed peer, or `undefined`. */
export function peerVersion(name: string): string | undefined {
  return (load(`${name}/package.json`) as { version: string } | undefined)?.version;
}

function load(name: string): unknown {
  try {
    return require(name);
  } catch {
    return undefined;
  }
}

/** Installs the peers if they are missing; says so, and says so when it cannot. */
export function installPeers(say: (line: string) => void): void {
  if (peerVersion('ws') !== undefined) return;
  say('installing the peers that are measured against: npm ci in bench/');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: fileURLToPath(benchFolder),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0 || peerVersion('ws') === undefined) say('COULD NOT INSTALL THE PEERS: ws IS NOT MEASURED');
}
