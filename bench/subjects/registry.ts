/** What is measured: how each echo server is started, and what is to be known of it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Built, build } from '../load/build.js';
import { benchFolder, loadBufferutil, peerVersion, withoutBufferutil } from '../peers.js';

export interface Subject {
  readonly id: string;
  /** As in tables and charts. */
  readonly label: string;
  /** `raw`: TLS alone. */
  readonly kind: 'raw' | 'ws';
  /** Runs on Node, and so on each version of it. */
  readonly isNode: boolean;
  /** Measured in every row; the others in some. */
  readonly isCore: boolean;
  /** The program and its first arguments; `node` is the Node to use. Or why it cannot run here. */
  command(node: string): readonly string[] | { readonly missing: string };
  readonly env?: Readonly<Record<string, string>>;
  /** Is no echo server: measured in handshakes alone. */
  readonly onlyAnswers?: boolean;
  /** Does what `--session-resumption` and `--compress` ask for. */
  readonly resumes?: boolean;
  readonly compresses?: boolean;
  /** What a reader has to know. */
  readonly note?: string;
}

const require = createRequire(new URL('package.json', benchFolder));
const path = (name: string): string => fileURLToPath(new URL(name, benchFolder));
const serve = path('../dist/src/cli/main.js');

/** A server in JavaScript that needs a package of this folder, or none. */
function script(file: string, needs?: string): Subject['command'] {
  return (node) =>
    needs === undefined || peerVersion(needs) !== undefined
      ? [node, path(`subjects/${file}`)]
      : { missing: `${needs} is not installed` };
}

/** A program that comes inside a package: where it lies depends on the platform, and on whether npm ran its scripts. */
function program(name: string, files: readonly string[], ...args: readonly string[]): Subject['command'] {
  return () => {
    const binary = files.map((file) => path(`node_modules/${file}`)).find((found) => existsSync(found));
    return binary === undefined ? { missing: `${name} is not installed` } : [binary, ...args];
  };
}
const bunFiles = ['@oven/bun-linux-x64/bin/bun', '@oven/bun-linux-aarch64/bin/bun', 'bun/bin/bun.exe'];
const denoFiles = ['@deno/linux-x64-glibc/deno', '@deno/linux-arm64-glibc/deno'];

function compiled(result: Built): ReturnType<Subject['command']> {
  return 'path' in result ? [result.path] : result;
}

const node = { kind: 'ws', isNode: true, isCore: true } as const;
const other = { kind: 'ws', isNode: false, isCore: false } as const;

export const subjects: readonly Subject[] = [
  {
    id: 'raw',
    label: 'raw node:tls',
    ...node,
    kind: 'raw',
    resumes: true,
    command: script('raw.mjs'),
    note: 'The limit: bytes echoed as they come, no WebSocket.',
  },
  {
    id: 'raw-answer',
    label: 'raw node:tls with an answer',
    ...node,
    onlyAnswers: true,
    resumes: true,
    command: script('raw-answer.mjs'),
    note: 'Answers the first thing that comes with a fixed 101, unread: what the exchange costs by itself, in handshakes.',
  },
  {
    id: 'ours',
    label: 'mtls-ws',
    ...node,
    resumes: true,
    compresses: true,
    command: (node) => [node, serve, 'serve'],
    note: '`mtls-ws serve`: the fast handler.',
  },
  {
    id: 'ours-message',
    label: 'mtls-ws, message event',
    ...node,
    compresses: true,
    command: script('ours-message.mjs'),
    note: 'The `message` event: a string or Buffer of its own for each message.',
  },
  {
    id: 'ours-public',
    label: 'mtls-ws, documented paths',
    ...node,
    command: (node) => [node, serve, 'serve'],
    env: { MTLS_WS_PUBLIC_PATHS: '1' },
    note: 'The fast handler, with nothing but what Node documents.',
  },
  {
    id: 'ws',
    label: 'ws',
    ...node,
    resumes: true,
    compresses: true,
    command: script('ws.mjs', 'ws'),
    env: withoutBufferutil,
  },
  {
    id: 'ws+bufferutil',
    label: 'ws + bufferutil',
    ...node,
    command: (node) =>
      loadBufferutil() === undefined ? { missing: 'bufferutil is not installed' } : script('ws.mjs', 'ws')(node),
    note: 'ws with its native add-on for masking.',
  },
  {
    id: 'faye-websocket',
    label: 'faye-websocket',
    ...node,
    isCore: false,
    command: script('faye-websocket.mjs', 'faye-websocket'),
  },
  { id: 'websocket', label: 'websocket', ...node, isCore: false, command: script('websocket.mjs', 'websocket') },
  { id: 'bun', label: 'Bun.serve', ...other, command: program('bun', bunFiles, path('subjects/bun.mjs')) },
  {
    id: 'deno',
    label: 'Deno.serve',
    ...other,
    command: program('deno', denoFiles, 'run', '--allow-all', '--quiet', path('subjects/deno.mjs')),
    note: 'Lets clients in that show no certificate: it does less than the others.',
  },
  {
    id: 'gorilla',
    label: 'Go gorilla/websocket',
    ...other,
    command: () => compiled(build('subjects/gorilla.go', 'go', ['build'], [])),
  },
  {
    id: 'libwebsockets',
    label: 'libwebsockets (C)',
    ...other,
    command: () => compiled(build('subjects/libwebsockets.c', 'cc', ['-O2'], ['-lwebsockets', '-lssl', '-lcrypto'])),
  },
];

/** The other Nodes that are installed here, by major version. */
export function otherNodes(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const major of ['22', '24', '26']) {
    const binary = path(`node_modules/node${major}/bin/node`);
    if (existsSync(binary) && !process.versions.node.startsWith(`${major}.`)) found.set(major, binary);
  }
  return found;
}

/** The version of a package of this folder; `undefined` if it is not installed. */
export function packageVersion(name: string): string | undefined {
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}
