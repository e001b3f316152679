import { execFile, fork } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.js';
import { type CredentialFiles, type CredentialFilesOptions, watchCredentials } from '../../src/tls/index.js';
import { createAuthority } from '../../src/tls/pki/index.js';
import {
  asOrdinaryUser,
  type FileSet,
  generation,
  generationOf,
  inForce,
  mount,
  replace,
  swap,
  withDirectory,
  writeInPlace,
} from '../support/credential-directory.js';
import { until } from '../support/ends.js';
import { random } from '../support/random.js';
import { suite } from '../support/suite.js';

const run = promisify(execFile);
const hour = 3_600_000;

/** How changes are noticed: only what the system tells, or only what looking finds in directories that nobody may list. */
const ways = [
  { way: 'told by the system', directoryMode: 0o700, pollInterval: hour },
  { way: 'polling alone', directoryMode: 0o300, pollInterval: 20 },
] as const;

type Way = (typeof ways)[number];

/** What was reported of some files. */
class Observed {
  readonly files: CredentialFiles;
  readonly reloaded: string[] = [];
  readonly failed: UsageError[] = [];

  constructor(options: CredentialFilesOptions) {
    this.files = watchCredentials(options);
    this.files.on('reloaded', (credentials) => {
      assert.is(credentials, this.files.current);
      this.reloaded.push(generationOf(credentials));
    });
    this.files.on('failed', (error) => this.failed.push(error));
  }

  /** Waits for the next report of failure. */
  async failure(): Promise<UsageError> {
    const [error] = (await once(this.files, 'failed')) as [UsageError];
    return error;
  }
}

interface Scene {
  /** A directory with the directory of the credentials in it; both can be watched, or neither. */
  readonly base: string;
  readonly directory: string;
  /** Reports a bad state only when it lasts longer than any test. */
  readonly patient: Observed;
  /** Reports each bad state soon, but so late that the patient one has seen it, too. */
  readonly eager: Observed;
}

const open = new Set<CredentialFiles>();

function observe(directory: string, options: Partial<CredentialFilesOptions>): Observed {
  const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) => join(directory, name));
  const observed = new Observed({ ca: ca!, cert: cert!, key: key!, ...options });
  open.add(observed.files);
  return observed;
}

function inOrdinaryDirectory(use: (directory: string) => Promise<void> | void): Promise<void> {
  return asOrdinaryUser(() => withDirectory(use));
}

/** Runs `use` with files of generation 1 that are followed, laid out by `lay`. */
async function withFiles(
  { directoryMode, pollInterval }: Way,
  lay: (directory: string, files: FileSet) => unknown,
  use: (scene: Scene) => Promise<void>,
): Promise<void> {
  await inOrdinaryDirectory(async (outer) => {
    const base = join(outer, 'base');
    const directory = join(base, 'tls');
    mkdirSync(directory, { recursive: true });
    lay(directory, generation(1));
    for (const path of [directory, base]) chmodSync(path, directoryMode);
    if (directoryMode === 0o300) assert.throws(() => watch(directory).close(), /EACCES/);
    try {
      const patient = observe(directory, { pollInterval, settleTime: hour });
      const eager = observe(directory, { pollInterval, settleTime: 100 });
      await use({ base, directory, patient, eager });
    } finally {
      for (const files of open) files.close();
      open.clear();
    }
  });
}

const test = suite('credentials in files');

/** Declares a test for each way to notice changes. */
function either(
  name: string,
  lay: (directory: string, files: FileSet) => unknown,
  use: (scene: Scene) => Promise<void>,
): void {
  for (const way of ways) test(`${name} (${way.way})`, () => withFiles(way, lay, use));
}

either('takes files that are replaced by renaming', writeInPlace, async ({ directory, patient }) => {
  for (const number of [2, 3, 4]) {
    replace(directory, generation(number));
    await inForce(patient.files, `${number}+${number}`);
  }
  assert.equal(patient.failed, []);
  assert.equal(patient.reloaded, ['2+2', '3+3', '4+4']);
});

either('takes files that are written in place', writeInPlace, async ({ directory, patient }) => {
  for (const number of [2, 3]) {
    writeInPlace(directory, generation(number));
    await inForce(patient.files, `${number}+${number}`);
  }
  assert.equal(patient.failed, []);
});

either('takes files whose old ones an editor keeps beside them', writeInPlace, async ({ directory, patient }) => {
  for (const number of [2, 3]) {
    for (const [name, text] of Object.entries(generation(number))) {
      renameSync(join(directory, name), join(directory, `${name}~`));
      writeFileSync(join(directory, name), text, { flag: 'wx' });
    }
    await inForce(patient.files, `${number}+${number}`);
  }
  assert.equal(patient.failed, []);
});

either(
  'takes each exchange of the link ..data, as Kubernetes makes it',
  (directory, files) => symlinkSync(mount(directory, files), join(directory, 'first')),
  async ({ directory, patient, eager }) => {
    let previous: string | undefined;
    for (const number of [2, 3, 4, 5]) {
      previous = swap(directory, generation(number), previous);
      await Promise.all([inForce(patient.files, `${number}+${number}`), inForce(eager.files, `${number}+${number}`)]);
    }
    assert.equal([patient.failed, eager.failed], [[], []]);
    assert.equal(patient.reloaded, ['2+2', '3+3', '4+4', '5+5']);
  },
);

either(
  'follows links of files to another directory, as certbot lays them',
  (directory, files) => {
    const archive = join(directory, '../archive');
    mkdirSync(archive);
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(archive, `${name}1`), text);
      symlinkSync(`../archive/${name}1`, join(directory, name));
    }
  },
  async ({ directory, patient }) => {
    for (const number of [2, 3]) {
      for (const [name, text] of Object.entries(generation(number))) {
        writeFileSync(join(directory, `../archive/${name}${number}`), text);
        symlinkSync(`../archive/${name}${number}`, join(directory, `${name}.new`));
        renameSync(join(directory, `${name}.new`), join(directory, name));
      }
      await inForce(patient.files, `${number}+${number}`);
    }
    // And what the links lead to, in place.
    writeInPlace(join(directory, '../archive'), { ca3: generation(4).ca } as Partial<FileSet>);
    await inForce(patient.files, '4+3');
    assert.equal(patient.failed, []);
  },
);

either('takes another directory under the same name', writeInPlace, async ({ base, directory, patient }) => {
  for (const number of [2, 3, 4]) {
    const next = join(base, `next${number}`);
    mkdirSync(next);
    writeInPlace(next, generation(number));
    renameSync(directory, join(base, `old${number}`));
    renameSync(next, directory);
    await inForce(patient.files, `${number}+${number}`);
    // The new one is followed, not the one that was moved away.
    writeInPlace(directory, { ca: generation(9).ca });
    await inForce(patient.files, `9+${number}`);
  }
  assert.equal(patient.failed, []);
});

either(
  'takes a directory that is removed and made again',
  writeInPlace,
  async ({ base, directory, patient, eager }) => {
    for (const number of [2, 3]) {
      const failure = eager.failure();
      chmodSync(directory, 0o700);
      chmodSync(base, 0o700);
      rmSync(directory, { recursive: true });
      assert.is((await failure).code, 'file-missing');
      mkdirSync(directory);
      writeInPlace(directory, generation(number));
      await inForce(patient.files, `${number}+${number}`);
      await inForce(eager.files, `${number}+${number}`);
    }
    assert.equal(patient.failed, []);
  },
);

either('takes a file that is removed and made again', writeInPlace, async ({ directory, patient, eager }) => {
  const failure = eager.failure();
  unlinkSync(join(directory, 'cert'));
  const { code, option, message } = await failure;
  assert.equal([code, option], ['file-missing', 'cert']);
  assert.is(message, `cert: ${join(directory, 'cert')}: there is no such file`);
  assert.is(generationOf(eager.files.current), '1+1');
  writeInPlace(directory, generation(2));
  await inForce(patient.files, '2+2');
  assert.equal(patient.failed, []);
});

either('waits for the rest of a half-written file', writeInPlace, async ({ directory, patient, eager }) => {
  const { cert, key } = generation(2);
  const failure = eager.failure();
  writeInPlace(directory, { cert: cert.slice(0, cert.length / 2) });
  assert.is((await failure).code, 'pem-cut-short');
  writeInPlace(directory, { cert, key });
  await inForce(patient.files, '1+2');
  assert.equal([patient.failed, patient.reloaded], [[], ['1+2']]);
});

either('takes a bundle that is written bit by bit when it is whole', writeInPlace, async ({ directory, patient }) => {
  // Each bit makes a bundle that is good as it is.
  writeInPlace(directory, { ca: generation(2).ca });
  for (const number of [3, 4, 5, 6]) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    appendFileSync(join(directory, 'ca'), generation(number).ca);
  }
  await inForce(patient.files, '2,3,4,5,6+1');
  assert.equal(patient.reloaded, ['2,3,4,5,6+1']);
});

for (const [first, then, option, code] of [
  ['key', 'cert', 'key', 'key-of-another-certificate'],
  ['cert', 'key', 'key', 'key-of-another-certificate'],
] as const) {
  either(`waits for the ${then} when the ${first} comes first`, writeInPlace, async ({ directory, patient, eager }) => {
    const failure = eager.failure();
    replace(directory, { [first]: generation(2)[first] });
    const error = await failure;
    assert.equal([error.option, error.code], [option, code]);
    replace(directory, { [then]: generation(2)[then] });
    await inForce(patient.files, '1+2');
    await inForce(eager.files, '1+2');
    assert.equal([patient.failed, patient.reloaded, eager.reloaded], [[], ['1+2'], ['1+2']]);
  });
}

either('outlives a file that may not be read for a while', writeInPlace, async ({ directory, patient, eager }) => {
  const failure = eager.failure();
  chmodSync(join(directory, 'key'), 0o000);
  const { code, message } = await failure;
  assert.is(code, 'file-forbidden');
  assert.ok(message.includes(`${join(directory, 'key')}: this process may not read it`), message);
  chmodSync(join(directory, 'key'), 0o600);
  writeInPlace(directory, { ca: generation(2).ca });
  await inForce(patient.files, '2+1');
  assert.equal([patient.failed, patient.reloaded], [[], ['2+1']]);
});

either(
  'outlives a directory that may not be entered for a while',
  writeInPlace,
  async ({ directory, patient, eager }) => {
    const failure = eager.failure();
    chmodSync(directory, 0o000);
    assert.is((await failure).code, 'file-forbidden');
    chmodSync(directory, 0o300);
    writeInPlace(directory, { ca: generation(2).ca });
    await inForce(patient.files, '2+1');
    assert.equal(patient.failed, []);
  },
);

either('reports each bad state that lasts once, and keeps what was good', writeInPlace, async ({ base, directory }) => {
  const options = { pollInterval: 5, settleTime: 150 };
  const { files, failed, reloaded } = observe(directory, options);
  // Files that are good, as a clock: what is new there is taken after some twenty looks here.
  const elsewhere = join(base, 'elsewhere');
  mkdirSync(elsewhere);
  writeInPlace(elsewhere, generation(1));
  const clock = observe(elsewhere, options).files;
  const before = files.current;
  let number = 1;
  for (const [text, code] of [
    [generation(2).cert.slice(0, 100), 'pem-cut-short'],
    ['nonsense', 'pem-no-pem'],
    [generation(2).cert, 'pem-certificate-instead-of-key'],
    ['', 'pem-empty'],
  ] as const) {
    const failure = once(files, 'failed');
    writeInPlace(directory, { key: text });
    const [error] = (await failure) as [UsageError];
    assert.instance(error, UsageError);
    assert.equal([error.code, error.option], [code, 'key']);
    assert.ok(error.message.startsWith(`key: ${join(directory, 'key')}: `), error.message);
    replace(elsewhere, generation(++number));
    await inForce(clock, `${number}+${number}`);
    assert.is(files.current, before);
  }
  assert.is(failed.length, 4);
  writeInPlace(directory, generation(2));
  await inForce(files, '2+2');
  // What was bad before is news again.
  const failure = once(files, 'failed');
  writeInPlace(directory, { key: '' });
  await failure;
  assert.equal([failed.length, reloaded], [5, ['2+2']]);
});

either('says nothing when the content is the same', writeInPlace, async ({ directory, patient, eager }) => {
  const before = patient.files.current;
  replace(directory, generation(1));
  assert.is(patient.files.reload(), 'unchanged');
  assert.is(patient.files.current, before);
  // Bad and back to what is in force: seen, and no other credentials.
  const failure = eager.failure();
  unlinkSync(join(directory, 'ca'));
  await failure;
  writeInPlace(directory, generation(1));
  replace(directory, generation(2));
  await inForce(eager.files, '2+2');
  await inForce(patient.files, '2+2');
  assert.equal([patient.reloaded, eager.reloaded, patient.failed], [['2+2'], ['2+2'], []]);
});

either('takes files that are touched without rest', writeInPlace, async ({ directory }) => {
  const { files } = observe(directory, { pollInterval: 5, settleTime: 200 });
  const touching = setInterval(() => utimesSync(join(directory, 'ca'), new Date(), new Date()), 5);
  try {
    replace(directory, generation(2));
    await inForce(files, '2+2');
  } finally {
    clearInterval(touching);
  }
});

either('says nothing any more once it is closed', writeInPlace, async ({ directory, patient, eager }) => {
  patient.files.close();
  patient.files.close();
  replace(directory, generation(2));
  await inForce(eager.files, '2+2');
  assert.is(patient.files.reload(), 'unchanged');
  assert.equal([generationOf(patient.files.current), patient.reloaded, patient.failed], ['1+1', [], []]);
});

test('finds by looking what the system does not tell', () =>
  withFiles(ways[0], writeInPlace, async ({ base, directory }) => {
    // Written through a link in a directory that is not watched, and told of there alone.
    mkdirSync(join(base, 'elsewhere'));
    linkSync(join(directory, 'ca'), join(base, 'elsewhere/ca'));
    const { files } = observe(directory, { pollInterval: 20 });
    for (const number of [2, 3]) {
      writeInPlace(join(base, 'elsewhere'), { ca: generation(number).ca });
      await inForce(files, `${number}+1`);
    }
  }));

test('looks and reports at once when it is told to', () =>
  withDirectory((directory) => {
    writeInPlace(directory, generation(1));
    const { files, failed, reloaded } = observe(directory, { watch: false });
    assert.is(files.reload(), 'unchanged');
    replace(directory, generation(2));
    assert.is(files.reload(), 'reloaded');
    assert.is(generationOf(files.current), '2+2');
    assert.is(files.reload(), 'unchanged');
    writeInPlace(directory, { cert: '' });
    assert.is(files.reload(), 'failed');
    // Whoever asks again is told again.
    assert.is(files.reload(), 'failed');
    assert.equal([failed.map(({ code }) => code), reloaded], [['pem-empty', 'pem-empty'], ['2+2']]);
    assert.is(generationOf(files.current), '2+2');
    files.close();
  }));

test('does not watch when it shall not', () =>
  withFiles(ways[0], writeInPlace, async ({ directory, eager }) => {
    const { files, reloaded } = observe(directory, { watch: false, pollInterval: 1 });
    replace(directory, generation(2));
    await inForce(eager.files, '2+2');
    assert.equal([generationOf(files.current), reloaded], ['1+1', []]);
  }));

test('never mixes generations while another process exchanges them without rest', () =>
  withDirectory(async (outer) => {
    const directory = join(outer, 'tls');
    const sets = join(outer, 'sets.json');
    mkdirSync(directory);
    mount(directory, generation(1));
    writeFileSync(sets, JSON.stringify([1, 2, 3, 4].map(generation)));
    const { files, failed } = observe(directory, { pollInterval: 1, settleTime: 100 });
    const wrong: string[] = [];
    let taken = 0;
    files.on('reloaded', (credentials) => {
      taken++;
      if (!/^(\d)\+\1$/.test(generationOf(credentials))) wrong.push(generationOf(credentials));
    });
    const child = fork(fileURLToPath(new URL('../support/swapping-child.js', import.meta.url)), [directory, sets]);
    const exited = once(child, 'exit');
    try {
      for (let reloads = 0; reloads < 300; ) {
        if (files.reload() === 'reloaded') reloads++;
        await new Promise(setImmediate);
      }
    } finally {
      child.kill();
      await exited;
      files.close();
    }
    assert.equal(wrong, []);
    assert.ok(taken >= 300);
    // No reading of mixed generations either; that the files never rest may be said.
    assert.equal(
      failed.filter(({ code }) => code !== 'file-changing'),
      [],
    );
  }));

test('ends with what is on the disk after any sequence of operations', () => sequences(), { deadline: 60_000 });

/** 200 random sequences, some at a time; what was in force must have been on the disk, whole. */
async function sequences(): Promise<void> {
  const { seed, below } = random();
  try {
    for (let batch = 0; batch < 10; batch++) {
      await withDirectory(async (outer) => {
        const some = Array.from({ length: 20 }, (_, index) => {
          // Drawn before, so that what is done depends on the seed alone, and not on who comes first.
          const draws = Array.from({ length: 100 }, () => below(2 ** 30));
          return sequence(join(outer, `${index}`), (limit) => draws.pop()! % limit);
        });
        await Promise.all(some);
      });
    }
  } catch (error) {
    throw new Error(`SEED=${seed}: ${error instanceof Error ? error.stack : error}`);
  }
}

/** What a file holds but for its end, which truncation takes away or fills up. */
function wholeOf(texts: readonly string[]): string {
  return texts.map((text) => text.replace(/[\0\s]+$/, '')).join();
}

async function sequence(directory: string, below: (limit: number) => number): Promise<void> {
  const names = ['ca', 'cert', 'key'] as const;
  const read = (): string | undefined => {
    try {
      return wholeOf(names.map((name) => readFileSync(join(directory, name), 'latin1')));
    } catch {
      return undefined;
    }
  };
  // Everything that was whole on the disk at any time, by its text.
  const texts = new Map<string, string>();
  for (let ca = 1; ca <= 4; ca++) {
    for (let end = 1; end <= 4; end++) {
      texts.set(wholeOf([generation(ca).ca, generation(end).cert, generation(end).key]), `${ca}+${end}`);
    }
  }
  const seen = new Set<string>();
  const note = (): string | undefined => {
    const now = texts.get(read() ?? '');
    if (now !== undefined) seen.add(now);
    return now;
  };
  const nested = join(directory, 'tls');
  mkdirSync(nested, { recursive: true });
  for (const name of names) symlinkSync(`tls/${name}`, join(directory, name));
  const lay = (): void => writeInPlace(nested, generation(1 + below(4)));
  lay();
  note();
  const { files, failed, reloaded } = observe(directory, {
    pollInterval: below(2) === 0 ? hour : 15,
    settleTime: below(2) === 0 ? 0 : hour,
  });
  const ignoringMissing = (operation: () => void): void => {
    try {
      operation();
    } catch (error) {
      if (!['ENOENT', 'EACCES', 'EEXIST'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
    }
  };
  let spare = 0;
  const operations: ReadonlyArray<() => void> = [
    () => writeInPlace(nested, pick()),
    () => replace(nested, pick()),
    () => replace(nested, generation(1 + below(4))),
    () => unlinkSync(join(nested, names[below(3)]!)),
    () => truncateSync(join(nested, names[below(3)]!), below(700)),
    () => chmodSync(join(nested, names[below(3)]!), below(2) === 0 ? 0o000 : 0o600),
    () => writeInPlace(nested, { [names[below(3)]!]: 'nonsense' }),
    () => rmSync(nested, { recursive: true }),
    () => {
      renameSync(nested, join(directory, `old${++spare}`));
      mkdirSync(nested);
      lay();
    },
    () => mkdirSync(nested),
  ];
  const pick = (): Partial<FileSet> => {
    const name = names[below(3)]!;
    return { [name]: generation(1 + below(4))[name] };
  };
  for (let left = 3 + below(6); left > 0; left--) {
    ignoringMissing(operations[below(operations.length)]!);
    note();
    if (below(3) > 0) await new Promise((resolve) => setTimeout(resolve, below(150)));
  }
  // The last word is whole, and comes into force; what is not whole does not.
  const last = 1 + below(4);
  rmSync(nested, { recursive: true, force: true });
  mkdirSync(nested);
  [writeInPlace, replace][below(2)]!(nested, generation(last));
  assert.is(note(), `${last}+${last}`);
  await inForce(files, `${last}+${last}`);
  if (below(4) === 0) {
    unlinkSync(join(nested, names[below(3)]!));
    assert.is(files.reload(), 'failed');
    assert.is(failed.at(-1)?.code, 'file-missing');
    assert.is(generationOf(files.current), `${last}+${last}`);
  }
  for (const one of reloaded) assert.ok(seen.has(one), `${one} never was on the disk`);
  files.close();
}

test('leaves nothing behind after 100 exchanges', () =>
  withDirectory(async (outer) => {
    const mounts = Array.from({ length: 10 }, (_, index) => {
      const directory = join(outer, `${index}`);
      mkdirSync(directory);
      const previous = mount(directory, generation(1));
      return { directory, previous, files: observe(directory, { pollInterval: hour }).files };
    });
    const exchange = async (number: number): Promise<void> => {
      for (const one of mounts) one.previous = swap(one.directory, generation(number), one.previous);
      await Promise.all(mounts.map(({ files }) => inForce(files, `${number}+${number}`)));
    };
    await exchange(2);
    const before = watches();
    const resources = process.getActiveResourcesInfo().length;
    for (let number = 1; number <= 10; number++) await exchange((number % 2) + 1);
    await until(() => watches() === before);
    // Timers of other tests come and go.
    assert.ok(process.getActiveResourcesInfo().length < resources + 10);
    for (const { files } of mounts) files.close();
  }));

test('closes every watch', () =>
  withDirectory(async (directory) => {
    writeInPlace(directory, generation(1));
    const before = watches();
    const { files } = observe(directory, { pollInterval: hour });
    replace(directory, generation(2));
    await inForce(files, '2+2');
    if (process.platform === 'linux') assert.ok(watches() > before);
    files.close();
    assert.is(watches(), before);
  }));

/** How many directories this process watches, where the system tells it. */
function watches(): number {
  if (process.platform !== 'linux') return 0;
  let count = 0;
  // A descriptor may be gone by the time it is read.
  for (let descriptor = 0; descriptor < 256; descriptor++) {
    try {
      count += readFileSync(`/proc/thread-self/fdinfo/${descriptor}`, 'latin1').match(/^inotify wd:/gm)?.length ?? 0;
    } catch {}
  }
  return count;
}

test('does not keep the process alive', () =>
  withDirectory(async (directory) => {
    writeInPlace(directory, generation(1));
    const door = new URL('../../src/tls/index.js', import.meta.url);
    const paths = JSON.stringify({
      ca: join(directory, 'ca'),
      cert: join(directory, 'cert'),
      key: join(directory, 'key'),
    });
    const code = `import { watchCredentials } from '${door}';
      const files = watchCredentials({ ...${paths}, pollInterval: 10 });
      process.on('exit', () => console.log(files.current.identity.subjectCommonName));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code], { timeout: 20_000 });
    assert.is(stdout, 'end 1\n');
  }));

test('unlocks the key with what a file holds, and follows that file, too', () =>
  withDirectory(async (directory) => {
    const locked = (number: number, passphrase: string): FileSet => ({
      ...generation(number),
      key: createPrivateKey(generation(number).key)
        .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase })
        .toString(),
    });
    const passphraseFile = join(directory, 'passphrase');
    writeFileSync(passphraseFile, 'open sesame\r\nand a second line\n');
    writeInPlace(directory, locked(1, 'open sesame'));
    const { files, failed } = observe(directory, { passphraseFile, pollInterval: 50 });
    replace(directory, locked(2, 'abracadabra'));
    writeFileSync(passphraseFile, 'abracadabra');
    await inForce(files, '2+2');
    assert.is(files.current.passphrase, 'abracadabra');
    assert.equal(failed, []);
    files.close();
  }));

test('follows revocation lists, and says which of them is at fault', () =>
  withDirectory(async (directory) => {
    const authority = createAuthority({ commonName: 'CA 1' });
    const { cert, key, serial } = (() => {
      const issued = authority.issue({ commonName: 'end 1', kind: 'server' });
      return { ...issued, serial: new X509Certificate(issued.der).serialNumber };
    })();
    const intermediate = authority.issueAuthority({ commonName: 'Intermediate' });
    const path = (name: string): string => join(directory, name);
    writeInPlace(directory, { ca: authority.cert, cert, key });
    writeFileSync(path('root.crl'), authority.revocationList({ revoked: [] }).der);
    writeFileSync(path('intermediate.crl'), intermediate.revocationList({ revoked: [] }).pem);
    const options = { crl: [path('intermediate.crl'), path('root.crl')], pollInterval: 50 };
    const { files, failed } = observe(directory, options);
    const before = files.current.revocation;
    assert.ok(before !== undefined);
    const reloaded = once(files, 'reloaded');
    writeFileSync(path('root.crl'), authority.revocationList({ revoked: [{ serialNumber: serial }] }).der);
    await reloaded;
    assert.is.not(files.current.revocation, before);
    writeFileSync(path('root.crl'), createAuthority({ commonName: 'CA 1' }).revocationList({ revoked: [] }).der);
    assert.is(files.reload(), 'failed');
    assert.equal([failed[0]?.code, failed[0]?.option], ['crl-bad-signature', 'crl']);
    assert.match(failed[0]!.message, `crl: ${path('root.crl')}: `);
    truncateSync(path('root.crl'), 64 * 1024 * 1024 + 1);
    assert.is(files.reload(), 'failed');
    assert.is(failed[1]?.code, 'file-too-large');
    files.close();
  }));

test('watches what a link leads to now, and no more what it led to before', () =>
  withDirectory(async (directory) => {
    const lead = (number: number): void => {
      mkdirSync(join(directory, `release${number}`));
      writeInPlace(join(directory, `release${number}`), generation(number));
      symlinkSync(`release${number}`, join(directory, 'next'));
      renameSync(join(directory, 'next'), join(directory, 'current'));
    };
    lead(1);
    const { files } = observe(join(directory, 'current'), { pollInterval: hour });
    lead(2);
    await inForce(files, '2+2');
    const before = watches();
    for (const number of [3, 4, 5]) {
      lead(number);
      await inForce(files, `${number}+${number}`);
    }
    await until(() => watches() === before);
    files.close();
  }));

test('tells when files that were bad are again those in force', () =>
  withDirectory((directory) => {
    writeInPlace(directory, generation(1));
    const { files } = observe(directory, { watch: false });
    let recovered = 0;
    files.on('recovered', () => {
      recovered++;
    });
    for (let round = 1; round <= 2; round++) {
      writeInPlace(directory, { cert: '' });
      assert.is(files.reload(), 'failed');
      writeInPlace(directory, generation(1));
      assert.is(files.reload(), 'unchanged');
      assert.is(files.reload(), 'unchanged');
      assert.is(recovered, round);
    }
    files.close();
  }));

test('keeps a certificate that is good instead of one that has expired or is not valid yet', () =>
  withDirectory((directory) => {
    const authority = createAuthority({ commonName: 'Dated CA' });
    const issue = (notBefore: string, notAfter: string) =>
      authority.issue({
        ...{ commonName: 'dated', kind: 'server', hosts: ['localhost'] },
        ...{ notBefore: new Date(notBefore), notAfter: new Date(notAfter) },
      });
    const [good, expired, early] = [
      issue('2020-01-01', '2035-01-01'),
      issue('2020-01-01', '2021-01-01'),
      issue('2034-01-01', '2035-01-01'),
    ];
    const write = ({ cert, key }: { cert: string; key: string }): void =>
      writeInPlace(directory, { ca: authority.cert, cert, key });
    write(good);
    const { files, failed } = observe(directory, { watch: false });
    for (const [worse, code] of [
      [expired, 'certificate-expired'],
      [early, 'certificate-not-yet-valid'],
    ] as const) {
      write(worse);
      assert.is(files.reload(), 'failed');
      assert.equal([failed.at(-1)?.code, failed.at(-1)?.option], [code, 'cert']);
      assert.match(failed.at(-1)!.message, /^cert: .*cert: the certificate .*, and the one before is still good$/);
    }
    // Where there is nothing better, it is taken: a service that is out already cannot be made worse.
    write(expired);
    const { files: started } = observe(directory, { watch: false });
    write(early);
    assert.is(started.reload(), 'reloaded');
    files.close();
    started.close();
  }));

test('keeps the lists of every CA that had one, unless the CAs change too', () =>
  withDirectory((directory) => {
    const [one, other] = [createAuthority({ commonName: 'One CA' }), createAuthority({ commonName: 'Other CA' })];
    const { cert, key } = one.issue({ commonName: 'server', kind: 'server', hosts: ['localhost'] });
    const list = (of: typeof one): string => of.revocationList({ revoked: [] }).pem;
    const path = join(directory, 'lists');
    writeInPlace(directory, { ca: one.cert + other.cert, cert, key });
    writeFileSync(path, list(one) + list(other));
    const { files, failed } = observe(directory, { crl: path, watch: false });
    writeFileSync(path, list(one) + list(one));
    assert.is(files.reload(), 'failed');
    assert.match(failed[0]!.message, /lists: there is no list of CN=Other CA any more/);
    writeInPlace(directory, { ca: one.cert });
    assert.is(files.reload(), 'reloaded');
    files.close();
  }));

test('takes relative paths from the directory of the start', () =>
  withDirectory(async (directory) => {
    writeInPlace(directory, generation(1));
    const { files, failed } = observe(relative(process.cwd(), directory), { watch: false });
    const before = process.cwd();
    process.chdir('/');
    try {
      replace(directory, generation(2));
      assert.is(files.reload(), 'reloaded', failed[0]?.message);
    } finally {
      process.chdir(before);
    }
  }));

function startFault(options: Record<string, unknown>): UsageError {
  try {
    watchCredentials(options as unknown as CredentialFilesOptions).close();
  } catch (error) {
    assert.instance(error, UsageError);
    return error as UsageError;
  }
  throw new Error('the files were taken');
}

/** Puts something else in the place of a file. */
function instead(path: string, put: (path: string) => void): void {
  unlinkSync(path);
  put(path);
}

/** What is done to a file of good ones; the code, and words of the message. */
const badFiles: ReadonlyArray<readonly [string, keyof FileSet, (path: string) => unknown, string, RegExp]> = [
  ['a missing file', 'ca', (path) => unlinkSync(path), 'file-missing', /no such file/],
  ['an unreadable file', 'key', (path) => chmodSync(path, 0), 'file-forbidden', /permission denied/],
  ['an empty file', 'ca', (path) => writeFileSync(path, ''), 'pem-empty', /is empty/],
  ['a truncated file', 'ca', (path) => truncateSync(path, 200), 'pem-cut-short', /cut short/],
  ['a file of bytes', 'cert', (path) => writeFileSync(path, Buffer.from([0x30, 0x82, 0, 1])), 'pem-binary', /binary/],
  [
    'a file that is too large',
    'cert',
    (path) => truncateSync(path, 1024 * 1024 + 1),
    'file-too-large',
    /1048576 bytes/,
  ],
  ['a CA that is none', 'ca', (path) => writeFileSync(path, generation(1).cert), 'not-a-ca', /not a CA/],
  [
    'the key of another',
    'key',
    (path) => writeFileSync(path, generation(2).key),
    'key-of-another-certificate',
    /end 1/,
  ],
  ['a directory', 'key', (path) => instead(path, mkdirSync), 'file-not-regular', /directory/],
  [
    'a device without end',
    'ca',
    (path) => instead(path, () => symlinkSync('/dev/zero', path)),
    'file-not-regular',
    /device/,
  ],
  ['a link to itself', 'ca', (path) => instead(path, () => symlinkSync(path, path)), 'file-unreadable', /ELOOP/],
];

for (const [what, name, spoil, code, words] of badFiles) {
  test(`refuses ${what} at the start, naming it`, () =>
    inOrdinaryDirectory((directory) => {
      writeInPlace(directory, generation(1));
      const path = join(directory, name);
      spoil(path);
      const files = { ca: join(directory, 'ca'), cert: join(directory, 'cert'), key: join(directory, 'key') };
      const error = startFault(files);
      assert.equal([error.code, error.option], [code, name]);
      assert.ok(error.message.startsWith(`${name}: ${path}: `), error.message);
      assert.match(error.message, words);
    }));
}

test('refuses a pipe at the start, and does not wait for somebody to write to it', () =>
  withDirectory(async (directory) => {
    writeInPlace(directory, generation(1));
    unlinkSync(join(directory, 'key'));
    await run('mkfifo', [join(directory, 'key')]);
    const files = { ca: join(directory, 'ca'), cert: join(directory, 'cert'), key: join(directory, 'key') };
    assert.is(startFault(files).code, 'file-not-regular');
  }));

test('says which of several CA files is at fault', () =>
  withDirectory((directory) => {
    writeInPlace(directory, generation(1));
    const more = join(directory, 'more');
    const path = (name: string): string => join(directory, name);
    writeFileSync(more, generation(2).ca + generation(3).ca);
    const options = { ca: [path('ca'), more], cert: path('cert'), key: path('key'), watch: false };
    const files = watchCredentials(options);
    assert.equal(files.current.authorityNames, ['CN=CA 1', 'CN=CA 2', 'CN=CA 3']);
    writeFileSync(more, generation(2).ca + generation(3).cert);
    const error = startFault(options);
    assert.is(error.code, 'not-a-ca');
    assert.match(error.message, `ca: ${more}: certificate 2 of 2`);
  }));

test('refuses options that are wrong', () =>
  withDirectory((directory) => {
    writeInPlace(directory, generation(1));
    const files = { ca: join(directory, 'ca'), cert: join(directory, 'cert'), key: join(directory, 'key') };
    for (const [over, code, option] of [
      [{ ca: undefined }, 'credential-missing', 'ca'],
      [{ ca: [] }, 'credential-missing', 'ca'],
      [{ crl: [] }, 'credential-missing', 'crl'],
      [{ crl: '' }, 'not-a-path', 'crl'],
      [{ insecureAcceptExpiredCrl: 1 }, 'option-not-a-boolean', 'insecureAcceptExpiredCrl'],
      [{ cert: null }, 'credential-missing', 'cert'],
      [{ key: 7 }, 'not-a-path', 'key'],
      [{ key: '' }, 'not-a-path', 'key'],
      [{ ca: [files.ca, Buffer.from(files.ca)] }, 'not-a-path', 'ca'],
      [{ cert: generation(1).cert }, 'not-a-path', 'cert'],
      [{ watch: 'false' }, 'option-not-a-boolean', 'watch'],
      [{ pollInterval: 0 }, 'option-not-a-number', 'pollInterval'],
      [{ pollInterval: 2 ** 31 }, 'option-not-a-number', 'pollInterval'],
      [{ settleTime: -1 }, 'option-not-a-number', 'settleTime'],
      [{ settleTime: '5' }, 'option-not-a-number', 'settleTime'],
      [{ minVersion: 'TLSv1.1' }, 'min-version-unknown', 'minVersion'],
      [{ passphrase: 1 }, 'option-not-a-string', 'passphrase'],
      [{ passphrase: 'a', passphraseFile: files.key }, 'passphrase-twice', 'passphraseFile'],
      [{ passphraseFile: join(directory, 'none') }, 'file-missing', 'passphraseFile'],
      [{ certificate: files.cert }, 'option-unknown', 'certificate'],
    ] as const) {
      const error = startFault({ ...files, ...over });
      assert.equal([error.code, error.option], [code, option], JSON.stringify(over));
    }
  }));

test.run();
