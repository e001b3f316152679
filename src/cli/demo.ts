/**
 * `mtls-ws demo`: the main job in one process, on real sockets, and the peers that must be refused. Whatever it shows is
 * checked, not assumed.
 */
import { MtlsWsError } from '../errors.js';
import { type Connection, connect, createServer, type Refusal, type Server } from '../index.js';
import { identityFromChain, probe } from '../tls/index.js';
import {
  createAuthority,
  createDevelopmentPki,
  type DevelopmentPki,
  type IssuedCertificate,
} from '../tls/pki/index.js';
import type { Command } from './command.js';
import { type ExitCode, exitCodes, Fault } from './fault.js';
import type { Settings } from './flags.js';
import { programName } from './program-name.js';
import { columns, type Paint, paintFor, wrap } from './terminal.js';
import { Tracer } from './trace.js';
import { startTracing } from './tracing.js';

export const demo: Command = {
  name: 'demo',
  summary: 'shows the main job, every byte explained, with nothing to configure',
  flags: [],
  required: [],
  flagHelp: { trace: 'explains on stderr what the server sees too, refused clients included; prints secrets' },
  notes: `Everything happens on real sockets of this machine, in memory, in seconds.
Exit code 1 says that something was not as it must be.`,
  run,
};

/** Milliseconds after which the demo has failed. */
const deadline = 10_000;

const host = '127.0.0.1';

async function run(settings: Settings): Promise<ExitCode> {
  const stage = new Stage(paintFor(process.stdout, process.env));
  stage.line('mtls-ws: WebSocket over mutual TLS, every byte explained');
  const timer = setTimeout(() => stage.fail(`it took longer than ${deadline / 1000} seconds`), deadline);
  try {
    await Promise.race([perform(stage, settings), stage.failed]);
  } finally {
    clearTimeout(timer);
  }
  return stage.summary();
}

async function perform(stage: Stage, settings: Settings): Promise<void> {
  const minVersion = settings['min-tls'] === '1.2' ? 'TLSv1.2' : 'TLSv1.3';
  const tracer = startTracing(settings);
  const pki = createDevelopmentPki();
  showPki(stage, pki);

  const server = createServer({
    ca: pki.ca.cert,
    cert: pki.server.cert,
    key: pki.server.key,
    minVersion,
    authorize: ({ path }) => path !== '/admin' || { reason: 'only operators may enter /admin' },
    ...(tracer && { trace: tracer.trace }),
  });
  const accepted = new Promise<Connection>((resolve) => server.once('connection', resolve));
  server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  const { port } = await server.listen({ port: 0, host });

  // The opening handshake is over when the connection is there: its trace is held back until its turn comes.
  let held: string[] | undefined = [];
  const shown = new Tracer({
    write: (line) => (held === undefined ? stage.line(line) : held.push(line)),
    paint: stage.paint,
    label: (_, direction) => (direction === 'out' ? '→ client to server' : '← server to client'),
  });
  const client = await connect(`wss://${host}:${port}/chat`, {
    ca: pki.ca.cert,
    cert: pki.client.cert,
    key: pki.client.key,
    minVersion,
    trace: shown.trace,
  });
  showPeers(stage, client, await accepted, port);
  stage.section('The opening handshake: HTTP turns into WebSocket');
  for (const line of held) stage.line(line);
  held = undefined;
  stage.check('the server changed the protocol, so the connection is open', client.readyState === 'open');
  await exchange(stage, client);
  shown.finish();

  await refuse(stage, pki, server, port, minVersion);
  await server.close();
  tracer?.finish();
}

function showPki(stage: Stage, pki: DevelopmentPki): void {
  stage.section('Certificates, made in memory');
  for (const [name, issued] of Object.entries(pki) as [string, IssuedCertificate][]) {
    const { subject, issuer, san, validTo } = identityFromChain([issued.der]);
    const names = [...san.dns, ...san.ip, ...san.uri].join(', ');
    const by = issuer.text === subject.text ? 'by itself' : `by ${issuer.text}`;
    const until = validTo.toISOString().slice(0, 10);
    stage.say(name, `${subject.text}, issued ${by}, until ${until}${names === '' ? '' : `, for ${names}`}`);
  }
}

function showPeers(stage: Stage, client: Connection, server: Connection, port: number): void {
  stage.section('Mutual TLS: both ends prove who they are');
  stage.say('server', `listens on wss://${host}:${port}`);
  stage.say('client', `connects to wss://${host}:${port}/chat`);
  stage.say('TLS', `${client.peer.tls.protocol}, ${client.peer.tls.cipher}`);
  stage.say('the client sees', `${client.peer.subject.text}, ${client.peer.spiffeId?.id ?? 'no SPIFFE ID'}`);
  stage.say('the server sees', `${server.peer.subject.text}, ${server.peer.spiffeId?.id ?? 'no SPIFFE ID'}`);
  stage.check('both ends agree on TLS version and cipher', client.peer.tls.cipher === server.peer.tls.cipher);
  stage.check('the client knows the server', client.peer.subjectCommonName === 'mtls-ws development server');
  stage.check('the server knows the client', server.peer.subjectCommonName === 'mtls-ws development client');
}

async function exchange(stage: Stage, client: Connection): Promise<void> {
  const next = (event: 'message' | 'pong'): Promise<unknown> =>
    new Promise((resolve) => (client as NodeJS.EventEmitter).once(event, resolve));

  stage.section('A text message, and its echo');
  const text = next('message');
  client.send('Hello, Wörld ✓');
  const textBack = await text;
  stage.check('the same text came back', textBack === 'Hello, Wörld ✓');

  stage.section('A binary message, and its echo');
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => index & 0xff));
  const binary = next('message');
  client.send(bytes);
  const binaryBack = await binary;
  stage.check('the same bytes came back', binaryBack instanceof Uint8Array && bytes.equals(binaryBack));

  stage.section('A message in fragments, and its echo in one frame');
  const whole = next('message');
  await client.sendMessage(['a message of ', 'unknown length, ', 'sent as it is made']);
  const wholeBack = await whole;
  stage.check('the message came back whole', wholeBack === 'a message of unknown length, sent as it is made');

  stage.section('A ping, and its pong');
  const pong = next('pong');
  client.ping('still there?');
  const pongBack = await pong;
  stage.check('the pong carries the payload of the ping', String(pongBack) === 'still there?');

  stage.section('The closing handshake');
  const { code, wasClean } = await client.close(1000, 'done');
  stage.check('both ends closed with 1000', code === 1000 && wasClean);
}

/** A peer that must be refused, and how. */
interface Suspect {
  readonly name: string;
  /** Tries to connect; resolves with what its end was told, and a code for that. */
  attempt(): Promise<{ code: string; told: string }>;
  /** The end that refuses, and the codes that it may give. */
  readonly by: 'server' | 'client';
  readonly codes: readonly string[];
  /** The server that is tried. */
  readonly server: Server;
}

async function refuse(
  stage: Stage,
  pki: DevelopmentPki,
  server: Server,
  port: number,
  minVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<void> {
  stage.section('Peers that must be refused');
  const ca = pki.ca.cert;
  const day = 86_400_000;
  const past = { notBefore: new Date(Date.now() - 40 * day), notAfter: new Date(Date.now() - 3 * day) };
  const other = pki.ca.issue({ commonName: 'another server', kind: 'server', hosts: ['other.example'] });
  const elsewhere = createServer({ ca, cert: other.cert, key: other.key });
  const elsewherePort = (await elsewhere.listen({ port: 0, host })).port;
  const attempt = (credentials: { cert: string; key: string }, path = '/chat', to = port): Suspect['attempt'] => {
    return () =>
      tryToConnect(`wss://${host}:${to}${path}`, { ca, cert: credentials.cert, key: credentials.key, minVersion });
  };
  const caName = identityFromChain([pki.ca.der]).subjectCommonName;
  const otherAuthority = createAuthority({ commonName: 'Some Other CA' });
  const impostor = createAuthority({ commonName: caName });
  const suspects: readonly Suspect[] = [
    {
      name: 'a client without a certificate',
      attempt: async () => {
        const { alert, errorCode = 'ended' } = await probe({ host, port, ca });
        if (alert === undefined) return { code: errorCode, told: errorCode };
        return { code: 'alert', told: `alert ${alert.number}: ${alert.name}` };
      },
      by: 'server',
      codes: ['certificate-missing'],
      server,
    },
    {
      name: 'a client with a certificate of another CA',
      attempt: attempt(otherAuthority.issue({ commonName: 'stranger', kind: 'client' })),
      by: 'server',
      codes: ['certificate-untrusted'],
      server,
    },
    {
      name: 'a client with a certificate of a CA that bears the right name',
      attempt: attempt(impostor.issue({ commonName: 'mtls-ws development client', kind: 'client' })),
      by: 'server',
      codes: ['certificate-untrusted', 'certificate-bad-signature'],
      server,
    },
    {
      name: 'a client whose certificate has expired',
      attempt: attempt(pki.ca.issue({ commonName: 'device-7', kind: 'client', ...past })),
      by: 'server',
      codes: ['certificate-expired'],
      server,
    },
    {
      name: 'a client that presents a server certificate',
      attempt: attempt(pki.server),
      by: 'server',
      codes: ['certificate-wrong-purpose'],
      server,
    },
    {
      name: 'a client with a good certificate that may not enter /admin',
      attempt: attempt(pki.client, '/admin'),
      by: 'server',
      codes: ['not-authorized'],
      server,
    },
    {
      name: 'a server whose certificate is for another host',
      attempt: attempt(pki.client, '/chat', elsewherePort),
      by: 'client',
      codes: ['server-name-mismatch'],
      server: elsewhere,
    },
  ];
  for (const suspect of suspects) await confront(stage, suspect);
  await elsewhere.close();
}

async function tryToConnect(
  url: string,
  options: Parameters<typeof connect>[1],
): Promise<{ code: string; told: string }> {
  try {
    const connection = await connect(url, options);
    connection.terminate();
    return { code: 'let in', told: 'it was let in' };
  } catch (error) {
    return { code: error instanceof MtlsWsError ? error.code : 'unexpected', told: (error as Error).message };
  }
}

async function confront(stage: Stage, suspect: Suspect): Promise<void> {
  const refused = new Promise<Refusal>((resolve) => suspect.server.once('refused', resolve));
  const { code, told } = await suspect.attempt();
  const { error, presented } = await refused;
  stage.gap();
  stage.line(`  ${stage.paint.bold(suspect.name)}`);
  if (presented !== undefined && !error.message.includes(presented)) stage.say('presented', presented);
  stage.say('server was told', error.message);
  stage.say('client was told', told);
  const verdict = suspect.by === 'server' ? error.code : code;
  stage.check(`refused by the ${suspect.by}: ${verdict}`, suspect.codes.includes(verdict) && code !== 'let in');
}

/** Where the demo is shown, and where its checks are counted. */
class Stage {
  readonly paint: Paint;
  /** Rejects when the demo cannot go on. */
  readonly failed: Promise<never>;
  readonly fail: (why: string) => void;
  readonly #start: number = Date.now();
  readonly #missed: string[] = [];
  #isAfterGap = true;
  #isAfterCheck = false;
  #sections = 0;
  #checks = 0;

  constructor(paint: Paint) {
    this.paint = paint;
    let reject: (fault: Fault) => void;
    this.failed = new Promise((_, refuse) => {
      reject = refuse;
    });
    this.fail = (why) => reject(new Fault(exitCodes.peer, why));
  }

  /** Writes a line; of several empty ones only the first. */
  line(text: string): void {
    if (text !== '' || !this.#isAfterGap) process.stdout.write(`${text}\n`);
    this.#isAfterGap = text === '';
    this.#isAfterCheck = false;
  }

  gap(): void {
    this.line('');
  }

  section(title: string): void {
    const heading = `── ${++this.#sections}  ${title} `;
    this.gap();
    this.line(this.paint.bold(heading.padEnd(columns, '─')));
    this.gap();
  }

  /** A text beside its label, wrapped. */
  say(label: string, text: string): void {
    const width = 16;
    const lines = wrap(text, columns - width - 4);
    for (const [index, line] of lines.entries()) {
      this.line(`  ${this.paint.dim((index === 0 ? label : '').padEnd(width))}  ${line}`);
    }
  }

  check(claim: string, holds: boolean): void {
    if (!this.#isAfterCheck) this.gap();
    this.#checks++;
    if (!holds) this.#missed.push(claim);
    this.line(holds ? `  ${this.paint.green('✔')} ${claim}` : `  ${this.paint.red('✘ NOT SO:')} ${claim}`);
    this.#isAfterCheck = true;
  }

  summary(): ExitCode {
    this.section('Summary');
    const seconds = ((Date.now() - this.#start) / 1000).toFixed(1);
    const kept = this.#checks - this.#missed.length;
    this.line(`  ${kept} of ${this.#checks} checks hold, in ${seconds} s`);
    for (const claim of this.#missed) this.line(`  ${this.paint.red('✘')} ${claim}`);
    if (this.#missed.length > 0) return exitCodes.peer;
    this.gap();
    this.line('  Next, make certificates for development; it prints the commands to try:');
    this.gap();
    this.line(`    ${programName()} pki init certs`);
    return exitCodes.done;
  }
}
