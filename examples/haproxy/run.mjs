// Two servers behind HAProxy, which passes TLS through, and clients that go on while one server is drained:
//   node run.mjs
// It needs the program haproxy (Debian: apt-get install haproxy), and makes its own certificates.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from 'mtls-ws';
import { createDevelopmentPki } from 'mtls-ws/pki';

const folder = mkdtempSync(join(tmpdir(), 'mtls-ws-haproxy-'));
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const children = [];
const start = (program, args, env = {}) => {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
};
const firstLine = async (child) => String((await once(child.stdout, 'data'))[0]).trim();

/** A port that was free a moment ago. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** Sends a command to HAProxy's socket, and resolves with the answer. */
async function command(text) {
  const socket = net.connect(join(folder, 'stats'));
  socket.end(`${text}\n`);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

async function until(condition, what) {
  for (let tries = 0; tries < 100; tries++) {
    if (await condition().catch(() => false)) return;
    await pause(100);
  }
  throw new Error(`${what} took more than 10 s`);
}

try {
  const { ca, server, client } = createDevelopmentPki();
  const write = (name, text) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const caFile = write('ca.pem', ca.cert);
  const files = [caFile, write('server.pem', server.cert), write('server.key', server.key)];
  const servers = {};
  for (const name of ['a', 'b']) {
    const child = start(process.execPath, [beside('server.mjs'), name, ...files]);
    servers[name] = { child, port: await firstLine(child) };
  }
  const port = await freePort();
  const haproxy = start('haproxy', ['-db', '-q', '-f', beside('haproxy.cfg')], {
    PORT: port,
    PORT_A: servers.a.port,
    PORT_B: servers.b.port,
    STATS_SOCKET: join(folder, 'stats'),
    CA: caFile,
    CHECK_CERT: write('check.pem', client.cert + client.key),
  });
  haproxy.on('error', ({ code }) => {
    console.error(code === 'ENOENT' ? 'haproxy is not installed: apt-get install haproxy' : `haproxy: ${code}`);
    process.exit(1);
  });
  const url = `wss://localhost:${port}/`;
  const options = { ca: ca.cert, cert: client.cert, key: client.key };
  const isUp = async (name) => new RegExp(`servers,${name},.*,UP,`).test(await command('show stat'));
  await until(async () => (await isUp('a')) && (await isUp('b')), 'the start of haproxy');

  // Each client asks again and again, and connects anew when its server goes away.
  const answers = [];
  let isRunning = true;
  let reconnected = 0;
  const clients = Array.from({ length: 6 }, async (_, index) => {
    while (isRunning) {
      const connection = await connect(url, options);
      try {
        while (isRunning) {
          connection.send(`client ${index}`);
          const { value, done } = await connection[Symbol.asyncIterator]().next();
          if (done) break;
          answers.push(value);
          await pause(50);
        }
      } catch (error) {
        console.log(`client ${index}: ${error.message}`);
      }
      if (isRunning) reconnected++;
      else await connection.close();
    }
  });
  await until(async () => answers.length >= 30, 'the first answers');
  console.log(answers.find((text) => text.startsWith('a ')));
  console.log(answers.find((text) => text.startsWith('b ')));

  // Nobody new comes to a; then a closes its connections with 1001, and its clients find b.
  await command('set server servers/a state drain');
  servers.a.child.kill('SIGTERM');
  await once(servers.a.child, 'exit');
  answers.length = 0;
  await until(async () => answers.length >= 30, 'going on without a');
  const left = new Set(answers.map((text) => text[0]));
  console.log(`a is drained: ${reconnected} clients connected anew, and ${[...left].join()} answers all of them`);
  isRunning = false;
  await Promise.all(clients);
  if (left.has('a') || reconnected === 0) process.exitCode = 1;
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
