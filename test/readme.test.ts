/** Runs what README.md says to run, as far as it takes nothing but Node, and holds its tables to the code. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { type ConnectOptions, connect, createServer, type ServerOptions } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { connectionDefaults, defaultHandshakeTimeout } from '../src/endpoint/index.js';
import { start } from './cli/program.js';
import { clientCredentials, serverCredentials } from './support/ends.js';
import { kit } from './support/kit.js';
import { block, blocks, includesText, project, readme, root, shell } from './support/readme.js';
import { suite } from './support/suite.js';

const documentation = suite('README');

/** Who runs which block. The two of `clone` are run on every fresh clone. */
const runBy: Readonly<Record<string, readonly string[]>> = {
  'a fresh clone': ['sh clone', 'sh clone'],
  'this file': [
    'sh node',
    'js server',
    'js client',
    'text client',
    'sh serve',
    'text serve',
    'sh connect',
    'text connect',
    ...['js rules', 'sh issue', 'sh doctor', 'text doctor'],
  ],
  'test/examples.test.ts, as a part of the example': ['js loop'],
  'test/interop/readme.test.ts': [
    ...['sh pack', 'sh openssl', 'text without-san', 'sh curl', 'text curl', 'sh curl-without', 'text curl-without'],
    ...['text serve-stderr', 'sh s_client', 'text s_client'],
  ],
};

documentation('has no block that nobody runs', () => {
  const known = Object.values(runBy).flat();
  assert.equal(blocks.map(({ language, name }) => `${language} ${name}`).sort(), [...known].sort());
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const { name, text } of blocks.filter(({ name }) => name === 'clone')) {
    const script = /^npm ci && npm (\w+)\n$/.exec(text)?.[1];
    assert.ok(script !== undefined && scripts[script], `${name}: ${text}`);
  }
});

documentation('shows a server and a client that are the examples, and that run as they stand', async () => {
  const directory = project();
  assert.is((await shell(directory, block('sh', 'node')).outcome).code, 0);
  for (const name of ['server', 'client']) {
    const text = block('js', name);
    assert.is(text, readFileSync(join(root, `examples/${name}.ts`), 'utf8'), `examples/${name}.ts`);
    assert.ok(text.split('\n').length <= 21, `${name} has more than 20 lines`);
    writeFileSync(join(directory, `${name}.mjs`), text);
  }
  const server = start(['0'], { script: join(directory, 'server.mjs'), cwd: directory });
  try {
    const [, url] = await server.match('stdout', /^listening on (wss:\/\/localhost:\d+)\n/);
    const client = await start([url!], { script: join(directory, 'client.mjs'), cwd: directory }).outcome;
    assert.is(client.stderr, '');
    assert.is(client.stdout.toString(), block('text', 'client'));
    assert.is(client.code, 0);
    await server.match('stdout', /^open: CN=mtls-ws development client$/m);
  } finally {
    server.child.kill('SIGKILL');
    await server.outcome;
  }
});

documentation('shows serve and connect as they are', async () => {
  const directory = project();
  assert.is((await shell(directory, block('sh', 'node')).outcome).code, 0);
  // `exec`: the signal is for the server, not for the shell.
  const server = shell(directory, `exec ${block('sh', 'serve').replace('--port 8443', '--port 0')}`);
  try {
    const [, port] = await server.match('stdout', /:(\d+)\n$/);
    const client = await shell(directory, block('sh', 'connect').replace('8443', port!)).outcome;
    assert.is(client.stdout.toString(), block('text', 'connect'), client.stderr);
    server.child.kill('SIGTERM');
    const { code, stdout } = await server.outcome;
    assert.is(code, 0);
    assert.is(stdout.toString(), block('text', 'serve').replace('8443', port!));
  } finally {
    server.child.kill('SIGKILL');
  }
});

documentation('shows rules that decide as they say, below credentials in files', async () => {
  const directory = project();
  const { code, stdout, stderr } = await shell(directory, block('sh', 'node') + block('sh', 'issue')).outcome;
  assert.is(code, 0, stderr);
  for (const told of ['spiffe://plant.example/sensor/8', 'revoked      1 certificate']) {
    assert.ok(stdout.includes(told), `${told}\n${stdout}`);
  }
  const names = 'anyOf, byPath, connect, createServer, dnsSan, spiffeTrustDomain, watchCredentials';
  const script = join(directory, 'rules.mjs');
  writeFileSync(
    script,
    `import { readFileSync } from 'node:fs';
import { ${names} } from 'mtls-ws';
${block('js', 'rules')}
const { port } = await server.listen({ port: 0 });
const read = (name) => readFileSync('certs/' + name);
for (const path of ['admin/users', 'chat'])
  for (const who of ['client', 'device-8']) {
    const options = { ca: read('ca.pem'), cert: read(who + '.pem'), key: read(who + '.key') };
    const attempt = connect('wss://localhost:' + port + '/' + path, options);
    console.log(path, who, await attempt.then((connection) => (connection.terminate(), 'open'), (error) => error.httpStatus));
  }
process.exit();
`,
  );
  const outcome = await start([], { script, cwd: directory }).outcome;
  const lines = ['admin/users client 403', 'admin/users device-8 403', 'chat client open', 'chat device-8 open'];
  assert.is(outcome.stdout.toString(), `${lines.join('\n')}\n`, outcome.stderr);
});

documentation('shows the doctor as it speaks', async () => {
  const directory = project();
  assert.is((await shell(directory, block('sh', 'node')).outcome).code, 0);
  const { code, stdout } = await shell(directory, block('sh', 'doctor')).outcome;
  assert.is(code, 2);
  assert.ok(includesText(stdout.toString().replace(/\n +/g, ' '), block('text', 'doctor').trim()), stdout.toString());
});

documentation('shows a loop that is a part of its example', () => {
  assert.ok(readFileSync(join(root, 'examples/loop.ts'), 'utf8').includes(`\n${block('js', 'loop')}`));
});

interface Told {
  readonly client: string[];
  readonly server: string[];
}

/** Connects to a server that refuses or is refused, and collects what both ends are told. */
async function refuse(told: Told, server: Partial<ServerOptions>, client: Partial<ConnectOptions>): Promise<void> {
  const listening = createServer({ ...serverCredentials(), ...server });
  const refused = once(listening, 'refused');
  listening.on('refused', ({ error }) => told.server.push(error.message));
  const { port } = await listening.listen({ port: 0 });
  await fail(told, `wss://localhost:${port}`, client);
  await refused;
  await listening.close({ deadline: 0 });
}

async function fail(told: Told, url: string, options: Partial<ConnectOptions>): Promise<void> {
  await connect(url, { ...clientCredentials(), ...options }).then(
    (connection) => {
      connection.terminate();
      assert.unreachable(`${url} is open`);
    },
    (error) => told.client.push(error.message),
  );
}

/** Starts a server of another kind, and collects what our client makes of it. */
async function failAt(told: Told, server: net.Server, options: Partial<ConnectOptions> = {}): Promise<void> {
  const sockets: net.Socket[] = [];
  server.on('connection', (socket: net.Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await fail(told, `wss://localhost:${(server.address() as net.AddressInfo).port}`, options);
  for (const socket of sockets) socket.destroy();
  const closed = once(server, 'close');
  server.close();
  await closed;
}

/** What the ends are told in each of the troubles that the README lists. */
async function allTroubles(): Promise<Told> {
  const told: Told = { client: [], server: [] };
  const { clients, servers } = kit();
  const pair = ({ cert, key }: { cert: string; key: string }) => ({ cert, key });
  for (const client of [clients.expired, clients.otherCa, clients.serverAuthOnly]) await refuse(told, {}, pair(client));
  for (const server of [servers.wrongHost, servers.otherCa]) await refuse(told, pair(server), {});
  await refuse(told, { authorize: () => ({ reason: 'only operators may enter' }) }, {});
  const oldTls = tls.createServer({ ...serverCredentials(), requestCert: true, maxVersion: 'TLSv1.2' });
  await failAt(told, oldTls);
  await failAt(told, http.createServer());
  await failAt(told, net.createServer(), { handshakeTimeout: 100 });
  const free = net.createServer();
  await once(free.listen(0, '127.0.0.1'), 'listening');
  const { port } = free.address() as net.AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  await fail(told, `wss://localhost:${port}`, {});
  await fail(told, `wss://localhost:${port}`, { ca: 'certs/ca.pem' });
  await fail(told, `wss://localhost:${port}`, { key: clients.expired.key });
  // A client without a certificate cannot be ours.
  const strict = createServer(serverCredentials());
  const refused = once(strict, 'refused');
  const address = await strict.listen({ port: 0 });
  const bare = tls.connect({ port: address.port, host: '127.0.0.1', servername: 'localhost', ca: kit().ca.cert });
  bare.on('error', () => {});
  told.server.push((await refused)[0].error.message);
  bare.destroy();
  await strict.close();
  return told;
}

documentation('lists troubles in the words in which they are told, at the end where they are', async () => {
  const rows = [...readme.matchAll(/^\| `([^`]+)` \| (client|server|either) \|/gm)];
  assert.ok(rows.length >= 15);
  const told = await allTroubles();
  for (const [, text, end] of rows) {
    const messages = told[end as keyof Told] ?? [...told.client, ...told.server];
    assert.ok(
      messages.some((message) => includesText(message, text!)),
      `nobody said "${text}" at the ${end}; what was said:\n${messages.join('\n')}`,
    );
  }
});

/** The headings of a document, as links write them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

documentation('links to files and headings that exist', () => {
  const pages = ['options', 'api', 'security', 'authorization', 'trust', 'observability'];
  for (const name of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...pages.map((page) => `docs/${page}.md`)]) {
    const text = readFileSync(join(root, name), 'utf8');
    for (const [, target, heading] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)) {
      const file = target === '' ? join(root, name) : join(root, name, '..', target!);
      assert.ok(existsSync(file), `${name} links to ${target}`);
      if (heading === undefined) continue;
      assert.ok(headingsOf(readFileSync(file, 'utf8')).includes(heading), `${name} links to ${target}#${heading}`);
    }
  }
});

/** The members of an interface, by the text of its source. */
function membersOf(file: string, name: string): string[] {
  const source = readFileSync(join(root, 'src', file), 'utf8');
  const body = new RegExp(`^export interface ${name}[^{]*\\{$(.*?)^\\}$`, 'ms').exec(source);
  if (body === null) throw new Error(`${file} has no interface ${name}`);
  return [...body[1]!.matchAll(/^ {2}(\w+)\??:/gm)].map(([, member]) => member!);
}

documentation('lists every option, and the defaults as they are (docs/options.md)', () => {
  const text = readFileSync(join(root, 'docs/options.md'), 'utf8');
  const sections = text.split(/^## /m).slice(1);
  const listed = (title: string): Map<string, string> => {
    const section = sections.find((candidate) => candidate.startsWith(title)) ?? '';
    return new Map([...section.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, name, value]) => [name!, value!]));
  };
  const acceptor = [...membersOf('endpoint/acceptor.ts', 'AcceptorOptions'), 'handshakeTimeout'];
  const interfaces = [
    { title: 'Credentials', members: membersOf('tls/credentials.ts', 'CredentialInput') },
    { title: 'The connection', members: membersOf('endpoint/options.ts', 'ConnectionOptions') },
    { title: 'Who may come in', members: acceptor },
    {
      title: '`createServer` alone',
      members: [
        ...membersOf('endpoint/trust.ts', 'TrustOptions'),
        ...membersOf('endpoint/server.ts', 'ServerOptions').filter((name) => !acceptor.includes(name)),
      ],
    },
    {
      title: '`attach` alone',
      members: membersOf('endpoint/attach.ts', 'AttachOptions').filter((name) => !acceptor.includes(name)),
    },
    { title: '`connect` alone', members: membersOf('endpoint/client.ts', 'ConnectOptions') },
  ];
  for (const { title, members } of interfaces) {
    assert.ok(members.length > 0, title);
    assert.equal([...listed(title).keys()].sort(), [...members].sort(), title);
  }
  for (const [name, value] of Object.entries(connectionDefaults)) {
    const shown = value === Number.POSITIVE_INFINITY ? 'no limit' : value.toLocaleString('en-US');
    assert.is(listed('The connection').get(name), shown, name);
  }
  for (const title of ['Who may come in', '`connect` alone']) {
    assert.is(listed(title).get('handshakeTimeout'), defaultHandshakeTimeout.toLocaleString('en-US'));
  }
});

documentation.run();
