/** The kinds of keys that certificates are issued for. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { UsageError } from '../../errors.js';
import { escapeText } from '../../text.js';

/** The kind of a key pair: an elliptic curve, RSA with its bits, or Ed25519. */
export type KeyType = 'ec-p256' | 'ec-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519';

const generators: Readonly<Record<KeyType, () => { privateKey: KeyObject }>> = {
  'ec-p256': () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'ec-p384': () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  'rsa-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'rsa-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
  'rsa-4096': () => generateKeyPairSync('rsa', { modulusLength: 4096 }),
  ed25519: () => generateKeyPairSync('ed25519'),
};

/**
 * Creates a key pair; default `ec-p256`.
 *
 * @throws UsageError if there is no such kind.
 */
export function generateKeyPair(type: KeyType = 'ec-p256'): { publicKey: KeyObject; privateKey: KeyObject } {
  if (!Object.hasOwn(generators, type)) {
    throw new UsageError(
      'unknown-key-type',
      `keyType: "${escapeText(String(type))}" is none of ${Object.keys(generators).join(', ')}`,
      { option: 'keyType' },
    );
  }
  const { privateKey } = generators[type]();
  return { publicKey: createPublicKey(privateKey), privateKey };
}
