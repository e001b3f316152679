// DER: whatever the bytes are, nothing but DerError is thrown, no element lies outside its parent, none is read twice; an element that is read is written again octet by octet, values included.
import { DerError, DerReader, tags } from '../../../src/tls/der.js';
import { element, integer, objectIdentifier, time } from '../../../src/tls/pki/der-writer.js';
import { mutateDer } from '../der-tree.js';
import { seedsOf } from '../seeds.js';
import { must, mustBeSame, type Target } from '../target.js';

const maxBytes = 600;
let kind = 0;

/** Returns what `read` returns, `undefined` for a DerError. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    must(error instanceof DerError, 'nothing but DerError is thrown');
    return undefined;
  }
}

/** Reads all elements between two places in every way there is. */
function walk(bytes: Buffer, start: number, end: number, depth: number): void {
  const reader = new DerReader(bytes, start, end);
  for (;;) {
    const before = reader.offset;
    const tag = reader.nextTag;
    mustBeSame(reader.done, before === end, 'it is done at its end, and not before');
    mustBeSame(tag, before === end ? undefined : bytes[before], 'the next tag is the next octet');
    const whole = attempt(() => reader.skip());
    if (whole === undefined) {
      mustBeSame(reader.offset, before, 'what cannot be read is not passed over');
      return;
    }
    must(reader.offset > before && reader.offset <= end, 'an element lies in its parent');
    must(
      whole.buffer === bytes.buffer && whole.byteOffset === bytes.byteOffset + before,
      'octets are handed out as views',
    );
    mustBeSame(whole.length, reader.offset - before, 'an element is passed over as a whole');
    const content = new DerReader(whole).content(tag!);
    must(element(tag!, content).equals(whole), 'an element that is read is written again');
    values(whole, tag!);
    const inner = whole.length - content.length + before;
    if (depth < 20 && (tag! & 0x20) !== 0) {
      kind = Math.max(kind, depth + 1);
      walk(bytes, inner, reader.offset, depth + 1);
    }
  }
}

function values(whole: Buffer, tag: number): void {
  const read = <Value>(of: (reader: DerReader) => Value): Value | undefined => attempt(() => of(new DerReader(whole)));
  const truth = read((reader) => reader.boolean());
  if (truth !== undefined)
    must(whole.equals(Buffer.of(1, 1, truth ? 255 : 0)), 'a BOOLEAN that is read is written again');
  const octets = read((reader) => reader.integer());
  if (octets !== undefined) {
    must(octets.length > 0 && element(2, octets).equals(whole), 'an INTEGER that is read is written again');
    if (octets[0]! < 0x80) must(integer(octets).equals(whole), 'an INTEGER that is read is minimal');
  }
  const small = read((reader) => reader.smallInteger());
  if (small !== undefined) {
    must(Number.isInteger(small) && small >= 0 && small < 2 ** 31, 'a small INTEGER is one');
    must(integer(small).equals(whole), 'a small INTEGER that is read is written again');
  }
  const bits = read((reader) => reader.bitString());
  if (bits !== undefined) {
    must(element(3, Buffer.of(bits.unused), bits.octets).equals(whole), 'a BIT STRING that is read is written again');
    must(bits.unused < 8, 'fewer than eight bits are unused');
  }
  const oid = read((reader) => reader.objectIdentifier(tag));
  if (oid !== undefined) {
    must(/^[0-2](?:\.(?:0|[1-9]\d*))+$/.test(oid), 'an OBJECT IDENTIFIER is dotted decimal');
    must(
      bigObjectIdentifier(oid).equals(new DerReader(whole).content(tag)),
      'an OBJECT IDENTIFIER that is read is written again',
    );
    if (tag === tags.objectIdentifier && oid.length < 40 && oid.split('.').every((arc) => Number(arc) < 2 ** 31)) {
      must(objectIdentifier(oid).equals(whole), 'our writer writes what our reader reads');
    }
  }
  const date = read((reader) => reader.time());
  if (date !== undefined) {
    must(!Number.isNaN(date.getTime()), 'a time is one');
    const written = date.toISOString().replace(/[-:T]|\.\d+/g, '');
    const text = new DerReader(whole).content(tag).toString('latin1');
    mustBeSame(text, tag === tags.utcTime ? written.slice(2) : written, 'a time that is read is written again');
    const year = date.getUTCFullYear();
    if (tag === tags.utcTime) must(year >= 1950 && year < 2050, 'a UTCTime is of 1950 to 2049');
    if ((year >= 1950 && year < 2050) === (tag === tags.utcTime))
      must(time(date).equals(whole), 'our writer writes what our reader reads');
  }
}

/** X.690 §8.19 with arcs of any size. */
function bigObjectIdentifier(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(BigInt);
  return Buffer.from(
    [first! * 40n + second!, ...rest].flatMap((arc) => {
      const groups = [Number(arc & 127n)];
      for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 127n) | 128);
      return groups;
    }),
  );
}

let seeds: readonly Buffer[] | undefined;

export const der: Target = {
  name: 'der',
  covers: ['src/tls/der.js'],
  maxBytes,
  dictionary: [
    '\x30\x80',
    '\x30\x81\x80',
    '\x30\x82\x01\x00',
    '\x02\x01\x00',
    '\x06\x03\x55\x04\x03',
    '\x17\x0d250101000000Z',
    '\x18\x0f20500101000000Z',
    '\x1f\x81\x01',
    '\x03\x02\x07\x80',
    '\x01\x01\xff',
    '\x06\x02\x88\x37',
  ],
  generate(random, input) {
    seeds ??= seedsOf('der');
    return mutateDer(random, input, random.pick(seeds).copy(input));
  },
  mutate: mutateDer,
  run(input, length) {
    const bytes = Buffer.from(input.subarray(0, length));
    kind = 0;
    walk(bytes, 0, length, 0);
    must(bytes.compare(input, 0, length) === 0, 'nothing is written');
    return kind;
  },
};
