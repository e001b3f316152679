/**
 * Credentials in files, which are followed as they are replaced. Its law: what is in force was read as a whole, checked
 * as a whole and is exchanged as a whole; what is bad never comes into force, and what is passing is never reported.
 */
import type { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { escapeText } from '../text.js';
import { type CredentialInput, type Credentials, loadCredentials } from './credentials.js';
import type { TlsVersion } from './defaults.js';
import { identityFaults } from './errors.js';
import { type BoundedFile, FileFault, readSnapshot, type Snapshot, stampOf } from './file-snapshot.js';
import type { PeerIdentity } from './identity.js';
import { PathWatch } from './path-watch.js';

/** Where credentials are, and how they are followed. Paths are taken from the working directory of the start. */
export interface CredentialFilesOptions {
  /** The files of the CAs, one or more. Required. */
  ca: string | readonly string[];
  /** The file of the certificate and its intermediates. Required. */
  cert: string;
  /** The file of the private key. Required. */
  key: string;
  /** Unlocks `key`, now and after each change. Default: the key is not locked. */
  passphrase?: string;
  /** The file whose first line unlocks `key`; it is followed like the others. Instead of `passphrase`. */
  passphraseFile?: string;
  /** The files of revocation lists, in PEM or DER, one or more, as `crl` of `CredentialInput`. Default: none. */
  crl?: string | readonly string[];
  /** Whether a list that is too old still counts, as `insecureAcceptExpiredCrl` of `CredentialInput`. Default `false`. */
  insecureAcceptExpiredCrl?: boolean;
  /** The lowest TLS version. Default `TLSv1.3`. */
  minVersion?: TlsVersion;
  /** Whether changes are noticed without `reload()`. Default `true`. */
  watch?: boolean;
  /**
   * Milliseconds between two looks at the files where the system tells nothing of changes, as on network file systems.
   * Default 10,000: a look costs some system calls, and whoever distributes certificates takes longer himself.
   */
  pollInterval?: number;
  /**
   * Milliseconds that files may be bad until it is reported, for example while a key is there whose certificate is not.
   * Default 10,000: as long as a script takes that copies one after the other to another machine.
   */
  settleTime?: number;
}

export interface CredentialFilesEvents {
  /** Other credentials are in force; `current` is the same. */
  reloaded: [credentials: Credentials];
  /** The files are bad, and the credentials before them stay in force. Once for each bad state that lasts. */
  failed: [error: UsageError];
  /** After `failed`: the files are again those that are in force. */
  recovered: [];
}

/** What became of a look at the files: others are in force; they are those in force; or they are bad. */
export type ReloadOutcome = 'reloaded' | 'unchanged' | 'failed';

const optionNames: Readonly<Record<keyof CredentialFilesOptions, true>> = {
  ca: true,
  cert: true,
  key: true,
  passphrase: true,
  passphraseFile: true,
  crl: true,
  insecureAcceptExpiredCrl: true,
  minVersion: true,
  watch: true,
  pollInterval: true,
  settleTime: true,
};

type FileOption = 'ca' | 'cert' | 'key' | 'passphraseFile' | 'crl';

/** A file, and which option it is of. */
interface Source extends BoundedFile {
  readonly option: FileOption;
  /** As it was given. */
  readonly path: string;
}

const defaultPollInterval = 10_000;
const defaultSettleTime = 10_000;

/** Bytes; the bundle of all public CAs has a quarter of it. */
const maxCredentialBytes = 1024 * 1024;

/** Bytes; the longest lists of public CAs have some tens of millions. */
const maxCrlBytes = 64 * 1024 * 1024;

/** Milliseconds after the first sign of a change until the next look, so that many signs make one. */
const eventDelay = 20;

/** Milliseconds that files must rest before they are read: a bundle that is half written may look whole. */
const restTime = 100;

/** Milliseconds; a file system may show two changes with the same time if less is between them (FAT: 2 s). */
const stampResolution = 2_000;

/** The longest delay that a timer of Node takes, in milliseconds. */
const longestDelay = 2 ** 31 - 1;

/** A state of the files that cannot be used. */
interface BadState {
  id: string;
  /** When the files became bad, or became so in another way after a report. */
  readonly since: number;
  reported: boolean;
}

/**
 * Credentials that follow their files. New ones come into force as soon as the files rest and are good as a whole; until
 * then, and when they never are, those before stay in force. There is no `error` event. It does not keep the process alive.
 */
export class CredentialFiles extends EventEmitter<CredentialFilesEvents> {
  readonly #sources: readonly Source[];
  readonly #fixed: Pick<CredentialInput, 'passphrase' | 'minVersion' | 'insecureAcceptExpiredCrl'>;
  readonly #pollInterval: number;
  readonly #settleTime: number;
  /** `undefined`: not watching, from the start or since `close()`. */
  #watch: PathWatch | undefined;
  #closed = false;

  #current: Credentials;
  /** The snapshot that `#current` comes from. */
  #inForce: string;
  #bad: BadState | undefined;

  #stamp: string | undefined;
  /** When `#stamp` was first seen. */
  #stampAt = 0;
  /** Since when the files have not rested; `undefined`: they rest. */
  #restlessSince: number | undefined;
  #readAt: number;

  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;
  #looking = false;

  /** @throws UsageError as `watchCredentials` */
  constructor(options: CredentialFilesOptions) {
    super();
    // As many servers as there are may follow the same files.
    this.setMaxListeners(0);
    const { passphrase, minVersion, insecureAcceptExpiredCrl, ...how } = checkOptions(options);
    const { watch, pollInterval, settleTime } = how;
    this.#sources = sourcesOf(options);
    this.#fixed = { passphrase, minVersion, insecureAcceptExpiredCrl };
    this.#pollInterval = pollInterval ?? defaultPollInterval;
    this.#settleTime = settleTime ?? defaultSettleTime;
    this.#readAt = performance.now();
    const snapshot = readSnapshot(this.#sources);
    this.#current = this.#load(snapshot);
    this.#inForce = snapshot.id;
    if (watch === false) return;
    this.#watch = new PathWatch(() => this.#lookIn(eventDelay));
    this.#lookIn(0);
  }

  /** The credentials in force: whole and good, whatever the files hold by now. */
  get current(): Credentials {
    return this.#current;
  }

  /**
   * Looks at the files now, for example on SIGHUP, and returns what became of it. When the files are bad it is reported at
   * once, and also if it was before. Throws nothing, and does nothing after `close()`.
   */
  reload(): ReloadOutcome {
    return this.#closed ? 'unchanged' : this.#take(true);
  }

  /** Stops following the files; no event comes any more. `current` stays. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** Closes in the same way, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Looks in so many milliseconds, unless it looks before. */
  #lookIn(delay: number): void {
    if (this.#watch === undefined) return;
    const at = performance.now() + delay;
    if (this.#timer !== undefined && this.#timerAt <= at) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, delay).unref();
  }

  async #look(): Promise<void> {
    // What changes during a look is seen by the next one.
    if (this.#looking) return this.#lookIn(eventDelay);
    this.#looking = true;
    try {
      // First the watch, then the look: what changes in between is seen twice, and not never.
      await this.#watch?.follow(this.#sources.map(({ file }) => file));
      const stamp = await stampOf(this.#sources);
      if (this.#watch === undefined) return;
      this.#lookIn(this.#pollInterval);
      const now = performance.now();
      if (stamp !== this.#stamp) {
        this.#stamp = stamp;
        this.#stampAt = now;
        this.#restlessSince ??= now;
      }
      const rested = now - this.#stampAt;
      // Some file systems of user space show another time at each look: their files never rest.
      const mustWait = rested < restTime && now - (this.#restlessSince ?? now) < this.#settleTime;
      if (mustWait) return this.#lookIn(Math.ceil(restTime - rested));
      this.#restlessSince = undefined;
      // A stamp proves that nothing changed if the reading was so long after it that any change would have made another.
      const proves = this.#readAt - this.#stampAt >= stampResolution;
      if (!proves || this.#bad !== undefined) this.#take(false);
    } finally {
      this.#looking = false;
    }
  }

  /** Reads the files, and puts them into force if they are others and good. */
  #take(reportNow: boolean): ReloadOutcome {
    this.#readAt = performance.now();
    const snapshot = readSnapshot(this.#sources);
    if (snapshot.id === this.#inForce) {
      const wasReported = this.#bad?.reported === true;
      this.#bad = undefined;
      if (wasReported) this.#tell(() => this.emit('recovered'));
      return 'unchanged';
    }
    let credentials: Credentials;
    try {
      credentials = this.#load(snapshot);
      this.#mustNotBeWorse(credentials);
    } catch (error) {
      this.#onBad(snapshot.id, error as UsageError, reportNow);
      return 'failed';
    }
    this.#bad = undefined;
    this.#inForce = snapshot.id;
    this.#current = credentials;
    this.#tell(() => this.emit('reloaded', credentials));
    return 'reloaded';
  }

  /**
   * Refuses what is lawful at a start, where nothing better is known, but would take a service away that works: a
   * certificate out of its dates in place of one that is good, and lists that lack one of a CA that had one.
   */
  #mustNotBeWorse(next: Credentials): void {
    const now = Date.now();
    const { identity, revocation, trustedAs } = this.#current;
    const fit = ({ validFrom, validTo }: PeerIdentity): boolean => +validFrom <= now && now <= +validTo;
    if (fit(identity) && !fit(next.identity)) {
      const isLate = now > +next.identity.validTo;
      const code = isLate ? 'certificate-expired' : 'certificate-not-yet-valid';
      throw this.#faultIn('cert', code, `${identityFaults[code].words}, and the one before is still good`);
    }
    if (revocation === undefined || next.revocation === undefined || next.trustedAs !== trustedAs) return;
    const missing = revocation.lists.find(
      ({ issuer }) => !next.revocation!.lists.some((list) => list.issuer === issuer),
    );
    if (missing !== undefined) {
      const words = `there is no list of ${missing.issuer} any more, and so all its certificates would be refused`;
      throw this.#faultIn('crl', 'crl-of-another-ca', words);
    }
  }

  /** Returns a fault that names the files of an option. */
  #faultIn(option: FileOption, code: string, words: string): UsageError {
    const paths = this.#sources.filter((source) => source.option === option).map(({ path }) => escapeText(path, 1024));
    return new UsageError(code, `${option}: ${paths.join(' and ')}: ${words}`, { option });
  }

  /** What a listener throws is an uncaught exception, as elsewhere, and not the fault of the files. */
  #tell(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #onBad(id: string, error: UsageError, reportNow: boolean): void {
    const now = performance.now();
    // Before it is reported it is the same trouble in whatever form: files that are never good must not go unreported.
    if (this.#bad !== undefined && !this.#bad.reported) this.#bad.id = id;
    if (this.#bad?.id !== id) this.#bad = { id, since: now, reported: false };
    const bad = this.#bad;
    const left = bad.since + this.#settleTime - now;
    if (reportNow || (!bad.reported && left <= 0)) {
      bad.reported = true;
      this.#tell(() => this.emit('failed', error));
    } else if (!bad.reported) this.#lookIn(Math.ceil(left));
  }

  /** @throws UsageError that names the file */
  #load({ contents }: Snapshot): Credentials {
    const held = this.#sources.map((source, index) => {
      const content = contents[index]!;
      if (content instanceof FileFault) throw fault(source, content.code, content.message, content);
      return { ...source, content };
    });
    const of = (option: FileOption): Buffer[] => held.filter((one) => one.option === option).map((one) => one.content);
    const [passphrase] = of('passphraseFile');
    const crl = of('crl');
    const input: CredentialInput = {
      ...this.#fixed,
      ca: of('ca'),
      cert: of('cert')[0]!,
      key: of('key')[0]!,
      ...(passphrase === undefined ? {} : { passphrase: firstLine(passphrase) }),
      ...(crl.length === 0 ? {} : { crl }),
    };
    try {
      return loadCredentials(input);
    } catch (error) {
      throw naming(error, input, held);
    }
  }
}

/**
 * Reads credentials from files, and follows the files from now on: replaced by renaming, by exchanging a link as
 * Kubernetes does, or written in place, in any order and in any number of steps.
 *
 * @throws UsageError with the file and the reason if they cannot be used: its code is one of `fileFaults`, or as that
 *   of `loadCredentials`; `option-…` if an option is wrong
 */
export function watchCredentials(options: CredentialFilesOptions): CredentialFiles {
  return new CredentialFiles(options);
}

function fault({ option, path }: Source, code: string, words: string, cause: unknown): UsageError {
  return new UsageError(code, `${option}: ${escapeText(path, 1024)}: ${words}`, { option }, { cause });
}

/** Returns what `loadCredentials` threw with the name of the file at fault. */
function naming(error: unknown, input: CredentialInput, held: ReadonlyArray<Source & { content: Buffer }>): UsageError {
  if (!(error instanceof UsageError)) {
    const detail = escapeText(error instanceof Error ? error.message : String(error));
    return new UsageError('not-usable', `the credentials cannot be used (${detail})`, {}, { cause: error });
  }
  const words = (from: UsageError): string => from.message.slice(`${from.option}: `.length);
  const candidates = held.filter(({ option }) => option === error.option);
  if (candidates.length <= 1) {
    const [only] = candidates;
    return only === undefined ? error : fault(only, error.code, words(error), error);
  }
  // Which of several it is shows when each is tried by itself.
  for (const candidate of candidates) {
    try {
      loadCredentials({ ...input, [candidate.option]: [candidate.content] });
    } catch (single) {
      if (single instanceof UsageError && single.option === error.option && single.code === error.code) {
        return fault(candidate, single.code, words(single), error);
      }
    }
  }
  return error;
}

function firstLine(bytes: Buffer): string {
  return bytes.toString('utf8').split(/\r?\n/, 1)[0]!;
}

function wrong(option: string, code: string, words: string): UsageError {
  return new UsageError(code, `${option}: ${words}`, { option });
}

/** @throws UsageError for options that do not exist, or are not what they must be */
function checkOptions(options: CredentialFilesOptions): CredentialFilesOptions {
  if (typeof options !== 'object' || options === null) {
    throw wrong('options', 'option-not-an-object', 'must be an object');
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(optionNames, name)) continue;
    const names = Object.keys(optionNames).sort().join(', ');
    throw wrong(name, 'option-unknown', `is no option of watchCredentials: those are ${names}`);
  }
  const { passphrase, passphraseFile, watch, pollInterval, settleTime } = options;
  if (passphrase !== undefined && passphraseFile !== undefined) {
    throw wrong('passphraseFile', 'passphrase-twice', 'give passphrase or passphraseFile, and not both');
  }
  if (watch !== undefined && typeof watch !== 'boolean') {
    throw wrong('watch', 'option-not-a-boolean', 'must be true or false');
  }
  for (const [name, value, least] of [
    ['pollInterval', pollInterval, 1],
    ['settleTime', settleTime, 0],
  ] as const) {
    if (value === undefined) continue;
    if (Number.isInteger(value) && value >= least && value <= longestDelay) continue;
    throw wrong(name, 'option-not-a-number', `must be a whole number from ${least} to ${longestDelay}`);
  }
  return options;
}

/** @throws UsageError for what is no path */
function sourcesOf({ ca, cert, key, passphraseFile, crl }: CredentialFilesOptions): Source[] {
  // An empty list is none: what is missing is told below, and never taken for nothing to check.
  const several = (paths: unknown): unknown[] => {
    const list: unknown[] = Array.isArray(paths) ? paths : [paths];
    return list.length === 0 ? [undefined] : list;
  };
  const all: ReadonlyArray<readonly [FileOption, unknown]> = [
    ...several(ca).map((path) => ['ca', path] as const),
    ...(crl === undefined ? [] : several(crl).map((path) => ['crl', path] as const)),
    ['cert', cert],
    ['key', key],
    ...(passphraseFile === undefined ? [] : [['passphraseFile', passphraseFile] as const]),
  ];
  return all.map(([option, path]) => {
    if (path === undefined || path === null) {
      const words = option === 'crl' ? '' : ': mutual TLS needs the files of ca, cert and key';
      throw wrong(option, 'credential-missing', `it is missing${words}`);
    }
    if (typeof path !== 'string' || path === '') throw wrong(option, 'not-a-path', 'must be the path of a file');
    if (path.includes('-----BEGIN')) throw wrong(option, 'not-a-path', 'it is PEM; the path of its file is wanted');
    const maxBytes = option === 'crl' ? maxCrlBytes : maxCredentialBytes;
    return { option, path, file: resolve(path), maxBytes };
  });
}
