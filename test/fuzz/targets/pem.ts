// PEM: nothing but PemFault is thrown, by any of the readers; a block that is read is what Buffer reads of its base64; it is written again and reads the same; text and bytes of it say the same.
import { isUtf8 } from 'node:buffer';
import {
  type PemBlock,
  PemFault,
  readPem,
  readPemCertificates,
  readPemCrls,
  readPemPrivateKey,
  writePem,
} from '../../../src/tls/pem.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';
import { someOf, writeText } from '../text-writer.js';

const maxBytes = 700;
const parts = [
  ...[
    '-----BEGIN CERTIFICATE-----',
    '-----END CERTIFICATE-----',
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----',
    '-----BEGIN X509 CRL-----',
    '-----END X509 CRL-----',
    '-----BEGIN ENCRYPTED PRIVATE KEY-----',
    '-----END ENCRYPTED PRIVATE KEY-----',
  ],
  ...[
    '-----BEGIN RSA PRIVATE KEY-----',
    '-----END RSA PRIVATE KEY-----',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    '-----END OPENSSH PRIVATE KEY-----',
    '-----BEGIN CERTIFICATE REQUEST-----',
    '-----END CERTIFICATE REQUEST-----',
  ],
  ...[
    '\n',
    '\r\n',
    '\r',
    '\n\n',
    'MAA=',
    'MAA',
    '====',
    'AAAA',
    '////',
    ' ',
    '\t',
    '\\n',
    '\xef\xbb\xbf',
    '\0',
    '\xff\xfe',
  ],
  ...[
    'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n',
    'subject=CN=x',
    './ca.pem',
    '-----',
    '-----BEGIN ',
    '-----END ',
  ],
];

/** Returns the blocks, or the code of the fault. */
function attempt(read: () => readonly PemBlock[]): readonly PemBlock[] | string {
  try {
    return read();
  } catch (error) {
    must(error instanceof PemFault, 'nothing but PemFault is thrown');
    must(error.line === undefined || error.line >= 1, 'lines are counted from 1');
    mustBeLine(error.message);
    return error.code;
  }
}

const storyOf = (blocks: readonly PemBlock[] | string): string =>
  typeof blocks === 'string'
    ? blocks
    : blocks
        .map(({ label, der, line, encrypted }) => `${label} ${der.toString('hex')} ${line} ${encrypted}`)
        .join('\n');

export const pem: Target = {
  name: 'pem',
  covers: ['src/tls/pem.js'],
  maxBytes,
  dictionary: parts,
  generate(random, input) {
    let text = '';
    for (let blocks = random.below(4); blocks > 0; blocks--) {
      const label = 2 * random.below(7);
      const body = Buffer.from(Array.from({ length: random.below(60) }, () => random.next() & 255)).toString('base64');
      const eol = random.pick(['\n', '\r\n', '\n', '\r']);
      const headers = random.oneIn(8) ? parts[29]! : '';
      text += `${parts[label]}${eol}${headers}${body}${eol}${random.oneIn(12) ? '' : parts[label + 1]}${eol}`;
      if (random.oneIn(4)) text += someOf(random, parts, 3);
    }
    return writeText(input, 0, text === '' ? someOf(random, parts, 8) : text.slice(0, maxBytes));
  },
  run(input, length) {
    const bytes = Buffer.from(input.subarray(0, length));
    const blocks = attempt(() => readPem(bytes));
    if (isUtf8(bytes) && blocks !== 'binary') {
      mustBeSame(
        storyOf(attempt(() => readPem(bytes.toString('utf8')))),
        storyOf(blocks),
        'text and bytes say the same',
      );
    }
    const others = [
      attempt(() => readPemCertificates(bytes)),
      attempt(() => readPemCrls(bytes)),
      attempt(() => [readPemPrivateKey(bytes)]),
      attempt(() => [readPemPrivateKey(bytes, { allowEncrypted: true })]),
    ];
    if (typeof blocks === 'string') {
      for (const other of others) mustBeSame(other, blocks, 'what is no PEM is none for every reader');
      return kindOf(blocks);
    }
    must(blocks.length > 0, 'there is a block');
    for (const other of others) {
      if (typeof other === 'string') continue;
      must(
        other.length > 0 && other.every(({ der }) => blocks.some((block) => block.der.equals(der))),
        'each reader gives some of the blocks',
      );
    }
    const key = others[2]!;
    if (typeof key !== 'string')
      must(!key[0]!.encrypted && key[0]!.label.endsWith('PRIVATE KEY'), 'a key is one that needs no passphrase');
    for (const { der } of blocks) must(der.length > 0, 'a block holds something');
    const anew = attempt(() => readPem(blocks.map(({ label, der }) => writePem(label, der)).join('')));
    must(typeof anew !== 'string' && anew.length === blocks.length, 'blocks that are written anew are read');
    for (const [index, { label, der }] of anew.entries()) {
      must(
        label === blocks[index]!.label && der.equals(blocks[index]!.der),
        'a block that is written anew reads the same',
      );
    }
    const lines = bytes.toString('utf8').split(/\r\n|\n|\r/);
    const labelsOf = (word: string): string =>
      lines.flatMap((line) => new RegExp(`^-----${word} ([ -~]*)-----\\s*$`).exec(line)?.[1] ?? []).join('\n');
    mustBeSame(labelsOf('BEGIN'), blocks.map(({ label }) => label).join('\n'), 'a block is between its lines');
    mustBeSame(labelsOf('END'), labelsOf('BEGIN'), 'a block ends with the label that it begins with');
    return kindOf(
      `${Math.min(3, blocks.length)} ${others.map((other) => (typeof other === 'string' ? other : Math.min(3, other.length))).join()}`,
    );
  },
};
