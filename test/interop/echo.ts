/** What a client of ours asks of an echo server that is not ours. */
import { once } from 'node:events';
import { type ConnectOptions, connect, PeerIdentityError } from 'mtls-ws';
import * as assert from 'uvu/assert';
import { files, run } from '../cli/program.js';
import { kit } from '../support/kit.js';
import { longBytes, longText } from './tools.js';

/** The credentials of a client of the CA in `files()`. */
export function clientOptions(): ConnectOptions {
  const { ca, client } = files().pki;
  return { ca: ca.cert, cert: client.cert, key: client.key };
}

/** Returns the paths in flags: `--ca F --cert F --key F` → `F F F`. */
export function pathsOf(flags: readonly string[]): string[] {
  return flags.filter((_, index) => index % 2 === 1);
}

/** Sends everything there is to the echo server at `url`, and expects it back. */
export async function expectEcho(url: string): Promise<void> {
  const connection = await connect(url, clientOptions());
  const messages = connection[Symbol.asyncIterator]();
  for (const message of [longText, longBytes, '', Buffer.alloc(0)]) {
    connection.send(message);
    const { value } = await messages.next();
    assert.ok(typeof message === 'string' ? value === message : message.equals(value), 'the same comes back');
  }
  const fragments = Array.from({ length: 43 }, (_, index) => longBytes.subarray(index * 7_001, (index + 1) * 7_001));
  await connection.sendMessage(fragments);
  assert.ok(longBytes.equals((await messages.next()).value));
  const pong = once(connection, 'pong');
  connection.ping('are you there?');
  assert.is(String((await pong)[0]), 'are you there?');
  const event = await connection.close(1000, 'done');
  assert.is(event.code, 1000);
  assert.is(event.wasClean, true);
}

/** The command line against the same server. */
export async function expectLines(url: string): Promise<void> {
  const outcome = await run(['connect', url, ...files().client, '--wait', '0.3'], { input: 'one\nzwölf\n' });
  assert.is(outcome.stdout.toString(), 'one\nzwölf\n', outcome.stderr);
  assert.is(outcome.code, 0);
}

/** A client whose certificate is of another CA gets an error that names its certificate, whatever the server does. */
export async function expectRefusal(url: string): Promise<void> {
  const { cert, key } = kit().clients.otherCa;
  await connect(url, { ...clientOptions(), cert, key }).then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, PeerIdentityError);
      assert.match(error.message, 'issuer CN=Other CA');
    },
  );
}
