/** Addresses in the plainest way: what ours and OpenSSL's are compared by. */
import { isIPv4, isIPv6 } from 'node:net';

/** Returns the octets of an address that `node:net` takes, in hex; `undefined` for anything else. */
export function plainAddress(text: string): string | undefined {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
  if (isIPv4(text))
    return text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('');
  if (!isIPv6(bare) || bare.includes('%')) return undefined;
  const dotted = bare.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`,
  );
  const [head, tail] = dotted.split('::').map((half) => half.split(':').filter((word) => word !== ''));
  const words =
    tail === undefined ? head! : [...head!, ...new Array<string>(8 - head!.length - tail.length).fill('0'), ...tail];
  return words
    .map((word) => word.padStart(4, '0'))
    .join('')
    .toLowerCase();
}
