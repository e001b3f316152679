/** The procedures of the TLS cases against a client, which is invited to a listener that is not as it should be. */
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { acceptFor, HeadParser, type RequestHead } from '../../handshake/index.js';
import type { Severity } from '../case.js';
import { hex } from '../script.js';
import type { Outcome, TlsClientContext } from '../tls-context.js';
import { type BadCertificate, badCertificate } from './bad-certificates.js';
import { record, recordTypes, versionNumbers } from './client-hello.js';
import { type Diary, errorText, spoken } from './link.js';
import { weakest } from './weakest.js';

export type ClientProcedure = (
  context: TlsClientContext,
  diary: Diary,
  args: readonly string[],
  severity: Severity,
) => Promise<Outcome>;

/** What a client did that was invited. */
type Visit =
  /** It sent what belongs behind the TLS handshake. */
  | { readonly kind: 'asked'; readonly socket: TLSSocket }
  /** The TLS handshake failed. */
  | { readonly kind: 'refused'; readonly error: Error }
  /** It ended the connection after the TLS handshake, and sent nothing. */
  | { readonly kind: 'left' }
  /** It came, and neither sent nor ended. */
  | { readonly kind: 'stayed' }
  | { readonly kind: 'absent' };

/** Milliseconds that a client may take once it has come, and until it comes. */
const patience = ({ deadline }: TlsClientContext): number => deadline * 0.5;
const patienceToCome = ({ deadline }: TlsClientContext): number => deadline * 0.9;

/** Whatever the client shows is taken: it is the runner's certificate that is tried. */
const takesAnyone: TlsOptions = { requestCert: true, rejectUnauthorized: false };

/** Invites the client to a listener, and waits for what it does before any answer to its request. */
async function visit(context: TlsClientContext, options: TlsOptions): Promise<Visit & { isSecured?: boolean }> {
  let isSecured = false;
  const visited = new Promise<Visit>((resolve) => {
    let timer = setTimeout(() => resolve({ kind: 'absent' }), patienceToCome(context));
    const finish = (result: Visit): void => {
      clearTimeout(timer);
      resolve(result);
    };
    void context
      .listen(
        { ...takesAnyone, ...options },
        {
          connection: () => {
            clearTimeout(timer);
            timer = setTimeout(() => resolve({ kind: 'stayed' }), patience(context));
          },
          failed: (error) => finish({ kind: 'refused', error }),
          secure: (socket) => {
            isSecured = true;
            socket.once('data', (bytes) => {
              socket.pause();
              socket.unshift(bytes);
              finish({ kind: 'asked', socket });
            });
            socket.once('end', () => finish({ kind: 'left' })).once('close', () => finish({ kind: 'left' }));
          },
        },
      )
      .then(
        ({ url }) => context.invite(url),
        (error) => finish({ kind: 'refused', error }),
      );
    context.signal.addEventListener('abort', () => finish({ kind: 'absent' }));
  });
  return { ...(await visited), isSecured };
}

function tell(diary: Diary, result: Visit): string {
  const words = {
    asked: 'the client sends its request',
    refused: 'the client refuses in the TLS handshake',
    left: 'the client ends the connection without a request',
    stayed: 'the client neither sends anything nor ends the connection',
    absent: 'the client did not come',
  }[result.kind];
  const text = result.kind === 'refused' ? `${words}: ${errorText(result.error)}` : words;
  diary.note(text);
  return text;
}

const speaksNoSuchVersion = (error: Error): boolean =>
  /unsupported protocol|wrong version|version too low|protocol version/i.test(errorText(error)) ||
  (error as { code?: string }).code === 'ERR_SSL_UNSUPPORTED_PROTOCOL';

/** `server-certificate NAME VERSION` */
const serverCertificate: ClientProcedure = async (context, diary, [name, version], severity) => {
  const { ca, cert, key, caKey, badCertificates, host } = context;
  const shown = badCertificate(name as BadCertificate, {
    ...{ end: 'server', cert, key, ca, caKey },
    ...{ directory: badCertificates, host },
  });
  const result = await visit(context, { ...spoken(version), ...weakest, ...shown });
  const words = tell(diary, result);
  if (result.kind === 'absent') return diary.failed(words);
  if (severity === 'INFO') return diary.noted(words);
  if (result.kind === 'asked') return diary.failed(words);
  if (result.kind === 'stayed') return diary.weak(words);
  if (result.kind === 'refused' && speaksNoSuchVersion(result.error)) {
    return diary.noted(`the client does not speak ${version}`);
  }
  return diary.passed();
};

/** What a server speaks that nobody should: `node:tls` options. */
const weakServers: Readonly<Record<string, TlsOptions>> = {
  'tls-1.0': { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
  'tls-1.1': { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  'null-encryption': { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'eNULL:@SECLEVEL=0' },
  anonymous: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'aNULL:@SECLEVEL=0', requestCert: false },
};

/** `weak-server NAME` */
const weakServer: ClientProcedure = async (context, diary, [name]) => {
  const result = await visit(context, weakServers[name!]!);
  const words = tell(diary, result);
  if (result.kind === 'absent') return diary.failed(words);
  if (result.isSecured === true) return diary.failed('the client takes part in the TLS handshake to its end');
  if (result.kind === 'stayed') return diary.weak(words);
  return diary.passed();
};

/** `no-certificate-request` */
const noCertificateRequest: ClientProcedure = async (context, diary) => {
  const result = await visit(context, { requestCert: false });
  const words = tell(diary, result);
  if (result.kind === 'absent') return diary.failed(words);
  if (result.kind !== 'asked') return diary.noted(words);
  const { verdict, reason } = await context.exchange(result.socket);
  return diary.noted(verdict === 'failed' ? reason : 'the client opens the connection, and shows no certificate');
};

/** `server-name` */
const serverName: ClientProcedure = async (context, diary) => {
  const result = await visit(context, {});
  if (result.kind !== 'asked') return diary.failed(tell(diary, result));
  const { servername } = result.socket as TLSSocket & { servername?: string | false };
  diary.note(servername ? `server_name "${servername}"` : 'no server_name');
  const { verdict, reason } = await context.exchange(result.socket);
  if (verdict === 'failed' || verdict === 'broken') return diary.failed(reason);
  if (isIP(context.host) !== 0) {
    return servername ? diary.failed('the client sends an address as server_name') : diary.passed();
  }
  if (!servername) return diary.failed('the client sends no server_name');
  return servername.toLowerCase() === context.host.toLowerCase()
    ? diary.passed()
    : diary.failed(`the client sends server_name "${servername}"`);
};

// ── what is no TLS, cuts, silence

interface Guest {
  readonly tcp: Socket;
  /** `undefined`: where the case is without TLS. */
  readonly socket: TLSSocket | undefined;
}

/** Invites the client; resolves with its connection, `undefined` when it does not come or fails the TLS handshake. */
function receive(context: TlsClientContext, options: TlsOptions | undefined): Promise<Guest | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), patienceToCome(context));
    const finish = (guest: Guest | undefined): void => {
      clearTimeout(timer);
      resolve(guest);
    };
    let tcp: Socket;
    void context
      .listen(options === undefined ? undefined : { ...takesAnyone, ...options }, {
        connection: (socket) => {
          tcp = socket;
          if (options === undefined) finish({ tcp, socket: undefined });
        },
        failed: () => finish(undefined),
        secure: (socket) => finish({ tcp, socket }),
      })
      .then(
        ({ url }) => context.invite(url),
        () => finish(undefined),
      );
    context.signal.addEventListener('abort', () => finish(undefined));
  });
}

/** Waits until the client ends; `received` gets what it sends meanwhile. */
function leaving(socket: Socket, ms: number, received?: (bytes: Buffer) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const finish = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    socket.on('data', (bytes: Buffer) => received?.(bytes));
    socket.on('end', finish).on('close', finish).resume();
    if (socket.destroyed || socket.readableEnded) finish();
  });
}

const absent = (diary: Diary): Outcome => diary.failed('the client did not come, or failed the TLS handshake');

const answers: Readonly<Record<string, Uint8Array>> = {
  'plain-http': Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
  'plain-101': Buffer.from(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
  ),
  noise: Buffer.alloc(600, hex('a5 03 03 00 10 5a c3 3c 99')),
  'data-first': record(recordTypes.applicationData, Buffer.alloc(32), versionNumbers.tls12),
  'fatal-alert': record(recordTypes.alert, hex('02 28')),
  'record-too-long': Buffer.concat([hex('16 03 03 ff ff'), Buffer.alloc(20_000, 1)]),
};

/** `garbage NAME`: in the place of a ServerHello. */
const garbage: ClientProcedure = async (context, diary, [name]) => {
  const guest = await receive(context, undefined);
  if (guest === undefined) return absent(diary);
  await new Promise<void>((resolve) => guest.tcp.once('data', () => resolve()).once('close', () => resolve()));
  guest.tcp.write(answers[name!]!);
  if (await leaving(guest.tcp, patience(context))) return diary.passed();
  return diary.failed('the client does not end the connection');
};

/** Reads the request of a client. */
function requestHead(socket: TLSSocket): Promise<RequestHead | undefined> {
  return new Promise((resolve) => {
    const parser = new HeadParser('request');
    const onData = (bytes: Buffer): void => {
      parser.push(bytes);
      if (parser.head !== undefined || parser.error !== undefined) finish();
    };
    const finish = (): void => {
      socket.off('data', onData).off('close', finish);
      resolve(parser.head);
    };
    socket.on('data', onData).on('close', finish);
  });
}

const switching = (head: RequestHead): string =>
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  `Sec-WebSocket-Accept: ${acceptFor(head.fields.get('Sec-WebSocket-Key') ?? '')}\r\n\r\n`;

/** A text frame that announces 100 bytes and has 5 of them. */
const frameStart = hex('81 64 68 65 6c 6c 6f');

/** `cut STAGE HOW` */
const cut: ClientProcedure = async (context, diary, [stage, how]) => {
  const isRaw = stage === 'before-hello' || stage === 'after-hello';
  const guest = await receive(context, isRaw ? undefined : {});
  if (guest === undefined) return absent(diary);
  const { tcp, socket } = guest;
  if (stage === 'after-hello') {
    await new Promise<void>((resolve) => tcp.once('data', () => resolve()).once('close', () => resolve()));
  }
  if (socket !== undefined && stage !== 'after-handshake') {
    const head = await requestHead(socket);
    if (head === undefined) return diary.failed('the client sends no request');
    const write = (bytes: string | Uint8Array): Promise<void> =>
      new Promise((sent) => socket.write(bytes, () => setImmediate(sent)));
    if (stage === 'in-response') await write(switching(head).slice(0, 60));
    if (stage === 'in-frame') {
      await write(switching(head));
      await write(frameStart);
    }
  }
  diary.note(`ended with ${how}`);
  // Not from within a callback of TLS: OpenSSL is at work then, and Node does not survive that its socket goes.
  await new Promise((resolve) => setImmediate(resolve));
  if (how === 'reset') tcp.resetAndDestroy();
  else if (how === 'close-notify') socket!.end();
  else tcp.end();
  let hasEchoed = false;
  const reader = socket ?? tcp;
  const hasLeft = await leaving(reader, patience(context), (bytes) => {
    hasEchoed ||= stage === 'in-frame' && (bytes[0]! & 0x0f) === 1;
  });
  if (hasEchoed) return diary.failed('the client echoes a message that was cut off');
  return hasLeft ? diary.passed() : diary.weak('the client leaves its side of the TCP connection open');
};

/** `silence STAGE`: the runner does not go on. */
const silence: ClientProcedure = async (context, diary, [stage]) => {
  const guest = await receive(context, stage === 'hello' ? undefined : {});
  if (guest === undefined) return absent(diary);
  const began = performance.now();
  const hasLeft = await leaving(guest.socket ?? guest.tcp, context.deadline - 5_000);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  diary.note(hasLeft ? `ended by the client after ${seconds} s` : `still open after ${seconds} s`);
  return hasLeft
    ? diary.noted(`the client gives up after ${seconds} s`)
    : diary.weak(`the client waits for more than ${seconds} s`);
};

export const clientProcedures: Readonly<Record<string, ClientProcedure>> = {
  'server-certificate': serverCertificate,
  'weak-server': weakServer,
  'no-certificate-request': noCertificateRequest,
  'server-name': serverName,
  'server-garbage': garbage,
  'server-cut': cut,
  'server-silence': silence,
};
