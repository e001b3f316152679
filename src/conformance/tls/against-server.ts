/** The procedures of the TLS cases against a server. Each ends with a good connection: what came before must not harm it. */
import type { Buffer } from 'node:buffer';
import { isIP, type Socket } from 'node:net';
import type { TlsServerContext } from '../tls-context.js';
import { type BadCertificate, badCertificate, type Shown, withoutCa } from './bad-certificates.js';
import {
  ask,
  attempt,
  conclude,
  goodConnection,
  openTcp,
  type Refused,
  requestOf,
  type Secured,
  type SecureOptions,
  type ServerProcedure,
  type Silent,
  secure,
  spoken,
  tell,
} from './link.js';
import { firstRecord, rawProcedures } from './raw-server.js';
import { RecordWatch } from './record-watch.js';
import { weakest } from './weakest.js';

/** `client-certificate NAME VERSION`; the name `none` shows none. */
const clientCertificate: ServerProcedure = async (context, diary, [name, version], severity) => {
  const shown = name === 'none' ? { cert: undefined, key: undefined } : shownTo(context, name as BadCertificate);
  const opened = await attempt(context, { ...spoken(version), ...weakest, ...shown });
  diary.note(`${version}, certificate "${name}": ${tell(opened)}`);
  const isOpen = opened.kind === 'answered' && opened.status === 101;
  if (severity === 'INFO') {
    return conclude(context, diary, diary.noted(isOpen ? 'the server takes it' : tell(opened)), version);
  }
  if (isOpen) return diary.failed('the server answers 101: it lets the client in');
  if (opened.kind === 'silent') {
    return conclude(context, diary, diary.weak(`${opened.how}, and the server does not end the connection`), version);
  }
  if (context.caKey !== undefined && needsCa(name!)) {
    const control = await attempt(context, { ...spoken(version), ...shownTo(context, 'good') });
    diary.note(`${version}, a good certificate of the same CA: ${tell(control)}`);
    if (control.kind !== 'answered' || control.status !== 101) {
      return conclude(context, diary, diary.noted('refused; but so is a good certificate of that CA'), version);
    }
  }
  return conclude(context, diary, diary.passed(), version);
};

const needsCa = (name: string): boolean => name !== 'none' && !withoutCa.includes(name as BadCertificate);

function shownTo(context: TlsServerContext, name: BadCertificate): Shown {
  const { cert, key, ca, caKey, badCertificates, serverName } = context;
  return badCertificate(name, { end: 'client', cert, key, ca, caKey, directory: badCertificates, host: serverName });
}

// ── names and protocols

/** `sni KIND` */
const sni: ServerProcedure = async (context, diary, [kind]) => {
  const { serverName, otherHost } = context;
  if (isIP(serverName) !== 0 && (kind === 'upper' || kind === 'trailing-dot')) {
    return diary.skipped('the server is known by an address');
  }
  const names: Readonly<Record<string, string | null>> = {
    none: null,
    unknown: 'unknown.invalid',
    upper: serverName.toUpperCase(),
    'trailing-dot': `${serverName}.`,
    'other-host': otherHost ?? null,
  };
  const name = names[kind!]!;
  const secured = await secure(context, { sni: name });
  const words = name === null ? 'without a name' : `name "${name}"`;
  if (secured.kind !== 'secured') {
    diary.note(`${words}: ${secured.how}`);
    return conclude(context, diary, diary.noted(`refused ${secured.how}`));
  }
  const { port } = new URL(context.url);
  const host = kind === 'other-host' ? `${otherHost}${port === '' ? '' : `:${port}`}` : undefined;
  const { subjectaltname = 'no names' } = secured.socket.getPeerCertificate();
  const opened = await ask(context, secured, requestOf(context, host));
  secured.socket.destroy();
  diary.note(`${words}: certificate for ${subjectaltname}; ${tell(opened)}`);
  return conclude(context, diary, diary.noted(tell(opened)));
};

/** `alpn PROTOCOL…`; none at all: without the extension. */
const alpn: ServerProcedure = async (context, diary, protocols, severity) => {
  const options = { ALPNProtocols: protocols.length === 0 ? undefined : [...protocols] } as SecureOptions;
  if (severity === 'MUST') {
    const fault = await goodConnection(context, diary, options);
    return fault === undefined ? diary.passed() : diary.failed(fault);
  }
  const secured = await secure(context, options);
  if (secured.kind !== 'secured') {
    diary.note(secured.how);
    return conclude(context, diary, diary.noted(`refused ${secured.how}`));
  }
  const chosen = secured.socket.alpnProtocol;
  const opened = await ask(context, secured, requestOf(context));
  secured.socket.destroy();
  const words = `${chosen === false || chosen === null ? 'nothing' : `"${chosen}"`} is chosen; HTTP/1.1: ${tell(opened)}`;
  diary.note(words);
  return conclude(context, diary, diary.noted(words));
};

// ── resumption

/** Makes a connection and returns the newest session that the server gave on it. */
async function sessionOf(
  context: TlsServerContext,
  options: SecureOptions,
): Promise<{ readonly opened: string; readonly session: Buffer | undefined }> {
  const secured = await secure(context, options);
  if (secured.kind !== 'secured') return { opened: `refused ${secured.how}`, session: undefined };
  let session: Buffer | undefined;
  secured.socket.on('session', (one) => {
    session = one;
  });
  const opened = await ask(context, secured, requestOf(context));
  // In TLS 1.2 it is there with the handshake.
  if (session === undefined && secured.socket.getProtocol() === 'TLSv1.2') session = secured.socket.getSession();
  secured.socket.destroy();
  return { opened: tell(opened), session };
}

/** `resume VERSION` */
const resume: ServerProcedure = async (context, diary, [version]) => {
  const { opened, session } = await sessionOf(context, spoken(version));
  diary.note(`first connection: ${opened}; ${session === undefined ? 'no session' : 'a session is given'}`);
  if (session === undefined) return conclude(context, diary, diary.noted('the server gives no session'), version);
  const secured = await secure(context, { ...spoken(version), session });
  if (secured.kind !== 'secured') {
    return conclude(
      context,
      diary,
      diary.noted(`a connection that offers the session is refused ${secured.how}`),
      version,
    );
  }
  const isReused = secured.socket.isSessionReused();
  const { verdict, reason } = await context.exchange(secured.socket);
  const works = verdict === 'passed' || verdict === 'weak' ? 'works' : `does not work: ${reason}`;
  const words = `the session is ${isReused ? 'resumed' : 'not resumed'}, and the connection ${works}`;
  return conclude(context, diary, diary.noted(words), version);
};

/** `resume-without-certificate VERSION`: a session made without a certificate lets nobody in. */
const resumeWithoutCertificate: ServerProcedure = async (context, diary, [version]) => {
  const nobody = { ...spoken(version), cert: undefined, key: undefined } as SecureOptions;
  const { opened, session } = await sessionOf(context, nobody);
  diary.note(`without a certificate: ${opened}; ${session === undefined ? 'no session' : 'a session is given'}`);
  if (session === undefined) return conclude(context, diary, diary.passed(), version);
  const again = await attempt(context, { ...nobody, session });
  diary.note(`with that session: ${tell(again)}`);
  if (again.kind === 'answered' && again.status === 101) {
    return diary.failed('a session that was made without a certificate is resumed, and the server answers 101');
  }
  return conclude(context, diary, diary.passed(), version);
};

/** `resume-at-other-host VERSION` */
const resumeAtOtherHost: ServerProcedure = async (context, diary, [version], severity) => {
  const { opened, session } = await sessionOf(context, spoken(version));
  diary.note(`at "${context.serverName}": ${opened}; ${session === undefined ? 'no session' : 'a session is given'}`);
  if (session === undefined) {
    const words = 'the server gives no session';
    return conclude(context, diary, severity === 'INFO' ? diary.noted(words) : diary.passed(), version);
  }
  const secured = await secure(context, { ...spoken(version), session, sni: context.otherHost! });
  const isReused = secured.kind === 'secured' && secured.socket.isSessionReused();
  if (secured.kind === 'secured') secured.socket.destroy();
  diary.note(`at "${context.otherHost}": ${isReused ? 'resumed' : 'not resumed'}`);
  if (severity === 'INFO') {
    return conclude(
      context,
      diary,
      diary.noted(isReused ? 'the session is resumed' : 'the session is not resumed'),
      version,
    );
  }
  if (isReused) return diary.failed('a session of one host is resumed at another');
  return conclude(context, diary, diary.passed(), version);
};

// ── ends

type How = 'fin' | 'reset';

/** Not from within a callback of TLS: OpenSSL is at work then, and Node does not survive that its socket goes. */
async function cutOff(tcp: Socket, how: How): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (how === 'fin') tcp.end();
  else tcp.resetAndDestroy();
}

/** Resolves with whether the TCP connection is ended from the other side in time. */
export function endOf(tcp: Socket, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (ended: boolean): void => {
      clearTimeout(timer);
      tcp.off('close', onClose);
      resolve(ended);
    };
    const onClose = (): void => finish(true);
    const timer = setTimeout(() => finish(false), ms);
    tcp.on('close', onClose).resume();
    if (tcp.destroyed) onClose();
  });
}

/** The beginning of a masked text frame of 100 bytes. */
const frameStart = (): Uint8Array => Uint8Array.of(0x81, 0x80 | 100, 1, 2, 3, 4, 5, 6, 7, 8);

/** `cut STAGE HOW`: the connection is cut without close_notify. */
const cut: ServerProcedure = async (context, diary, [stage, how]) => {
  const secured = await secure(context);
  if (secured.kind !== 'secured') return diary.failed(`refused ${secured.how}`);
  const { socket, tcp } = secured;
  const write = (bytes: string | Uint8Array): Promise<void> =>
    new Promise((sent) => socket.write(bytes, () => setImmediate(sent)));
  const request = requestOf(context);
  if (stage === 'in-request') await write(request.slice(0, 40));
  if (stage === 'after-request') await write(request);
  if (stage === 'after-opening' || stage === 'in-frame') {
    const opened = await ask(context, secured, request);
    if (opened.kind !== 'answered' || opened.status !== 101) return diary.failed(tell(opened));
    if (stage === 'in-frame') await write(frameStart());
  }
  diary.note(`cut with ${how === 'fin' ? 'FIN' : 'RST'} and without close_notify`);
  await cutOff(tcp, how as How);
  const ended = how === 'reset' || (await endOf(socket, context.deadline * 0.35));
  socket.destroy();
  tcp.destroy();
  const outcome = ended ? diary.passed() : diary.weak('the server leaves its side of the TCP connection open');
  return conclude(context, diary, outcome);
};

/** `close-notify VERSION`: the last record of the server is an alert. */
const closeNotify: ServerProcedure = async (context, diary, [version]) => {
  let watch: RecordWatch | undefined;
  const secured = await secure(context, {
    ...spoken(version),
    between: (tcp) => {
      watch = new RecordWatch(tcp);
      return watch;
    },
  });
  if (secured.kind !== 'secured') return conclude(context, diary, diary.noted(`refused ${secured.how}`), version);
  const { socket } = secured;
  let recordsAtLastData = 0;
  socket.on('data', () => {
    recordsAtLastData = watch!.records;
  });
  const { verdict, reason } = await context.exchange(socket);
  if (verdict === 'failed' || verdict === 'broken') return diary.failed(reason);
  // The exchange ends with the end of the stream, which is behind the last record.
  const behind = watch!.records - recordsAtLastData;
  diary.note(`${behind} records behind the last that had data`);
  if (behind === 0) return diary.failed('the server ends the TCP connection without close_notify');
  return diary.passed();
};

// ── waiting

/** `unfinished STAGE`: a client that does not go on. */
const unfinished: ServerProcedure = async (context, diary, [stage]) => {
  const began = performance.now();
  const most = context.deadline - 8_000;
  let tcp: Socket;
  if (stage === 'after-handshake') {
    const secured = await secure(context);
    if (secured.kind !== 'secured') return diary.failed(`refused ${secured.how}`);
    tcp = secured.socket;
  } else {
    tcp = await openTcp(context);
    const hello = firstRecord(context);
    if (stage === 'in-hello') tcp.write(hello.subarray(0, 100));
    if (stage === 'after-hello') tcp.write(hello);
  }
  const ended = await endOf(tcp, most);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  tcp.destroy();
  diary.note(ended ? `ended by the server after ${seconds} s` : `still open after ${seconds} s`);
  const outcome = ended
    ? diary.noted(`the server ends the connection after ${seconds} s`)
    : diary.weak(`the server keeps the connection for more than ${seconds} s`);
  return conclude(context, diary, outcome);
};

/** `renegotiate` */
const renegotiate: ServerProcedure = async (context, diary) => {
  const secured: Secured | Refused | Silent = await secure(context, spoken('TLSv1.2'));
  if (secured.kind !== 'secured') {
    return conclude(context, diary, diary.noted('the server does not speak TLSv1.2'));
  }
  const { socket } = secured;
  const words = await new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve('neither taken nor refused'), context.deadline * 0.1);
    const finish = (text: string): void => {
      clearTimeout(timer);
      resolve(text);
    };
    socket.once('close', () => finish('refused: the connection is ended'));
    socket.renegotiate({ rejectUnauthorized: false }, (error) =>
      finish(error === null ? 'taken' : `refused: ${error.message}`),
    );
    socket.resume();
  });
  socket.destroy();
  diary.note(`renegotiation: ${words}`);
  return conclude(context, diary, diary.noted(words));
};

export const serverProcedures: Readonly<Record<string, ServerProcedure>> = {
  'client-certificate': clientCertificate,
  sni,
  alpn,
  resume,
  'resume-without-certificate': resumeWithoutCertificate,
  'resume-at-other-host': resumeAtOtherHost,
  cut,
  'close-notify': closeNotify,
  unfinished,
  renegotiate,
  ...rawProcedures,
};
