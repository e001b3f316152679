// ClientHello: nothing is thrown; the same name or fault in every chunking, as a plain reading of RFC 8446 §4.1.2 and RFC 6066 §3 has it; what was pushed is kept octet by octet; nothing over the bound is held.
import { ClientHelloReader, type ClientHelloState, maxClientHelloBytes } from '../../../src/tls/client-hello.js';
import { Cuts, waysToCut } from '../cuts.js';
import type { Random } from '../random.js';
import { kindOf, must, mustBeSame, type Target } from '../target.js';

const maxBytes = 700;

function vector(octets: 1 | 2, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(octets);
  length.writeUIntBE(content.length, 0, octets);
  return Buffer.concat([length, content]);
}

function writeHello(random: Random): Buffer {
  const names = ['a.example', 'A.EXAMPLE.', '', 'a\0b', 'x'.repeat(200)];
  const name = (): Buffer =>
    Buffer.concat([Buffer.of(random.oneIn(12) ? 1 : 0), vector(2, Buffer.from(random.pick(names)))]);
  const extensions = Array.from({ length: random.below(5) }, () => {
    const type = random.oneIn(2) ? 0 : random.below(60);
    const data =
      type === 0 && !random.oneIn(8)
        ? vector(2, name(), ...(random.oneIn(10) ? [name()] : []))
        : Buffer.alloc(random.below(20), 7);
    return Buffer.concat([Buffer.of(0, type), vector(2, data)]);
  });
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 9),
    vector(1, Buffer.alloc(random.below(33))),
    vector(2, Buffer.of(0x13, 1)),
    vector(1, Buffer.of(0)),
    ...(random.oneIn(8) ? [] : [vector(2, ...extensions)]),
    ...(random.oneIn(16) ? [Buffer.of(0)] : []),
  ]);
  const message = Buffer.concat([Buffer.of(1, 0), vector(2, body)]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; ) {
    const size = random.oneIn(3) ? 1 + random.below(60) : message.length;
    records.push(Buffer.of(22, 3, 1), vector(2, message.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(records);
}

class Fault extends Error {}

/** A part of the message that is read from its front. */
class Part {
  #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length) throw new Fault();
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  number(octets: number): number {
    return this.take(octets).readUIntBE(0, octets);
  }

  vector(octets: number): Part {
    return new Part(this.take(this.number(octets)));
  }

  rest(): Buffer {
    return this.take(this.#bytes.length);
  }
}

/** The name in a whole ClientHello; `undefined` when it has none. */
function nameOf(bytes: Buffer): string | undefined {
  const records = new Part(bytes);
  let message = Buffer.alloc(0);
  while (message.length < 4 || message.length < 4 + message.readUIntBE(1, 3)) {
    if (records.number(1) !== 22 || records.number(1) !== 3) throw new Fault();
    records.take(1);
    const fragment = records.vector(2).rest();
    if (fragment.length === 0 || fragment.length > 16_384) throw new Fault();
    message = Buffer.concat([message, fragment]);
  }
  const whole = new Part(message);
  if (whole.number(1) !== 1) throw new Fault();
  const body = whole.vector(3);
  body.take(34);
  for (const octets of [1, 2, 1]) body.vector(octets);
  if (body.isEmpty) return undefined;
  const extensions = body.vector(2);
  if (!body.isEmpty) throw new Fault();
  let found: string | undefined;
  while (!extensions.isEmpty) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type !== 0) continue;
    if (found !== undefined) throw new Fault();
    const list = data.vector(2);
    if (list.number(1) !== 0) throw new Fault();
    found = list.vector(2).rest().toString('latin1');
    if (!list.isEmpty || !data.isEmpty || found === '') throw new Fault();
  }
  return found;
}

function read(bytes: Buffer, cuts: Cuts): { state: ClientHelloState; taken: number } {
  const reader = new ClientHelloReader();
  let state: ClientHelloState = { kind: 'incomplete' };
  let at = 0;
  while (at < bytes.length && state.kind === 'incomplete') {
    const end = Math.min(bytes.length, at + cuts.next());
    state = reader.push(bytes.subarray(at, end));
    at = end;
  }
  must(reader.received.equals(bytes.subarray(0, at)), 'what was pushed is kept octet by octet');
  return { state, taken: at };
}

export const clientHello: Target = {
  name: 'client-hello',
  covers: ['src/tls/client-hello.js'],
  maxBytes,
  dictionary: [
    '\x16\x03\x01\0\x05',
    '\x16\x03\x03',
    '\x01\0\0',
    '\0\0\0\x0e\0\x0c\0\0\x09a.example',
    '\x15\x03\x01\0\x02\x02\x28',
    '\xff\xff',
    '\0\0',
  ],
  generate: (random, input) => writeHello(random).copy(input, 0, 0, maxBytes),
  run(input, length) {
    const bytes = input.subarray(0, length);
    const [whole, ...others] = waysToCut(length, length * 31 + (input[length - 1] ?? 0)).map((cuts) =>
      read(bytes, cuts),
    );
    const { state } = whole!;
    for (const other of others) {
      must(other.taken <= length, 'no more is taken than was given');
      mustBeSame(JSON.stringify(other.state), JSON.stringify(state), 'the same is told in every chunking');
    }
    if (state.kind === 'incomplete') {
      const more = read(Buffer.concat([bytes, Buffer.alloc(40_000, 1)]), new Cuts(1_000));
      must(more.state.kind !== 'incomplete', 'it does not go on for ever');
      must(more.taken <= maxClientHelloBytes + 1_000, 'nothing over the bound is held');
      return 1;
    }
    let name: string | undefined;
    let isWhole = true;
    try {
      name = nameOf(bytes);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      isWhole = false;
    }
    // It may be refused for its many records.
    if (state.kind === 'complete')
      mustBeSame(`${isWhole} ${name}`, `true ${state.serverName}`, 'the name is that of a plain reading');
    else if (isWhole) must(state.reason === 'malformed' && length > 16 * 6, 'what is a ClientHello is read');
    return kindOf(state.kind === 'fault' ? state.reason : `${Math.min(20, state.serverName?.length ?? -1)}`);
  },
};
