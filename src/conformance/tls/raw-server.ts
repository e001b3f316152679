/** The procedures of the TLS cases that send a server hand-written bytes in the place of a ClientHello. */
import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { hex } from '../script.js';
import type { TlsServerContext } from '../tls-context.js';
import {
  alertName,
  clientHello,
  grease,
  type HelloOptions,
  ordinarySuites,
  record,
  recordTypes,
  type ServerAnswer,
  versionNumbers as v,
  versionName,
} from './client-hello.js';
import { conclude, type Diary, type RawAnswer, type ServerProcedure, sendRaw } from './link.js';

/** The hellos that a server must refuse. */
const refusedHellos: Readonly<Record<string, HelloOptions>> = {
  'ssl-3': { version: v.ssl3, suites: [0x002f, 0x0035, 0x000a] },
  'tls-1.0': { version: v.tls10, suites: [0xc009, 0xc013, 0xc00a, 0xc014, 0x002f, 0x0035] },
  'tls-1.1': { version: v.tls11, suites: [0xc009, 0xc013, 0xc00a, 0xc014, 0x002f, 0x0035] },
  'tls-1.1-in-list': { versions: [v.tls11, v.tls10], suites: [0xc009, 0xc013, 0xc00a, 0xc014, 0x002f, 0x0035] },
  'null-encryption': { versions: [], suites: [0xc006, 0xc010, 0x003b, 0x0002, 0x0001] },
  anonymous: { versions: [], suites: [0xc018, 0xc019, 0x00a6, 0x00a7, 0x006c, 0x0034, 0x003a] },
  rc4: { versions: [], suites: [0xc007, 0xc011, 0x0005, 0x0004] },
  export: { versions: [], suites: [0x0003, 0x0006, 0x0008, 0x0014, 0x0011, 0x0064, 0x0062] },
  des: { versions: [], suites: [0x0009, 0x0015, 0x0012] },
  '3des': { versions: [], suites: [0xc008, 0xc012, 0x000a, 0x0016] },
  'static-rsa': { versions: [], suites: [0x009c, 0x009d, 0x003c, 0x002f, 0x0035] },
  'no-common-suite-1.3': { versions: [v.tls13], suites: [0x13fe, 0x13fd] },
  'no-common-suite-1.2': { versions: [], suites: [0xfefd, 0xfefe] },
  'compression-1.3': { versions: [v.tls13], suites: ordinarySuites.tls13, compression: [1, 0] },
};

/** Those that it must take if it takes the ordinary one. */
const takenHellos: Readonly<Record<string, (context: TlsServerContext) => readonly Uint8Array[]>> = {
  grease: (context) => [
    record(
      recordTypes.handshake,
      helloFor(context, {
        versions: [grease[0]!, v.tls13, v.tls12],
        suites: [grease[1]!, ...ordinarySuites.tls13, grease[2]!, ...ordinarySuites.tls12],
        groups: [grease[3]!, 0x001d, 0x0017],
        extensions: [
          [grease[0]!, new Uint8Array(0)],
          [0xfa57, hex('00 01 02 03')],
          [grease[1]!, Uint8Array.of(0)],
        ],
      }),
    ),
  ],
  'many-suites': (context) => [
    record(
      recordTypes.handshake,
      helloFor(context, {
        suites: [
          ...Array.from({ length: 2000 }, (_, n) => 0xe000 + n),
          ...ordinarySuites.tls13,
          ...ordinarySuites.tls12,
        ],
      }),
    ),
  ],
  'octet-by-octet': (context) => Array.from(firstRecord(context), (octet) => Uint8Array.of(octet)),
  'many-records': (context) => {
    const hello = helloFor(context);
    return Array.from({ length: Math.ceil(hello.length / 50) }, (_, index) =>
      record(recordTypes.handshake, hello.subarray(50 * index, 50 * index + 50)),
    );
  },
};

function helloFor({ serverName }: TlsServerContext, options: HelloOptions = {}): Buffer {
  return clientHello({ ...(isIP(serverName) === 0 ? { serverName } : {}), ...options });
}

/** The ordinary ClientHello in its record. */
export function firstRecord(context: TlsServerContext, options: HelloOptions = {}): Buffer {
  return record(recordTypes.handshake, helloFor(context, options));
}

function describe({ answer, ended }: RawAnswer): string {
  switch (answer?.kind) {
    case 'hello':
      return `${versionName(answer.version)} and suite 0x${answer.suite.toString(16).padStart(4, '0')} are chosen`;
    case 'alert':
      return `alert ${alertName(answer.description)}`;
    case 'other':
      return 'an answer that is no TLS';
    default:
      return ended ? 'the end of the TCP connection' : 'no answer';
  }
}

/** What a server says to a hello with these options. */
async function sayHello(
  context: TlsServerContext,
  diary: Diary,
  words: string,
  options: HelloOptions = {},
): Promise<{ readonly chosen: Extract<ServerAnswer, { kind: 'hello' }> | undefined; readonly raw: RawAnswer }> {
  const raw = await sendRaw(context, [firstRecord(context, options)]);
  diary.note(`${words}: ${describe(raw)}`);
  return { chosen: raw.answer?.kind === 'hello' ? raw.answer : undefined, raw };
}

/** `refuses-hello NAME` */
const refusesHello: ServerProcedure = async (context, diary, [name]) => {
  const { chosen, raw } = await sayHello(context, diary, name!, refusedHellos[name!]);
  const isSilent = raw.answer === undefined && !raw.ended;
  if (chosen !== undefined) return diary.failed(describe(raw));
  return conclude(context, diary, isSilent ? diary.weak('no answer, and no end of the connection') : diary.passed());
};

/** `takes-hello NAME` */
const takesHello: ServerProcedure = async (context, diary, [name]) => {
  const { chosen } = await sayHello(context, diary, 'an ordinary ClientHello');
  if (chosen === undefined) return conclude(context, diary, diary.noted('not even an ordinary ClientHello is taken'));
  const raw = await sendRaw(context, takenHellos[name!]!(context));
  diary.note(`${name}: ${describe(raw)}`);
  if (raw.answer?.kind !== 'hello') return diary.failed(describe(raw));
  return conclude(context, diary, diary.passed());
};

const tls13Only: HelloOptions = { versions: [v.tls13], suites: ordinarySuites.tls13 };
const tls12Only: HelloOptions = { versions: [], suites: ordinarySuites.tls12 };

/** `speaks VERSION` */
const speaks: ServerProcedure = async (context, diary, [version], severity) => {
  const { chosen, raw } = await sayHello(context, diary, version!, version === 'TLSv1.3' ? tls13Only : tls12Only);
  if (severity === 'INFO') {
    return conclude(context, diary, diary.noted(chosen === undefined ? `no: ${describe(raw)}` : 'yes'));
  }
  return chosen === undefined ? diary.failed(describe(raw)) : conclude(context, diary, diary.passed());
};

const prefersNewest: ServerProcedure = async (context, diary) => {
  const newest = await sayHello(context, diary, 'TLS 1.3 alone', tls13Only);
  if (newest.chosen === undefined) return conclude(context, diary, diary.noted('the server does not speak TLS 1.3'));
  const versions = [v.tls12, v.tls13];
  const { chosen, raw } = await sayHello(context, diary, 'TLS 1.2 and TLS 1.3', { versions });
  if (chosen?.version !== v.tls13) return diary.failed(describe(raw));
  return conclude(context, diary, diary.passed());
};

/** RFC 8446 §4.1.3: the last octets of the random of a server that speaks 1.3 and was asked for 1.2. */
const downgradeMark = hex('44 4f 57 4e 47 52 44 01');

const marksDowngrade: ServerProcedure = async (context, diary) => {
  const newest = await sayHello(context, diary, 'TLS 1.3 alone', tls13Only);
  const older = await sayHello(context, diary, 'TLS 1.2 alone', tls12Only);
  if (newest.chosen === undefined) return conclude(context, diary, diary.noted('the server does not speak TLS 1.3'));
  if (older.chosen === undefined) return conclude(context, diary, diary.noted('the server does not speak TLS 1.2'));
  const last = older.chosen.random.subarray(24);
  if (!last.equals(downgradeMark)) return diary.failed(`the random of TLS 1.2 ends with ${last.toString('hex')}`);
  return conclude(context, diary, diary.passed());
};

const fallbackScsv = 0x5600;

const refusesFallback: ServerProcedure = async (context, diary) => {
  const newest = await sayHello(context, diary, 'TLS 1.3 alone', tls13Only);
  if (newest.chosen === undefined) return conclude(context, diary, diary.noted('the server does not speak TLS 1.3'));
  const suites = [...ordinarySuites.tls12, fallbackScsv];
  const { chosen, raw } = await sayHello(context, diary, 'TLS 1.2 with TLS_FALLBACK_SCSV', { ...tls12Only, suites });
  if (chosen !== undefined) return diary.failed(describe(raw));
  return conclude(context, diary, diary.passed());
};

const compression12: ServerProcedure = async (context, diary) => {
  const { chosen } = await sayHello(context, diary, 'DEFLATE and null', { ...tls12Only, compression: [1, 0] });
  if (chosen !== undefined && chosen.compression !== 0) return diary.failed('DEFLATE is chosen');
  return conclude(context, diary, diary.passed());
};

/** `address-name`: SNI with an address, which is no host name (RFC 6066 §3). */
const addressName: ServerProcedure = async (context, diary) => {
  const { raw } = await sayHello(context, diary, 'server_name "127.0.0.1"', { serverName: '127.0.0.1' });
  return conclude(context, diary, diary.noted(describe(raw)));
};

const garbage: Readonly<Record<string, (context: TlsServerContext) => Uint8Array>> = {
  'plain-http': ({ host }) => Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  'plain-upgrade': ({ host }) =>
    Buffer.from(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    ),
  'http-2': () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  noise: () => Buffer.alloc(600, hex('a5 03 03 00 10 5a c3 3c 99')),
  zeros: () => Buffer.alloc(600),
  'ssl-2': () =>
    Buffer.concat([
      hex('80 2e 01 00 02 00 15 00 00 00 10 01 00 80 02 00 80 03 00 80 04 00 80 05 00 80 06 00 40 07 00 c0'),
      Buffer.alloc(16, 0x5a),
    ]),
  'data-first': () => record(recordTypes.applicationData, Buffer.alloc(32), v.tls12),
  'record-too-long': () => Buffer.concat([hex('16 03 01 ff ff'), Buffer.alloc(20_000, 1)]),
  'fatal-alert': () => record(recordTypes.alert, hex('02 28')),
  'server-hello': () => record(recordTypes.handshake, Buffer.concat([hex('02 00 00 46 03 03'), Buffer.alloc(68, 7)])),
  'cut-short': (context) => {
    const hello = helloFor(context).subarray(0, -10);
    hello.writeUIntBE(hello.length - 4, 1, 3);
    return record(recordTypes.handshake, hello);
  },
};

/** `garbage NAME`: the server ends the connection. */
const answersGarbage: ServerProcedure = async (context, diary, [name]) => {
  const raw = await sendRaw(context, [garbage[name!]!(context)], { untilEnd: true });
  diary.note(`${name}: ${describe(raw)}${raw.ended ? '' : ', and the connection stays open'}`);
  if (raw.answer?.kind === 'hello' || raw.received.includes('HTTP/1.1 101')) {
    return diary.failed('the server takes it for the beginning of a connection');
  }
  if (raw.ended) return conclude(context, diary, diary.passed());
  return diary.failed('the server does not end the connection');
};

export const rawProcedures: Readonly<Record<string, ServerProcedure>> = {
  'refuses-hello': refusesHello,
  'takes-hello': takesHello,
  speaks,
  'prefers-newest': prefersNewest,
  'marks-downgrade': marksDowngrade,
  'refuses-fallback': refusesFallback,
  'compression-1.2': compression12,
  'address-name': addressName,
  garbage: answersGarbage,
};
