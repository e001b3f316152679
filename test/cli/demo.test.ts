import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { run } from './program.js';

const demo = suite('mtls-ws demo');

demo('shows the main job and at least five refusals, all as they must be, readable at 80 columns', async () => {
  const { code, stdout, stderr } = await run(['demo']);
  const text = stdout.toString();
  assert.is(code, 0, text);
  assert.is(stderr, '');
  for (const line of text.split('\n')) assert.ok([...line].length <= 80, line);
  assert.not.match(text, /\x1b|✘|undefined|\n\n\n/);
  for (const expected of [
    /TLSv1\.3, TLS_AES_/,
    /HTTP request\n/,
    /HTTP response\n/,
    /opcode 1: text/,
    /opcode 2: binary/,
    /opcode 0: continuation/,
    /opcode 9: ping/,
    /opcode 10: pong/,
    /1000 normal closure/,
    /alert 116: certificate required/,
    /certificate-untrusted/,
    /certificate-expired/,
    /certificate-wrong-purpose/,
    /refused by the client: server-name-mismatch/,
  ]) {
    assert.match(text, expected);
  }
  assert.ok((text.match(/✔ refused by/g) ?? []).length >= 5);
  const [, kept, all] = /(\d+) of (\d+) checks hold/.exec(text)!;
  assert.is(kept, all);
});

demo('shows colour only where it is wanted, and the view of the server with --trace', async () => {
  const { code, stdout, stderr } = await run(['demo', '--trace', '--min-tls', '1.2'], { env: { FORCE_COLOR: '1' } });
  assert.is(code, 0);
  assert.not.match(stdout.toString(), /\x1b/);
  assert.match(stderr, /^mtls-ws: --trace prints everything/);
  assert.match(stderr, /403 Forbidden/);
});

demo.run();
