/** What is UTF-8 and what is not (RFC 3629 §3, §4; the classes of Unicode's table of well-formed byte sequences). */

export interface Utf8Row {
  /** For the case's id. */
  readonly name: string;
  readonly title: string;
  /** In hex. */
  readonly bytes: string;
  /** Whether it stands for its class where not every row is tried. */
  readonly isClass?: boolean;
}

export const wellFormed: readonly Utf8Row[] = [
  { name: 'empty', title: 'an empty text', bytes: '' },
  { name: 'nul', title: 'U+0000, which is one byte', bytes: '00' },
  { name: 'ascii', title: 'ASCII', bytes: '68 65 6c 6c 6f' },
  { name: '7f', title: 'U+007F, the last of one byte', bytes: '7f' },
  { name: '80', title: 'U+0080, the first of two bytes', bytes: 'c2 80' },
  { name: '7ff', title: 'U+07FF, the last of two bytes', bytes: 'df bf' },
  { name: '800', title: 'U+0800, the first of three bytes', bytes: 'e0 a0 80' },
  { name: 'fff', title: 'U+0FFF, the last that E0 begins', bytes: 'e0 bf bf' },
  { name: '1000', title: 'U+1000', bytes: 'e1 80 80' },
  { name: 'cfff', title: 'U+CFFF', bytes: 'ec bf bf' },
  { name: 'd000', title: 'U+D000', bytes: 'ed 80 80' },
  { name: 'd7ff', title: 'U+D7FF, the last before the surrogates', bytes: 'ed 9f bf' },
  { name: 'e000', title: 'U+E000, the first after the surrogates', bytes: 'ee 80 80' },
  { name: 'fffd', title: 'U+FFFD, the replacement character', bytes: 'ef bf bd' },
  { name: 'fffe', title: 'U+FFFE, a noncharacter', bytes: 'ef bf be' },
  { name: 'ffff', title: 'U+FFFF, a noncharacter, the last of three bytes', bytes: 'ef bf bf' },
  { name: 'fdd0', title: 'U+FDD0, a noncharacter', bytes: 'ef b7 90' },
  { name: '10000', title: 'U+10000, the first of four bytes', bytes: 'f0 90 80 80' },
  { name: '1ffff', title: 'U+1FFFF, a noncharacter', bytes: 'f0 9f bf bf' },
  { name: '3ffff', title: 'U+3FFFF, the last that F0 begins', bytes: 'f0 bf bf bf' },
  { name: '40000', title: 'U+40000', bytes: 'f1 80 80 80' },
  { name: 'fffff', title: 'U+FFFFF', bytes: 'f3 bf bf bf' },
  { name: '100000', title: 'U+100000', bytes: 'f4 80 80 80' },
  { name: '10ffff', title: 'U+10FFFF, the last of all', bytes: 'f4 8f bf bf' },
  { name: 'bom', title: 'a text that begins with U+FEFF', bytes: 'ef bb bf 61' },
  { name: 'bom-alone', title: 'U+FEFF alone', bytes: 'ef bb bf' },
  { name: 'combining', title: 'a letter with combining marks', bytes: '65 cc 81 cc a7' },
  { name: 'rtl', title: 'text with direction marks', bytes: 'e2 80 8f d7 90 e2 80 8e' },
  { name: 'zwj', title: 'emoji joined by U+200D', bytes: 'f0 9f 91 a9 e2 80 8d f0 9f 92 bb' },
  { name: 'kosme', title: 'the Greek word kosme', bytes: 'ce ba cf 8c cf 83 ce bc ce b5' },
  { name: 'line-breaks', title: 'CR, LF and NUL', bytes: '0d 0a 00 0d' },
];

/** One continuation byte after another, alone. */
const strays: readonly Utf8Row[] = ['80', 'bf'].map((bytes) => ({
  name: `stray-${bytes}`,
  title: `the stray continuation byte ${bytes}`,
  bytes,
  isClass: bytes === '80',
}));

/** Bytes that occur nowhere in UTF-8. */
const impossible: readonly Utf8Row[] = ['c0', 'c1', 'f5', 'f6', 'f7', 'f8', 'fb', 'fc', 'fd', 'fe', 'ff'].map(
  (bytes) => ({
    name: `byte-${bytes}`,
    title: `the byte ${bytes}, which occurs nowhere in UTF-8`,
    bytes: `${bytes} 80 80 80 80 80`,
    isClass: bytes === 'f5' || bytes === 'ff',
  }),
);

const overlong: readonly Utf8Row[] = [
  ['2-nul', 'U+0000 in two bytes', 'c0 80'],
  ['2-slash', 'U+002F in two bytes', 'c0 af'],
  ['2-7f', 'U+007F in two bytes', 'c1 bf'],
  ['3-nul', 'U+0000 in three bytes', 'e0 80 80'],
  ['3-slash', 'U+002F in three bytes', 'e0 80 af'],
  ['3-7ff', 'U+07FF in three bytes', 'e0 9f bf'],
  ['4-nul', 'U+0000 in four bytes', 'f0 80 80 80'],
  ['4-slash', 'U+002F in four bytes', 'f0 80 80 af'],
  ['4-ffff', 'U+FFFF in four bytes', 'f0 8f bf bf'],
  ['5-slash', 'U+002F in five bytes', 'f8 80 80 80 af'],
  ['6-slash', 'U+002F in six bytes', 'fc 80 80 80 80 af'],
].map(([name, title, bytes]) => ({
  name: `overlong-${name}`,
  title: `${title}, longer than it may be`,
  bytes: bytes!,
  isClass: /^[234]-(?:slash|7ff|ffff)$/.test(name!),
}));

const surrogates: readonly Utf8Row[] = [
  ['d800', 'ed a0 80'],
  ['db7f', 'ed ad bf'],
  ['db80', 'ed ae 80'],
  ['dbff', 'ed af bf'],
  ['dc00', 'ed b0 80'],
  ['df80', 'ed be 80'],
  ['dfff', 'ed bf bf'],
  ['d800-dc00', 'ed a0 80 ed b0 80'],
  ['d83e-dd80', 'ed a0 be ed b6 80'],
  ['dbff-dfff', 'ed af bf ed bf bf'],
].map(([name, bytes]) => ({
  name: `surrogate-${name}`,
  title: `${name!.includes('-') ? 'the surrogate pair' : 'the surrogate'} ${name!.toUpperCase()}`,
  bytes: bytes!,
  isClass: name === 'd800' || name === 'd800-dc00',
}));

const beyond: readonly Utf8Row[] = [
  ['110000', 'f4 90 80 80'],
  ['13ffff', 'f4 bf bf bf'],
  ['1fffff', 'f7 bf bf bf'],
  ['200000', 'f8 88 80 80 80'],
  ['3ffffff', 'fb bf bf bf bf'],
  ['4000000', 'fc 84 80 80 80 80'],
  ['7fffffff', 'fd bf bf bf bf bf'],
].map(([name, bytes]) => ({
  name: `beyond-${name}`,
  title: `U+${name!.toUpperCase()}, above U+10FFFF`,
  bytes: bytes!,
  isClass: name === '110000',
}));

const truncated: readonly Utf8Row[] = [
  ['2-of-1', 'c2'],
  ['3-of-1', 'e1'],
  ['3-of-2', 'e1 80'],
  ['4-of-1', 'f1'],
  ['4-of-2', 'f1 80'],
  ['4-of-3', 'f1 80 80'],
].map(([name, bytes]) => ({
  name: `truncated-${name}`,
  title: `a code point of ${name![0]} bytes that ends after ${name![5]}`,
  bytes: bytes!,
}));

/** A lead byte, and then something that is no continuation byte. */
const broken: readonly Utf8Row[] = [
  ['2-ascii', 'c2 41', true],
  ['3-ascii', 'e1 80 41', true],
  ['4-ascii', 'f1 80 80 41', true],
  ['2-lead', 'c2 c2', false],
  ['3-lead', 'e1 c2 80', false],
  ['4-lead', 'f1 80 e1 80', false],
  ['4-ff', 'f1 80 80 ff', false],
  ['leads', 'c2 20 e1 20 f1 20', false],
].map(([name, bytes, isClass]) => ({
  name: `broken-${name}`,
  title: `a code point that is broken off (${bytes})`,
  bytes: bytes as string,
  isClass: isClass as boolean,
}));

const second: readonly Utf8Row[] = [
  ['e0-9f', 'e0 9f 80'],
  ['ed-a0', 'ed a0 bf'],
  ['f0-8f', 'f0 8f 80 80'],
  ['f4-90', 'f4 90 bf bf'],
].map(([name, bytes]) => ({
  name: `second-${name}`,
  title: `a second byte that may not follow its first (${bytes})`,
  bytes: bytes!,
}));

const legacy: readonly Utf8Row[] = [
  { name: 'latin1', title: 'a word in ISO 8859-1', bytes: '63 61 66 e9 20 6f 75', isClass: true },
  { name: 'utf16le', title: 'a byte order mark of UTF-16', bytes: 'ff fe 61 00' },
  { name: 'java-nul', title: 'the NUL of modified UTF-8', bytes: '61 c0 80 62' },
  { name: 'last-byte', title: 'good text with one bad last byte', bytes: '61 62 63 64 65 66 67 68 ff' },
  { name: 'extra-continuation', title: 'one continuation byte too many', bytes: 'c3 a9 a9', isClass: true },
];

export const illFormed: readonly Utf8Row[] = [
  ...strays,
  ...impossible,
  ...overlong,
  ...surrogates,
  ...beyond,
  ...truncated,
  ...broken,
  ...second,
  ...legacy,
];
