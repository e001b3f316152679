// What `npm run constrained` measures. Each function returns figures; `constrained.mjs` makes the tables.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevelopmentPki } from '../../dist/src/tls/pki/index.js';
import { Child, withChildren } from './child.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const index = join(root, 'dist/src/index.js');
const command = join(root, 'dist/src/cli/main.js');
const local = (name) => fileURLToPath(new URL(name, import.meta.url));

const pki = createDevelopmentPki();
const serverCredentials = { ca: pki.ca.cert, cert: pki.server.cert, key: pki.server.key };
const clientCredentials = { ca: pki.ca.cert, cert: pki.client.cert, key: pki.client.key };

const environment = { ...process.env, NODE_V8_COVERAGE: undefined };

/** Whether `ws` is there to be measured too. */
const hasWs = existsSync(join(root, 'bench/node_modules/ws/package.json'));
export const kinds = ['mtls-ws', 'node:tls', ...(hasWs ? ['ws'] : [])];

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The modules that a program loads, as paths below `dist/src`, and what of Node.js. */
export function loadedBy(file, ...args) {
  const { output, status, stderr } = spawnSync(process.execPath, [local('loaded.mjs'), join(root, file), ...args], {
    ...{ stdio: ['ignore', 'ignore', 'pipe', 'pipe'], encoding: 'utf8', env: environment },
  });
  if (status !== 0) throw new Error(stderr);
  const { modules, ...rest } = JSON.parse(output[3]);
  const paths = modules.map((url) => relative(join(root, 'dist/src'), fileURLToPath(url)));
  return { modules: paths.sort(), ...rest };
}

/** The packages that are installed beside this one at run time; none, as long as the manifest names none. */
export function packages() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const kinds = ['dependencies', 'peerDependencies', 'optionalDependencies'];
  return [manifest.name, ...kinds.flatMap((kind) => Object.keys(manifest[kind] ?? {}))];
}

/** What `npm pack` makes of it, in bytes. */
export function packed() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [pack] = JSON.parse(
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const code = pack.files.filter(({ path }) => path.endsWith('.js'));
  return {
    files: pack.entryCount,
    packed: pack.size,
    installed: pack.unpackedSize,
    code: code.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Milliseconds from the start of a process to its end, or to its first line. */
async function timeOf(args, toFirstLine) {
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
  let took;
  child.stdout.once('data', () => {
    took = performance.now() - began;
    if (toFirstLine) child.kill();
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (toFirstLine ? took === undefined : code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`);
  return took ?? performance.now() - began;
}

const evaluate = (code) => ['--input-type=module', '--eval', code];

/** Start-up in milliseconds, medians; in each round each takes its turn. */
export async function startup(rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-constrained-'));
  try {
    execFileSync(process.execPath, [command, 'pki', 'init', join(folder, 'certs')], {
      stdio: 'ignore',
      env: environment,
    });
    const [ca, cert, key] = ['ca.pem', 'server.pem', 'server.key'].map((name) => join(folder, 'certs', name));
    const programs = {
      empty: [evaluate(''), false],
      'node:tls': [evaluate("import 'node:tls'"), false],
      import: [evaluate(`import ${JSON.stringify(index)}`), false],
      serve: [[command, 'serve', '--port', '0', '--ca', ca, '--cert', cert, '--key', key], true],
      ...(hasWs && {
        ws: [
          evaluate(`import 'node:https'; import ${JSON.stringify(join(root, 'bench/node_modules/ws/wrapper.mjs'))}`),
          false,
        ],
      }),
    };
    const times = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, program] of Object.entries(programs)) times[name].push(await timeOf(...program));
    }
    return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The package as it is and as one file, made by esbuild: its KiB, the milliseconds to import it (more than an empty
 * program) and the RSS of a server that has echoed one message. Undefined where esbuild cannot be had.
 */
export async function bundled(rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-constrained-'));
  try {
    const forms = [index];
    for (const flags of [[], ['--minify']]) {
      const file = join(folder, `bundle${forms.length}.mjs`);
      const args = ['--yes', 'esbuild@0.25', index, '--bundle', '--platform=node', '--format=esm', `--outfile=${file}`];
      if (spawnSync('npx', [...args, ...flags], { stdio: 'ignore' }).status !== 0) return undefined;
      forms.push(file);
    }
    const results = forms.map(() => []);
    for (let round = 0; round < rounds; round++) {
      const empty = await timeOf(evaluate(''), false);
      for (const [at, form] of forms.entries()) {
        const ms = (await timeOf(evaluate(`import ${JSON.stringify(form)}`), false)) - empty;
        const rss = await withServer({ file: form }, async (server, client, where) => {
          await client.ask('open', { ...where, count: 1 });
          await client.ask('echo', { length: 125 });
          return (await server.ask('usage')).rss;
        });
        results[at].push({ ms, rss });
      }
    }
    return forms.map((form, at) => ({
      bytes: form === index ? undefined : statSync(form).size,
      ms: median(results[at].map(({ ms }) => ms)),
      rss: median(results[at].map(({ rss }) => rss)),
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Starts a server and clients, and calls `use` with the server, the clients and where the server is. */
async function withServer({ kind = 'mtls-ws', file, options, flags, environment, clients = 'clients.mjs' }, use) {
  const args = file === undefined ? [kind] : [kind, file];
  const children = [new Child('server.mjs', args, flags, environment), new Child(clients)];
  return withChildren(children, async (server, client) => {
    const port = await server.ask('start', { credentials: serverCredentials, options });
    return use(server, client, { port, credentials: clientCredentials, raw: kind === 'node:tls' });
  });
}

/** Usage of a server with no connection, one and many, and after a message of 125 bytes on each of them. */
async function usageOf(kind, many) {
  return withServer({ kind }, async (server, client, where) => {
    const none = await server.ask('usage');
    await client.ask('open', { ...where, count: 1 });
    await client.ask('echo', { length: 125 });
    const one = await server.ask('usage');
    await client.ask('open', { ...where, count: many });
    const idle = await server.ask('usage');
    await client.ask('echo', { length: 125 });
    const used = await server.ask('usage');
    return { none, one, idle, used };
  });
}

/** Usage by kind of server: one entry for each round, in which each takes its turn. */
export async function connections(rounds, many) {
  const all = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (const kind of kinds) all[kind].push(await usageOf(kind, many));
  }
  return all;
}

/** File descriptors of the server for each connection; `undefined` where the system does not tell. */
export async function descriptorsPerConnection(count) {
  return withServer({}, async (server, client, where) => {
    await client.ask('open', { ...where, count: 1 });
    const before = (await server.ask('usage')).descriptors;
    await client.ask('open', { ...where, count: count + 1 });
    const after = (await server.ask('usage')).descriptors;
    return before === undefined ? undefined : (after - before) / count;
  });
}

/** One streamed message each way, between processes with a heap of at most `heapMiB`. */
export async function streamed(length, heapMiB) {
  const flags = [`--max-old-space-size=${heapMiB}`];
  const out = {};
  for (const way of ['up', 'down']) {
    const children = [new Child('stream.mjs', [], flags), new Child('stream.mjs', [], flags)];
    out[way] = await withChildren(children, async (server, client) => {
      const port = await server.ask('start', { credentials: serverCredentials });
      const told = await client.ask(way, { port, credentials: clientCredentials, length });
      const [serverPeak, clientPeak] = [await server.ask('peak'), await client.ask('peak')];
      return { ...told, serverPeak, clientPeak };
    });
  }
  return out;
}

/** What a setting of Node.js or of the system does to an echo server. */
async function settingOnce({ flags, environment }, many) {
  return withServer({ flags, environment }, async (server, client, where) => {
    const { rss: listening } = await server.ask('usage');
    await client.ask('open', { ...where, count: 1 });
    const costs = [];
    for (const [length, times] of [
      [125, 60],
      [16_384, 200],
    ]) {
      await client.ask('load', { length, times: times / 2 });
      const before = (await server.ask('usage')).cpuUs;
      const messages = await client.ask('load', { length, times });
      costs.push(((await server.ask('usage')).cpuUs - before) / messages);
    }
    const { rss: loaded } = await server.ask('usage');
    await client.ask('open', { ...where, count: many });
    await client.ask('echo', { length: 125 });
    const { rss } = await server.ask('usage');
    return { listening, loaded, many: rss, small: costs[0], long: costs[1] };
  });
}

/** One entry for each round, for each setting; in each round each takes its turn. */
export async function settings(list, rounds, many) {
  const all = list.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, setting] of list.entries()) all[at].push(await settingOnce(setting, many));
  }
  return all;
}

/** Bytes for each of `count` connections: of the process, and in use after a collection. */
function grown(before, after, count) {
  const held = ({ heap, external }) => heap + external;
  return { rss: (after.rss - before.rss) / count, held: (held(after) - held(before)) / count };
}

/** Bytes for each of `count` connections that have sent and received enough to fill their compression windows. */
export async function compressing(perMessageDeflate, count) {
  const clients = 'talkers.mjs';
  return withServer({ options: { perMessageDeflate }, clients }, async (server, client, where) => {
    const options = { perMessageDeflate };
    await client.ask('open', { ...where, count: 16, options });
    await client.ask('echo', { length: 8_192, times: 6 });
    const before = await server.ask('usage');
    await client.ask('open', { ...where, count: 16 + count, options });
    await client.ask('echo', { length: 8_192, times: 6 });
    const after = await server.ask('usage');
    return grown(before, after, count);
  });
}

/** Bytes for each of `count` connections whose reader or peer has stopped. */
export async function stalled(options, act, count) {
  return withServer({ options }, async (server, client, where) => {
    const before = await server.ask('usage');
    await client.ask('open', { ...where, count });
    await client.ask(act, { length: 125 });
    const after = await server.ask('usage');
    return grown(before, after, count);
  });
}

/** How much the most memory of a server grows by one message of `length` bytes. */
export async function oneMessage(behaviour, length) {
  return withServer({ options: { behaviour } }, async (server, client, where) => {
    await client.ask('open', { ...where, count: 1 });
    await client.ask('tell', { length: 1024 });
    const { rss } = await server.ask('usage');
    const answer = await client.ask('tell', { length });
    if (answer !== String(length)) throw new Error(`${length} bytes were sent, ${answer} came`);
    return (await server.ask('usage')).peak - rss;
  });
}

/** Seconds of a whole `mtls-ws demo`, which checks all that it shows. */
export function demo(flags) {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [...flags, command, 'demo'], {
    ...{ stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', env: environment },
  });
  if (status !== 0) throw new Error(`demo with ${flags.join(' ')}: ${stderr}`);
  return (performance.now() - began) / 1000;
}
