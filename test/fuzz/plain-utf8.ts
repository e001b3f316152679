/** UTF-8 as the grammar of RFC 3629 §4 has it, octet by octet: what the validators under test are compared with. */

/** The sequences of more than one octet: the first octet, and between which bounds the others are. */
const forms: ReadonlyArray<readonly [from: number, to: number, second: readonly [number, number], octets: number]> = [
  [0xc2, 0xdf, [0x80, 0xbf], 2],
  [0xe0, 0xe0, [0xa0, 0xbf], 3],
  [0xe1, 0xec, [0x80, 0xbf], 3],
  [0xed, 0xed, [0x80, 0x9f], 3],
  [0xee, 0xef, [0x80, 0xbf], 3],
  [0xf0, 0xf0, [0x90, 0xbf], 4],
  [0xf1, 0xf3, [0x80, 0xbf], 4],
  [0xf4, 0xf4, [0x80, 0x8f], 4],
];

/**
 * Returns the index of the first octet with which the text cannot be UTF-8, whatever follows; -1 when there is none.
 * `isComplete`: whether it may end where it ends.
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number): { bad: number; isComplete: boolean } {
  let at = start;
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      at++;
      continue;
    }
    const form = forms.find(([from, to]) => first >= from && first <= to);
    if (form === undefined) return { bad: at, isComplete: false };
    const [, , [least, most], octets] = form;
    for (let index = 1; index < octets; index++) {
      if (at + index === end) return { bad: -1, isComplete: false };
      const octet = bytes[at + index]!;
      const [low, high] = index === 1 ? [least, most] : [0x80, 0xbf];
      if (octet < low || octet > high) return { bad: at + index, isComplete: false };
    }
    at += octets;
  }
  return { bad: -1, isComplete: true };
}
