/**
 * Signatures over DER (RFC 5280 §4.1.1.2): which algorithms are accepted, and whether a key has signed. Digests below
 * SHA-256 are not accepted.
 */
import type { Buffer } from 'node:buffer';
import { constants, type KeyObject, verify } from 'node:crypto';
import { DerReader, tags } from './der.js';
import { digestOids, mgf1Oid, signatureOids } from './oids.js';

/** An algorithm that is accepted. */
export interface SignatureScheme {
  /** Kinds of keys, as `KeyObject` names them, that sign with it. */
  readonly keyTypes: readonly string[];
  /** For `crypto.verify`; `null` when the algorithm has its own. */
  readonly digest: string | null;
  /** Octets of salt, for RSASSA-PSS alone. */
  readonly saltLength?: number;
}

const ecdsa = (digest: string): SignatureScheme => ({ keyTypes: ['ec'], digest });
const rsa = (digest: string): SignatureScheme => ({ keyTypes: ['rsa'], digest });

const schemes: Readonly<Record<string, SignatureScheme>> = {
  [signatureOids.ecdsaWithSha256]: ecdsa('sha256'),
  [signatureOids.ecdsaWithSha384]: ecdsa('sha384'),
  [signatureOids.ecdsaWithSha512]: ecdsa('sha512'),
  [signatureOids.sha256WithRsaEncryption]: rsa('sha256'),
  [signatureOids.sha384WithRsaEncryption]: rsa('sha384'),
  [signatureOids.sha512WithRsaEncryption]: rsa('sha512'),
  [signatureOids.ed25519]: { keyTypes: ['ed25519'], digest: null },
  [signatureOids.ed448]: { keyTypes: ['ed448'], digest: null },
};

const digests: ReadonlyMap<string, string> = new Map([
  [digestOids.sha256, 'sha256'],
  [digestOids.sha384, 'sha384'],
  [digestOids.sha512, 'sha512'],
]);

/**
 * Returns the scheme of an AlgorithmIdentifier; `undefined` when it is not accepted.
 *
 * @throws DerError if it is not one in DER.
 */
export function readSignatureScheme(algorithmIdentifier: Buffer): SignatureScheme | undefined {
  const algorithm = new DerReader(algorithmIdentifier).enter(tags.sequence);
  const type = algorithm.objectIdentifier();
  return type === signatureOids.rsassaPss ? readPssParameters(algorithm) : schemes[type];
}

/** RFC 4055 §3.1. A digest that is left out stands for SHA-1, which is not accepted. */
function readPssParameters(algorithm: DerReader): SignatureScheme | undefined {
  if (algorithm.done) return undefined;
  const parameters = algorithm.enter(tags.sequence);
  const digest = digests.get(optional(parameters, 0xa0)?.enter(tags.sequence).objectIdentifier() ?? '');
  const mask = optional(parameters, 0xa1)?.enter(tags.sequence);
  const isMgf1 = mask?.objectIdentifier() === mgf1Oid;
  const maskDigest = isMgf1 ? digests.get(mask.enter(tags.sequence).objectIdentifier()) : undefined;
  const saltLength = optional(parameters, 0xa2)?.smallInteger() ?? 20;
  // RFC 4055 §3.1: of the trailer field only the default, which is not written, is in use.
  if (digest === undefined || maskDigest !== digest || !parameters.done) return undefined;
  return { keyTypes: ['rsa', 'rsa-pss'], digest, saltLength };
}

function optional(reader: DerReader, tag: number): DerReader | undefined {
  return reader.nextTag === tag ? reader.enter(tag) : undefined;
}

/** Whether `signature` over `signed` is one of this key. Never throws: what cannot be verified is not. */
export function isSignedBy(scheme: SignatureScheme, signed: Buffer, signature: Buffer, publicKey: KeyObject): boolean {
  if (!scheme.keyTypes.includes(publicKey.asymmetricKeyType ?? '')) return false;
  const { digest, saltLength } = scheme;
  const padding = saltLength === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  try {
    return verify(digest, signed, { key: publicKey, ...padding }, signature);
  } catch {
    return false;
  }
}
