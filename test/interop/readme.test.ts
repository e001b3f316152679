/** Runs the blocks of README.md that take openssl, curl or npm, as they stand but for the port. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Connection, connect, createServer, PeerIdentityError } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { type Outcome, type Program, start, temporaryDirectory } from '../cli/program.js';
import { block, includesText, project, readme, root, shell } from '../support/readme.js';
import { interopSuite } from './tools.js';

const documentation = interopSuite('README with other programs');

const recipe = block('sh', 'openssl');

/** The line of the recipe that many how-tos lack, and the option that goes with it. */
const nameLine = /^echo "subjectAltName.*\n/m;
const nameOption = ' -extfile certs/server.ext';

async function makeCertificates(directory: string, text: string): Promise<void> {
  const { code, stderr } = await shell(directory, text).outcome;
  assert.is(code, 0, stderr);
}

function credentials(
  directory: string,
  name: 'server' | 'client' | 'other',
): { ca: Buffer; cert: Buffer; key: Buffer } {
  const file = (path: string): Buffer => readFileSync(join(directory, 'certs', path));
  return { ca: file('ca.pem'), cert: file(`${name}.pem`), key: file(`${name}.key`) };
}

/** Connects a client to a server, both with certificates of the directory. */
async function connectWith(directory: string): Promise<Connection> {
  const server = createServer(credentials(directory, 'server'));
  const { port } = await server.listen({ port: 0 });
  try {
    const connection = await connect(`wss://localhost:${port}`, credentials(directory, 'client'));
    await connection.close();
    return connection;
  } finally {
    await server.close();
  }
}

documentation('the openssl recipe connects, with a client certificate without extensions', ['openssl'], async () => {
  const directory = project();
  await makeCertificates(directory, recipe);
  const text = execFileSync('openssl', [
    'x509',
    '-in',
    join(directory, 'certs/client.pem'),
    '-noout',
    '-text',
  ]).toString();
  assert.not.match(text, 'Extended Key Usage');
  const { peer } = await connectWith(directory);
  assert.is(peer.subjectCommonName, 'my server');
});

documentation('the openssl recipe makes another client with the CA of pki init', ['openssl'], async () => {
  const paragraph = recipe.split('\n\n')[3]!;
  assert.match(paragraph, /^# the client/);
  const directory = project();
  await makeCertificates(directory, block('sh', 'node'));
  await makeCertificates(
    directory,
    paragraph.replaceAll('certs/client', 'certs/other').replace('device-7', 'device-8'),
  );
  const server = createServer(credentials(directory, 'server'));
  const accepted = once(server, 'connection');
  const { port } = await server.listen({ port: 0 });
  try {
    const connection = await connect(`wss://localhost:${port}`, credentials(directory, 'other'));
    const [far] = (await accepted) as [Connection];
    assert.is(far.peer.subjectCommonName, 'device-8');
    await connection.close();
  } finally {
    await server.close();
  }
});

documentation('the openssl recipe without its subjectAltName is refused, in words about it', ['openssl'], async () => {
  assert.match(recipe, nameLine);
  assert.ok(recipe.includes(nameOption));
  // The common name is the very host of the URL, as how-tos have it.
  const usual = recipe.replace(nameLine, '').replace(nameOption, '').replace('/CN=my server', '/CN=localhost');
  const directory = project();
  await makeCertificates(directory, usual);
  await connectWith(directory).then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, PeerIdentityError);
      assert.is(error.code, 'server-name-mismatch');
      assert.ok(includesText(error.message, block('text', 'without-san')), error.message);
      assert.match(error.hint, 'subjectAltName');
    },
  );
});

/** Runs `use` with the server of the README, on a free port. */
async function withServe(
  use: (serve: { server: Program; run: (text: string) => Promise<Outcome> }) => Promise<void>,
): Promise<void> {
  const directory = project();
  await makeCertificates(directory, recipe);
  const server = shell(directory, `exec ${block('sh', 'serve').replace('--port 8443', '--port 0')}`);
  try {
    const [, port] = await server.match('stdout', /:(\d+)\n$/);
    await use({ server, run: (text) => shell(directory, text.replaceAll('8443', port!)).outcome });
  } finally {
    server.child.kill('SIGTERM');
    assert.is((await server.outcome).code, 0);
  }
}

documentation(
  'curl gets the health of a server with its certificate, and only with it',
  ['openssl', 'curl'],
  async () => {
    await withServe(async ({ server, run }) => {
      const healthy = await run(block('sh', 'curl'));
      assert.is(healthy.stdout.toString(), block('text', 'curl').trim());
      assert.is(healthy.code, 0);

      const refused = await run(block('sh', 'curl-without'));
      assert.is(refused.stdout.toString(), '');
      assert.ok(includesText(refused.stderr, block('text', 'curl-without')), refused.stderr);
      const [line] = await server.match('stderr', /^refused.*\n/m);
      assert.ok(includesText(line, block('text', 'serve-stderr')), line);

      const other = await run(`${block('sh', 'curl').trim().replace('/healthz', '/')} --include`);
      assert.match(other.stdout.toString(), /^HTTP\/1\.1 426 Upgrade Required\r\nUpgrade: websocket\r\n/);
      assert.match(other.stdout.toString(), /^Sec-WebSocket-Version: 13\r$/m);
    });
  },
);

documentation('openssl s_client gets an answer with a certificate, and an alert without', ['openssl'], async () => {
  await withServe(async ({ run }) => {
    const text = block('sh', 's_client');
    const healthy = await run(text);
    assert.ok(includesText(healthy.stdout.toString(), block('text', 's_client')), healthy.stderr);
    assert.match(healthy.stdout.toString(), /\r\n\r\nok$/);
    const without = text.replace('-cert certs/client.pem -key certs/client.key', '');
    assert.is.not(without, text);
    const refused = await run(without);
    assert.is(refused.stdout.toString(), '');
    assert.match(refused.stderr, 'alert certificate required');
    assert.is(refused.code, 1);
  });
});

documentation('the packed file installs into a project, and runs there', ['npm'], async () => {
  const clone = join(temporaryDirectory(), 'mtls-ws');
  const target = join(dirname(clone), 'my-project');
  const left = ['.git', 'node_modules', 'dist', 'coverage', 'bench/node_modules'].map((name) => join(root, name));
  cpSync(root, clone, {
    recursive: true,
    filter: (path) => !left.includes(path),
  });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  const [install, ...rest] = block('sh', 'pack').split('\n');
  assert.is(install, 'npm ci');
  const packed = await shell(clone, ['set -e', ...rest].join('\n')).outcome;
  assert.is(packed.code, 0, packed.stderr);

  const made = await start(['-c', block('sh', 'node')], { program: '/bin/sh', cwd: target, input: '' }).outcome;
  assert.is(made.code, 0, made.stderr);
  assert.ok(existsSync(join(target, 'certs/client.key')));
  // What it prints can be copied into a shell.
  assert.match(made.stdout.toString(), /^ {2}npx mtls-ws serve --port 8443/m);

  const installed = join(target, 'node_modules/mtls-ws');
  for (const name of ['README.md', 'CONTRIBUTING.md', 'docs/api.md', 'docs/options.md']) {
    for (const [, link] of readFileSync(join(installed, name), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(join(installed, name, '..', link!)), `${name} in the package links to ${link}`);
    }
  }

  const size = statSync(join(target, 'mtls-ws-0.1.0.tgz')).size / 1024;
  const told = Number(/The packed file has (\d+) KiB/.exec(readme)?.[1]);
  assert.ok(Math.abs(told - size) < size / 10, `README.md says ${told} KiB, it is ${Math.round(size)} KiB`);
});

documentation.run();
