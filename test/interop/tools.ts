/**
 * Tests against programs that are not ours. A test whose programs are not there is skipped, loudly, and counted; nothing
 * is ever installed by a test.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { counts } from '../support/counts.js';
import { root } from '../support/readme.js';
import { suite } from '../support/suite.js';

/** Debian's own Python: the one for which `python3-websockets` is packaged. */
export const python = '/usr/bin/python3';

export const requireFromBench: NodeJS.Require = createRequire(join(root, 'bench/package.json'));

export type Tool =
  | 'openssl'
  | 'curl'
  | 'npm'
  | 'python3'
  | 'python3-websockets'
  | 'ws'
  | 'chromium'
  | 'haproxy'
  | 'network namespaces'
  | '/dev/full'
  | 'superuser';

const tools: Readonly<Record<Tool, { install: string; isThere: () => boolean }>> = {
  openssl: { install: 'apt-get install openssl', isThere: () => runs('openssl', ['version']) },
  curl: { install: 'apt-get install curl', isThere: () => runs('curl', ['--version']) },
  npm: { install: 'apt-get install npm', isThere: () => runs('npm', ['--version']) },
  python3: { install: 'apt-get install python3', isThere: () => runs(python, ['--version']) },
  chromium: { install: 'apt-get install chromium', isThere: () => runs('chromium', ['--version']) },
  'network namespaces': {
    install: 'apt-get install iproute2 util-linux, as root',
    isThere: () => runs('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']),
  },
  '/dev/full': { install: 'an operating system that has it', isThere: () => existsSync('/dev/full') },
  superuser: {
    install: 'apt-get install util-linux, as root',
    isThere: () =>
      process.getuid?.() === 0 &&
      runs('setpriv', ['--bounding-set', '-net_bind_service', 'true']) &&
      Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) > 443,
  },
  haproxy: { install: 'apt-get install haproxy', isThere: () => runs('haproxy', ['-v']) },
  'python3-websockets': {
    install: 'apt-get install python3-websockets',
    isThere: () => runs(python, ['-c', 'import websockets']),
  },
  ws: {
    install: 'npm ci --prefix bench',
    isThere: () => {
      try {
        requireFromBench.resolve('ws');
        return true;
      } catch {
        return false;
      }
    },
  },
};

function runs(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

const found = new Map<Tool, boolean>();

function isThere(tool: Tool): boolean {
  let there = found.get(tool);
  if (there === undefined) {
    there = tools[tool].isThere();
    found.set(tool, there);
  }
  return there;
}

export interface InteropSuite {
  (name: string, needs: readonly Tool[], body: () => void | Promise<void>): void;
  run(): void;
}

/** Declares a suite whose tests say which programs they need. */
export function interopSuite(name: string): InteropSuite {
  const inner = suite(name);
  const declare = (testName: string, needs: readonly Tool[], body: () => void | Promise<void>): void => {
    const missing = needs.filter((tool) => !isThere(tool));
    if (missing.length === 0) return inner(testName, body, { deadline: 120_000 });
    counts.skipped++;
    const install = missing.map((tool) => tools[tool].install).join('; ');
    console.error(`SKIPPED: ${name}: ${testName}: needs ${missing.join(' and ')}, install with: ${install}`);
  };
  return Object.assign(declare, { run: () => inner.run() });
}

/** About 300 kB of text in which code points of one to four bytes meet every border. */
export const longText: string = 'aé€𝄞'.repeat(30_000);

/** 300 kB of bytes that repeat at no power of two. */
export const longBytes: Buffer = Buffer.from(
  Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) % 251),
);
