/** What the tests of the doctor share: certificates that the kit has not, files of them, and findings in short. */
import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { examineFiles, type FilesToExamine, type Finding, type GivenFile } from '../../../src/tls/doctor/index.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonNameOnly,
  extendedKeyUsage,
  forge,
  generalName,
  type IssuedCertificate,
  type Keys,
  keyIdentifier,
  keyUsage,
  purposeOids,
  type Signer,
  subjectAltName,
} from '../../../src/tls/pki/forgery/index.js';
import { kit } from '../../support/kit.js';

export const minute = 60_000;
export const day: number = 24 * 60 * minute;

/** A moment so many milliseconds from now. */
export function fromNow(ms: number): Date {
  return new Date(Date.now() + ms);
}

export function testCa(): Signer {
  const { ca } = kit();
  const key = createPrivateKey(ca.key);
  return { name: commonNameOnly('Test CA'), key, keyId: keyIdentifier(createPublicKey(key)), chain: [] };
}

export interface ServerOptions {
  readonly signer?: Signer;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly keys?: Keys;
  readonly digest?: 'sha1' | 'md5';
  readonly extensions?: readonly Buffer[];
}

/** A server certificate for `localhost`, good but for what is asked for. */
export function server(options: ServerOptions = {}): IssuedCertificate {
  const { signer = testCa(), keys, digest, extensions } = options;
  return forge({
    subject: commonNameOnly('server'),
    signer,
    notBefore: options.notBefore ?? fromNow(-day),
    notAfter: options.notAfter ?? fromNow(365 * day),
    keys,
    digest,
    extensions: extensions ?? [
      basicConstraints(false),
      keyUsage('digitalSignature'),
      extendedKeyUsage(purposeOids.serverAuth),
      subjectAltName([generalName.dns('localhost')], false),
      ...(signer.keyId === undefined ? [] : [authorityKeyIdentifier(signer.keyId)]),
    ],
  });
}

export function ecKeys(namedCurve: string): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve });
}

/** A file of a name that appears in commands. */
export function file(path: string, content: string | Uint8Array, isOpenToOthers = false): GivenFile {
  return { path, content: Buffer.from(content as string), isOpenToOthers };
}

/** The three files of an end, with one or the other replaced. */
export function filesOf(issued: IssuedCertificate, over: Partial<FilesToExamine> = {}): FilesToExamine {
  return {
    ca: file('ca.pem', kit().ca.cert),
    cert: file('cert.pem', issued.cert),
    key: file('cert.key', issued.key),
    isOneAuthority: true,
    ...over,
  };
}

/** Findings that are no `ok`, in short: `error cert expired`. */
export function troubles(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ severity, subject, id }) => `${severity} ${subject} ${id}`);
}

export async function troublesOf(files: FilesToExamine): Promise<string[]> {
  return troubles((await examineFiles(files)).findings);
}

/** Returns the one finding of this id. */
export async function findingOf(files: FilesToExamine, id: string): Promise<Finding> {
  const { findings } = await examineFiles(files);
  const found = findings.filter((one) => one.id === id);
  if (found.length !== 1) throw new Error(`${found.length} findings ${id}: ${troubles(findings).join(', ')}`);
  return found[0]!;
}
