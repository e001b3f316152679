import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from './support/suite.js';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '../..');

interface Import {
  readonly file: string;
  readonly target: string;
}

/** Every import, export-from and import() of the sources: project files as paths below src, others by name. */
function importsOf(directory: string): Import[] {
  const imports: Import[] = [];
  for (const entry of readdirSync(join(root, directory), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const file = relative(join(root, 'src'), path);
    for (const [, specifier] of readFileSync(path, 'utf8').matchAll(/(?:\bfrom|\bimport\(?)\s*'([^']+)'/g)) {
      const target = specifier!.startsWith('.')
        ? normalize(join(dirname(file), specifier!.replace(/\.js$/, '.ts')))
        : specifier!;
      imports.push({ file, target });
    }
  }
  return imports;
}

/** The room a file belongs to: its folder, or its own name at the top. */
function roomOf(file: string): string {
  if (file.startsWith('tls/pki/')) return 'tls/pki';
  if (file.startsWith('tls/doctor/')) return 'tls/doctor';
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '');
}

/** Who may import whom; every room may also import from itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  text: [],
  frame: ['errors', 'text'],
  handshake: ['errors', 'text'],
  tls: ['errors', 'text'],
  'tls/pki': ['errors', 'text', 'tls'],
  'tls/doctor': ['errors', 'text', 'tls'],
  endpoint: ['errors', 'text', 'frame', 'handshake', 'tls'],
  index: ['errors', 'endpoint', 'handshake', 'tls'],
  conformance: ['errors', 'text', 'index', 'frame', 'handshake', 'tls', 'tls/pki', 'endpoint'],
  bench: ['errors', 'text', 'frame', 'handshake', 'tls'],
  cli: [
    ...['errors', 'text', 'index', 'frame', 'handshake', 'tls', 'tls/pki', 'tls/doctor', 'endpoint', 'conformance'],
    'bench',
  ],
};

const imports = importsOf('src');
const architecture = suite('architecture');

architecture('finds the imports it judges', () => {
  assert.ok(imports.length > 200, `${imports.length} imports`);
  assert.equal(
    [...new Set(imports.map(({ file }) => roomOf(file)))].filter((room) => !(room in allowed)),
    [],
  );
});

architecture('lets rooms import only what they may', () => {
  const wrong = imports.filter(({ file, target }) => {
    if (!target.endsWith('.ts')) return false;
    const [from, to] = [roomOf(file), roomOf(target)];
    return from !== to && !allowed[from]?.includes(to);
  });
  assert.equal(wrong, []);
});

architecture('enters a room through its index', () => {
  const wrong = imports.filter(({ file, target }) => {
    if (!target.endsWith('.ts')) return false;
    const [from, to] = [roomOf(file), roomOf(target)];
    // The development PKI and the doctor live inside the room of TLS, and use its parts.
    return from !== to && !from.startsWith('tls/') && target.includes('/') && !target.endsWith('/index.ts');
  });
  assert.equal(wrong, []);
});

architecture('imports nothing but node modules, by their node: names', () => {
  assert.equal(
    imports.filter(({ target }) => !target.endsWith('.ts') && !target.startsWith('node:')),
    [],
  );
});

architecture('keeps the core pure', () => {
  const permitted: Readonly<Record<string, readonly string[]>> = {
    frame: ['node:buffer', 'node:crypto', 'node:zlib'],
    handshake: ['node:buffer', 'node:crypto'],
    errors: [],
    text: [],
  };
  for (const [room, modules] of Object.entries(permitted)) {
    const used = imports.filter(({ file, target }) => roomOf(file) === room && target.startsWith('node:'));
    assert.equal(
      used.filter(({ target }) => !modules.includes(target)),
      [],
      room,
    );
    const crypto = new Set(used.filter(({ target }) => target === 'node:crypto').map(({ file }) => file));
    const zlib = used.filter(({ target }) => target === 'node:zlib').map(({ file }) => file);
    assert.equal(zlib, room === 'frame' ? ['frame/permessage-deflate.ts'] : [], 'node:zlib');
    assert.ok(crypto.size <= 1, `node:crypto is for one file of ${room}: ${[...crypto].join(', ')}`);
    for (const { file } of imports.filter(({ file }) => roomOf(file) === room)) {
      const code = readFileSync(join(root, 'src', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      assert.not.match(
        code,
        /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.)/,
        file,
      );
    }
  }
});

architecture('leaves compression to one file of the frame room, one of the runner and the cases about it', () => {
  const users = new Set(imports.filter(({ target }) => target === 'node:zlib').map(({ file }) => file));
  assert.is([...users].filter((file) => roomOf(file) === 'frame').length, 1);
  const others = [...users].filter((file) => roomOf(file) !== 'frame' && !file.startsWith('conformance/cases/deflate'));
  assert.equal(others, ['conformance/inflate.ts']);
});

architecture('leaves node:tls to the room of TLS, and to the runner that makes bad peers', () => {
  const users = imports.filter(({ file, target }) => target === 'node:tls' && roomOf(file) !== 'tls');
  const runner = ['conformance/tls-context.ts', 'conformance/transport.ts'];
  // A type of a socket that Node hands over is no use of TLS.
  assert.equal(
    [...new Set(users.map(({ file }) => file))].filter(
      (file) => !runner.includes(file) && !file.startsWith('conformance/tls/'),
    ),
    ['endpoint/attach.ts'],
  );
  for (const file of ['endpoint/attach.ts', 'conformance/tls-context.ts']) {
    assert.match(readFileSync(join(root, 'src', file), 'utf8'), /import type \{ TLSSocket\b.*\} from 'node:tls'/);
  }
});

architecture('writes to standard output in the command line only', () => {
  for (const { file } of imports) {
    if (roomOf(file) === 'cli') continue;
    assert.not.match(readFileSync(join(root, 'src', file), 'utf8'), /\bconsole\.|process\.std(?:out|err)/, file);
  }
});

architecture('has no runtime dependency, and no download address in its lock files', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'bundledDependencies']) {
    assert.is(manifest[kind], undefined, kind);
  }
  assert.not.match(readFileSync(join(root, 'package-lock.json'), 'utf8'), /"resolved"/);
});

architecture(
  'loads neither the development PKI, the doctor, the conformance room, the benchmark nor the command line with the package',
  async () => {
    // What `import 'mtls-ws'` loads is what its imports reach.
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { file: from, target } of imports) if (from === file && target.endsWith('.ts')) visit(target);
    };
    visit('index.ts');
    assert.ok(reached.size > 30);
    assert.equal(
      [...reached].filter((file) => ['tls/pki', 'tls/doctor', 'conformance', 'bench', 'cli'].includes(roomOf(file))),
      [],
    );
    assert.equal(
      ['tls/observation.ts', 'tls/rehearsal.ts'].filter((file) => reached.has(file)),
      [],
      'what goes on with a server that is not verified is for the doctor alone',
    );
  },
);

architecture.run();
