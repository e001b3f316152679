/** Which credentials a server uses for which host: given as text, or in files that may change. Checked as a whole. */
import { UsageError } from '../errors.js';
import { canonicalHost, escapeText } from '../text.js';
import {
  type CredentialFiles,
  type CredentialInput,
  type Credentials,
  credentialInputNames,
  type HostCredentials,
  loadCredentials,
} from '../tls/index.js';
import { refuseUnknown } from './options.js';

/** What says whom to trust and what to show: text, or files. The compiler holds callers to one of the two. */
type GivenCredentials =
  | (Required<Pick<CredentialInput, 'ca' | 'cert' | 'key'>> & { credentials?: undefined })
  | { credentials: CredentialFiles; ca?: undefined; cert?: undefined; key?: undefined };

/** The credentials of one host. */
export type HostOptions = GivenCredentials & Partial<Omit<CredentialInput, 'minVersion'>>;

export interface TrustOptions extends Partial<CredentialInput> {
  /** Credentials in files that are watched (`watchCredentials`), instead of `ca`, `cert` and `key`. */
  credentials?: CredentialFiles;
  /**
   * The hosts that are served, by name, each with its own certificate and its own client CAs. A client that asks for
   * another name is refused; one that asks for none, as for an address, gets the credentials beside `hosts`, and is
   * refused if there are none. Default: no such distinction.
   */
  hosts?: Readonly<Record<string, HostOptions>>;
}

export const trustOptionNames: Readonly<Record<keyof TrustOptions, true>> = {
  ...credentialInputNames,
  credentials: true,
  hosts: true,
};

const { minVersion: _, ...hostCredentialNames } = credentialInputNames;
const hostOptionNames: Readonly<Record<keyof HostOptions, true>> = { ...hostCredentialNames, credentials: true };

/** The options that give credentials as text. */
const textNames = Object.keys(hostCredentialNames) as (keyof Omit<CredentialInput, 'minVersion'>)[];

type Source = CredentialFiles | Credentials;

/** Whether the credentials are in files: those have a `current` state. */
function isFiles(source: Source): source is CredentialFiles {
  return 'current' in source;
}

/** The credentials of all hosts of a server. */
export class Trust {
  readonly #unnamed: Source | undefined;
  readonly #named = new Map<string, Source>();
  readonly minVersion: Credentials['minVersion'];

  /** @throws UsageError if an option is wrong, or if credentials cannot be used; the message says which and why */
  constructor(options: TrustOptions) {
    const { hosts, minVersion } = options;
    const hasOwn = [...textNames, 'credentials' as const].some((name) => options[name] !== undefined);
    const isSplit = typeof hosts === 'object' && hosts !== null && !Array.isArray(hosts);
    if (hosts !== undefined && !(isSplit && Object.keys(hosts).length > 0)) {
      throw new UsageError('option-not-an-object', 'hosts must be an object with at least one host name', {
        option: 'hosts',
      });
    }
    if (hosts === undefined || hasOwn) this.#unnamed = sourceOf(options, '');
    this.minVersion = minVersion ?? (this.#unnamed === undefined ? 'TLSv1.3' : versionOf(this.#unnamed));
    for (const [given, host] of Object.entries(hosts ?? {})) {
      const name = canonicalHost(given);
      if (name?.kind !== 'name' || this.#named.has(name.host)) {
        const fault = name?.kind === 'name' ? 'stands there twice' : 'is no host name';
        throw new UsageError('host-name-malformed', `hosts: "${escapeText(given)}" ${fault}`, { option: 'hosts' });
      }
      if (typeof host !== 'object' || host === null) {
        throw new UsageError('option-not-an-object', `hosts: "${name.host}" must be an object with ca, cert and key`, {
          option: 'hosts',
        });
      }
      // OpenSSL would ignore every other option of TLS in silence, were it given for one host alone (M2b).
      refuseUnknown(host, hostOptionNames, `the host ${name.host}; other options of TLS are for all hosts alike`);
      const where = `hosts["${name.host}"]: `;
      this.#named.set(name.host, sourceOf({ ...host, minVersion: this.minVersion }, where));
    }
  }

  /** The credentials that are in force now. */
  get current(): HostCredentials {
    const currentOf = (source: Source): Credentials => (isFiles(source) ? source.current : source);
    return {
      unnamed: this.#unnamed && currentOf(this.#unnamed),
      named: new Map([...this.#named].map(([name, source]) => [name, currentOf(source)])),
    };
  }

  /** The files that may change. */
  get files(): readonly CredentialFiles[] {
    return [
      ...new Set([this.#unnamed, ...this.#named.values()].filter((source) => source !== undefined).filter(isFiles)),
    ];
  }
}

/** Returns the credentials of a client, as they are now. @throws UsageError */
export function credentialsOf(options: Omit<TrustOptions, 'hosts'>): Credentials {
  const source = sourceOf(options, '');
  return isFiles(source) ? source.current : source;
}

function versionOf(source: Source): Credentials['minVersion'] {
  return (isFiles(source) ? source.current : source).minVersion;
}

/** Returns where credentials come from. @throws UsageError */
function sourceOf(options: TrustOptions, where: string): Source {
  const { credentials } = options;
  if (credentials === undefined) {
    try {
      return loadCredentials(options as CredentialInput);
    } catch (error) {
      if (!(error instanceof UsageError) || where === '') throw error;
      throw new UsageError(error.code, `${where}${error.message}`, { option: error.option }, { cause: error });
    }
  }
  if (typeof credentials?.on !== 'function' || credentials.current === undefined) {
    throw new UsageError('option-not-credentials', `${where}credentials must come from watchCredentials()`, {
      option: 'credentials',
    });
  }
  const both = textNames.find((name) => options[name] !== undefined);
  if (both !== undefined) {
    throw new UsageError('credentials-twice', `${where}${both} and credentials say the same thing twice: give one`, {
      option: both,
    });
  }
  // Neither of the two may be the higher one without effect.
  const { minVersion } = credentials.current;
  if (options.minVersion !== undefined && options.minVersion !== minVersion) {
    const text = `${where}credentials come with minVersion ${minVersion}, and not with ${escapeText(String(options.minVersion))}`;
    throw new UsageError('min-version-differs', text, { option: 'minVersion' });
  }
  return credentials;
}
