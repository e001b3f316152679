/**
 * `mtls-ws connect URL`: stdin to the server, what the server sends to stdout.
 */
import type { Readable, Writable } from 'node:stream';
import { TextDecoder } from 'node:util';
import { closeCodeName } from '../frame/index.js';
import { type CloseEvent, type Connection, connect } from '../index.js';
import { escapeText } from '../text.js';
import type { Command } from './command.js';
import { credentialsFault, readCredentials } from './credentials-files.js';
import { type ExitCode, exitCodes, Fault, usageFault } from './fault.js';
import type { Settings } from './flags.js';
import { startKeylog } from './keylog.js';
import { readRules, ruleNotes } from './rules.js';
import { onInterrupt } from './signals.js';
import { harmless } from './terminal.js';
import { startTracing } from './tracing.js';

export const connectCommand: Command = {
  name: 'connect',
  summary: 'sends lines of stdin, prints messages as lines',
  operand: 'URL',
  flags: [
    'ca',
    'cert',
    'key',
    'passphrase-file',
    'crl',
    'insecure-accept-expired-crl',
    'servername',
    'allow',
    'compress',
    'binary',
    'wait',
    'keylog',
  ],
  required: ['ca', 'cert', 'key'],
  flagHelp: {
    crl: 'the revocation list of a CA of the server, PEM or DER; may be repeated (default: none is looked at)',
    allow: 'which server is meant, for example spiffe:spiffe://a.example/b; may be repeated (default: all of --ca)',
  },
  notes: `Each line of stdin is sent as a text message; each text message received is
a line on stdout, and nothing else is. Ends with exit code 0 when stdin has
ended and the server was silent for --wait seconds, when the server closes with
1000 or 1001, and on Ctrl-C.

${ruleNotes}
A | B is one of them, ( ) groups; of several --allow one must accept.`,
  run,
};

async function run(settings: Settings, url: string): Promise<ExitCode> {
  const rule = readRules(settings);
  const credentials = readCredentials(settings);
  const tracer = startTracing(settings);
  const keylog = startKeylog(settings);
  const attempt = new AbortController();
  let interrupt = (): void => attempt.abort(new Fault(exitCodes.peer, 'interrupted before the connection was open'));
  onInterrupt(() => interrupt());
  try {
    const connection = await connect(url, {
      ...credentials,
      ...(settings.servername === undefined ? {} : { servername: settings.servername }),
      ...(rule && { authorize: rule }),
      ...(keylog && { insecureKeylog: keylog }),
      perMessageDeflate: settings.compress === true,
      signal: attempt.signal,
      ...(tracer && { trace: tracer.trace }),
    });
    interrupt = () => void connection.close(1000);
    return await converse(connection, settings);
  } catch (error) {
    throw credentialsFault(error, settings) ?? error;
  } finally {
    tracer?.finish();
  }
}

/** Sends and receives until the connection is over. */
async function converse(connection: Connection, settings: Settings): Promise<ExitCode> {
  const { stdin, stdout } = process;
  const isBinary = settings.binary === true;
  // Nobody reads our output any more (EPIPE): the work is done.
  stdout.once('error', () => connection.close(1000));
  const silence = new Silence((settings.wait ?? 1) * 1000, connection);
  let inputFault: unknown;
  let isAllSent = false;
  const sending = isBinary ? connection.sendMessage(stdin, { binary: true }) : sendLines(stdin, connection);
  sending.then(
    () => {
      isAllSent = connection.readyState === 'open';
      silence.listen();
    },
    (error) => {
      // What ends the connection ends the sending too; it is told below.
      if (connection.readyState === 'open') inputFault = error;
      void connection.close(1000);
    },
  );
  try {
    await receive(connection, isBinary, silence, stdout);
  } catch {
    // How the connection ended is told by its close event.
  }
  silence.stop();
  const event = await connection.closed;
  if (inputFault !== undefined) throw inputFault;
  const exitCode = verdict(event);
  if (!isAllSent && event.order === 'received-first') {
    const how = `${event.code} ${closeCodeName(event.code)}`;
    process.stderr.write(`mtls-ws connect: the server closed with ${how} before the input ended\n`);
  }
  return exitCode;
}

/** Sends each line as a text message, and reads no faster than they can leave. */
async function sendLines(source: Readable, connection: Connection): Promise<void> {
  // RFC 6455 §5.6: text is UTF-8. A byte order mark is part of the text.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  for await (const chunk of source) {
    const lines = decodeLines(decoder, chunk as Buffer);
    lines[0] = rest + lines[0]!;
    rest = lines.pop()!;
    for (const line of lines) await sendLine(line, connection);
  }
  rest += decodeLines(decoder).join('\n');
  if (rest !== '') await sendLine(rest, connection);
}

function decodeLines(decoder: TextDecoder, chunk?: Buffer): string[] {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined }).split('\n');
  } catch {
    throw usageFault('stdin is not UTF-8 text', 'send it with --binary');
  }
}

function sendLine(line: string, connection: Connection): Promise<void> | undefined {
  if (connection.send(line.endsWith('\r') ? line.slice(0, -1) : line)) return undefined;
  return new Promise((resolve) => {
    const goOn = (): void => {
      connection.off('drain', goOn);
      connection.off('close', goOn);
      resolve();
    };
    if (connection.readyState !== 'open') return resolve();
    connection.on('drain', goOn);
    connection.on('close', goOn);
  });
}

/** Writes what comes to `output` as it comes; takes no more from the connection than `output` takes. */
async function receive(connection: Connection, isBinary: boolean, silence: Silence, output: Writable): Promise<void> {
  let hasTold = false;
  for await (const message of connection.messages()) {
    silence.isBroken = true;
    if (message.isText === isBinary && !hasTold) {
      hasTold = true;
      const kind = isBinary
        ? 'a text message was left out; it is printed without --binary'
        : 'a binary message was left out; --binary writes it';
      process.stderr.write(`mtls-ws connect: ${kind}\n`);
    }
    for await (const chunk of message) if (message.isText !== isBinary) await write(output, chunk);
    if (message.isText && !isBinary) await write(output, '\n');
    silence.isBroken = false;
  }
}

function write(output: Writable & { isTTY?: boolean }, chunk: string | Buffer): Promise<void> | undefined {
  if (!output.writable) return undefined;
  // A terminal obeys what it is shown: a peer does not get to speak to it.
  if (output.write(typeof chunk === 'string' && output.isTTY === true ? harmless(chunk) : chunk)) return undefined;
  return new Promise((resolve) => {
    const goOn = (): void => {
      output.off('drain', goOn);
      output.off('close', goOn);
      resolve();
    };
    output.on('drain', goOn);
    output.on('close', goOn);
  });
}

/** Closes a connection when nothing was received for a while, and nothing waits to be sent. */
class Silence {
  readonly #delay: number;
  readonly #connection: Connection;
  #timer: NodeJS.Timeout | undefined;
  #isBroken = false;

  /** @param delay in milliseconds */
  constructor(delay: number, connection: Connection) {
    this.#delay = delay;
    this.#connection = connection;
  }

  /** Whether a message is just being received. */
  set isBroken(value: boolean) {
    this.#isBroken = value;
    this.#timer?.refresh();
  }

  /** Starts to listen for silence. */
  listen(): void {
    this.#timer = setTimeout(() => {
      if (this.#isBroken || this.#connection.bufferedBytes > 0) this.#timer?.refresh();
      else void this.#connection.close(1000);
    }, this.#delay);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * A connection that both ends closed in peace is done; anything else is told. Deliberately: with the reason of the server,
 * escaped, though RFC 6455 §5.5.1 keeps it from end users: who runs a command like this wants to know.
 */
function verdict(event: CloseEvent): ExitCode {
  const { code, error, order, wasClean } = event;
  const isOurs = order === 'sent-first' && error === undefined;
  if (wasClean && (isOurs || code === 1000 || code === 1001)) return exitCodes.done;
  if (error !== undefined) throw error;
  const reason = event.reason === '' ? '' : `: ${escapeText(event.reason)}`;
  if (code === 1006)
    throw new Fault(exitCodes.peer, `the connection was cut${reason}`, 'look at the log of the server');
  throw new Fault(exitCodes.peer, `the server closed with ${code} ${closeCodeName(code)}${reason}`);
}
