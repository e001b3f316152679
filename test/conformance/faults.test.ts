import * as assert from 'uvu/assert';
import type { Case, CaseResult, GroupName } from '../../src/conformance/case.js';
import { allCases, testClients, testServer } from '../../src/conformance/index.js';
import { suite } from '../support/suite.js';
import {
  type DeflateFault,
  driveFaultyClient,
  type Faults,
  type FrameFault,
  type HandshakeFault,
  startFaultyServer,
} from './faulty-peer.js';

/** Short: a case that fails because nothing comes waits for all of it. */
const brief = 600;

/** How the cases are chosen: all of some groups, or those that are given. */
type Choice = { readonly groups: readonly GroupName[] } | { readonly cases: readonly Case[] };

async function runServer(faults: Faults, choice: Choice, timeout: number = brief): Promise<readonly CaseResult[]> {
  const server = await startFaultyServer(faults);
  try {
    return await testServer({ url: server.url, ...choice, timeout, parallel: 12 });
  } finally {
    server.close();
  }
}

async function runClient(faults: Faults, choice: Choice, timeout: number = brief): Promise<readonly CaseResult[]> {
  let drivers: Promise<unknown> = Promise.resolve();
  const results = await testClients({
    ...choice,
    timeout,
    onListening: (next) => {
      drivers = Promise.all(Array.from({ length: 12 }, () => driveFaultyClient(next, faults)));
    },
  });
  await drivers;
  return results;
}

function ids(results: readonly CaseResult[], ...verdicts: ReadonlyArray<CaseResult['verdict']>): string[] {
  return results.filter(({ verdict }) => verdicts.includes(verdict)).map((result) => result.case.id);
}

const all: readonly GroupName[] = [
  'opening',
  'framing',
  'masking',
  'fragmentation',
  'control',
  'utf8',
  'closing',
  'delivery',
  'deflate',
];

const sound = suite('a peer without a fault');

for (const [name, run] of [
  ['server', runServer],
  ['client', runClient],
] as const) {
  sound(
    `passes every case as ${name}`,
    async () => {
      const results = await run({}, { groups: all }, 20_000);
      assert.equal(
        results
          .filter(({ verdict }) => verdict === 'failed' || verdict === 'broken' || verdict === 'weak')
          .map((r) => `${r.case.id}: ${r.reason}`),
        [],
      );
      assert.ok(ids(results, 'passed').length > 700, `${ids(results, 'passed').length} passed`);
    },
    { deadline: 240_000 },
  );
}

/** Each fault, the group that is about it, and cases of it that must find it. */
const frameFaults: Readonly<Record<FrameFault | DeflateFault, readonly [GroupName, ...RegExp[]]>> = {
  'takes-wrong-masking': ['masking', /masking\/(?:un)?masked-text-/],
  'masks-wrongly': ['masking', /masking\//],
  'takes-rsv1': ['framing', /framing\/rsv1-text$|framing\/rsv4-text$|framing\/rsv\d-text$/],
  'takes-rsv2': ['framing', /framing\/rsv2-text$/],
  'takes-rsv3': ['framing', /framing\/rsv3-text$/],
  'passes-over-reserved-data-opcodes': ['framing', /opcode-3-reserved$/, /opcode-7-reserved$/],
  'passes-over-reserved-control-opcodes': ['framing', /opcode-11-reserved$/, /opcode-15-reserved$/],
  'takes-length-of-2-63': ['framing', /framing\/binary-2-63-plus-65536$/],
  'writes-long-lengths': ['framing', /framing\/text-5$|framing\/text-1$/],
  'reads-16-bit-length-signed': ['framing', /framing\/text-65535$/],
  'takes-long-control-frames': ['control', /control\/ping-126/],
  'takes-fragmented-control-frames': ['control', /control\/.*fragment/],
  'answers-no-ping': ['control', /control\/ping-125$/],
  'answers-ping-empty': ['control', /control\/ping-125$/],
  'cuts-pong-payload': ['control', /control\/ping-125$/],
  'takes-continuation-alone': ['fragmentation', /fragmentation\/stray-final$/],
  'takes-new-message-inside': ['fragmentation', /fragmentation\//],
  'answers-each-fragment': ['fragmentation', /fragmentation\/text-2-fragments$/],
  'loses-middle-fragments': ['fragmentation', /fragmentation\/text-3-fragments$/],
  'loses-message-at-ping': ['control', /control\/.*inside-message|control\/ping-after-fragment/],
  'answers-binary-as-text': ['fragmentation', /fragmentation\/binary-2-fragments$/],
  'checks-no-utf8': ['utf8', /utf8\/bad-overlong-2-slash$/, /utf8\/cut-crab-1$/],
  'checks-utf8-by-fragment': ['utf8', /utf8\/split-crab-ping-1$/],
  'takes-surrogates': ['utf8', /utf8\/bad-surrogate-d800$/],
  'replaces-bad-utf8': ['utf8', /utf8\/bad-byte-ff$/],
  'refuses-noncharacters': ['utf8', /utf8\/good-ffff$/],
  'drops-byte-order-mark': ['utf8', /utf8\/good-bom$/],
  'fails-without-close-frame': ['framing'],
  'never-ends-after-failure': ['framing', /framing\/opcode-3-reserved$/],
  'answers-no-close': ['closing', /closing\/code-1000$/],
  'answers-close-with-1005': ['closing', /closing\/code-1000$/],
  'takes-close-code-1006': ['closing', /closing\/code-1006$/],
  'takes-close-code-999': ['closing', /closing\/code-999$/],
  'refuses-close-code-4999': ['closing', /closing\/code-4999$/],
  'takes-close-body-of-1-byte': ['closing', /closing\/body-1$/],
  'checks-no-utf8-in-reason': ['utf8', /utf8\/reason-bad-byte-ff$/],
  'goes-on-after-close': ['closing', /closing\/text-after$/],
  'never-ends-after-close': ['closing', /closing\/code-1000$/],
  'forgets-mask-phase-between-chunks': ['delivery', /delivery\//],
  'reads-one-frame-per-chunk': ['delivery', /delivery\//],
  'loses-split-headers': ['delivery', /delivery\//],
  'cuts-messages-at-64-kib': ['framing', /framing\/text-65536$/],
  'sends-unasked-text': ['framing', /framing\/text-1$/],
  'inflates-each-message-alone': ['deflate', /deflate\/example-window$/],
  'keeps-its-window-though-agreed-not-to': ['deflate', /deflate\/(?:offer|answer)-.*no-takeover$/],
  'exceeds-its-window': ['deflate', /deflate\/(?:offer-server|answer-client)-bits-9$/],
  'takes-rsv1-on-continuation': ['deflate', /deflate\/rsv1-continuation$/],
  'ends-at-final-block': ['deflate', /deflate\/example-final$/],
  'refuses-empty-compressed-message': ['deflate', /deflate\/example-empty$/],
  'sets-no-rsv1': ['deflate', /deflate\/text-4096$/],
  'leaves-the-flush-end': ['deflate', /deflate\/text-4096$/],
  'ignores-bad-deflate-data': ['deflate', /deflate\/bad-block-type-3$/],
  'takes-plain-messages-into-window': ['deflate', /deflate\/mixed-plain$/],
  'compresses-pongs': ['deflate', /deflate\/split-ping$/],
};

/** A client does not end the TCP connection first (RFC 6455 §7.1.1), and what it receives is not masked. */
const ofServersAlone: ReadonlySet<string> = new Set([
  'never-ends-after-failure',
  'never-ends-after-close',
  'forgets-mask-phase-between-chunks',
]);

/** Up to ten cases that must find a fault, and one in ten of their group, most of which must not. */
function selection(group: GroupName, patterns: readonly RegExp[]): readonly Case[] {
  const ofGroup = allCases().filter(
    (one) => one.group === group && (one.kind === 'tls' || (one.sentBytes ?? 0) < 10_000),
  );
  const finders = patterns.flatMap((pattern) =>
    allCases()
      .filter(({ id }) => pattern.test(id))
      .slice(0, 10),
  );
  const sample = ofGroup.filter((_, index) => index % 10 === 0);
  return [...new Set([...finders, ...sample])];
}

const frames = suite('a fault in a peer is found by its case');

function judge(fault: string, results: readonly CaseResult[], patterns: readonly RegExp[]): void {
  const found = fault === 'fails-without-close-frame' ? ids(results, 'weak') : ids(results, 'failed');
  assert.ok(found.length > 0, `${fault}: not found`);
  for (const pattern of patterns) {
    assert.ok(
      found.some((id) => pattern.test(id)),
      `${fault}: none of ${pattern} among ${found.slice(0, 30).join(', ')}`,
    );
  }
  // A case that fails for whatever is wrong says nothing.
  const total = ids(results, 'passed', 'noted').length;
  const isInEveryFrame =
    /wrong-masking|masks-wrongly|close-with|answers-no-close|never-ends-after-close|writes-long|sends-unasked/.test(
      fault,
    );
  assert.ok(isInEveryFrame || total > 0, `${fault}: every case failed`);
}

for (const [fault, [group, ...patterns]] of Object.entries(frameFaults) as Array<
  [FrameFault | DeflateFault, readonly [GroupName, ...RegExp[]]]
>) {
  for (const [role, run] of [
    ['server', runServer],
    ['client', runClient],
  ] as const) {
    if (role === 'client' && ofServersAlone.has(fault)) continue;
    frames(`${fault}, of a ${role}`, async () => {
      judge(fault, await run({ frame: fault }, { cases: selection(group, patterns) }), patterns);
    });
  }
}

const handshakes = suite('a fault in an opening handshake is found by its case');

const ofServers: Readonly<Record<string, readonly [HandshakeFault, RegExp]>> = {
  'writes a wrong Accept': [{ writes: (head) => head.replace(/(Accept: )../, '$1AA') }, /opening\/good$/],
  'writes no Upgrade': [{ writes: (head) => head.replace('Upgrade: websocket\r\n', '') }, /opening\/good$/],
  'writes no Connection': [{ writes: (head) => head.replace(/Connection: Upgrade\r\n/i, '') }, /opening\/good$/],
  'answers 200': [{ writes: (head) => head.replace('101 Switching Protocols', '200 OK') }, /opening\/good$/],
  'selects a subprotocol of its own': [
    { writes: (head) => head.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: own\r\n\r\n') },
    /opening\/protocol-one$/,
  ],
  'accepts an extension that was not offered': [
    { writes: (head) => head.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: x-own\r\n\r\n') },
    /opening\/good$/,
  ],
  'takes POST': [{ ignores: 'method-not-get' }, /opening\/method-post$/],
  'takes HTTP/1.0': [{ ignores: 'version-unsupported' }, /opening\/http-1-0$/],
  'takes a request without a key': [{ ignores: 'key-missing' }, /opening\/key-missing$/],
  'takes a key that is none': [{ ignores: 'key-malformed' }, /opening\/key-(?:short|empty)$/],
  'takes two keys': [{ ignores: 'key-repeated' }, /opening\/key-two-fields$/],
  'takes version 14': [{ ignores: 'websocket-version-unsupported' }, /opening\/version-14$/],
  'takes a request without a version': [{ ignores: 'websocket-version-missing' }, /opening\/version-missing$/],
  'does not say which version it speaks': [
    { writes: (head) => head.replace(/Sec-WebSocket-Version: 13\r\n/i, '') },
    /opening\/version-told-14$/,
  ],
  'takes a request without Upgrade': [{ ignores: 'upgrade-missing' }, /opening\/upgrade-missing$/],
  'takes a request without Connection': [{ ignores: 'connection-missing' }, /opening\/connection-missing$/],
  'takes any Connection': [{ ignores: 'connection-malformed' }, /opening\/connection-keep-alive$/],
  'takes a request without Host': [{ ignores: 'host-missing' }, /opening\/host-missing$/],
  'takes two Hosts': [{ ignores: 'host-repeated' }, /opening\/host-two$/],
  'refuses lists in Connection': [{ refuses: (head) => head.includes('keep-alive') }, /opening\/connection-list$/],
  'refuses WEBSOCKET': [{ refuses: (head) => head.includes('WEBSOCKET') }, /opening\/upgrade-upper$/],
  'refuses unknown extensions': [{ refuses: (head) => /Extensions: foo/.test(head) }, /opening\/extension-unknown$/],
};

const ofClients: Readonly<Record<string, readonly [HandshakeFault, RegExp]>> = {
  'takes a wrong Accept': [{ ignores: 'accept-wrong' }, /opening\/client-accept-other$/],
  'takes an answer without Accept': [{ ignores: 'accept-missing' }, /opening\/client-accept-missing$/],
  'takes two Accepts': [{ ignores: 'accept-repeated' }, /opening\/client-accept-twice$/],
  'takes any Upgrade': [{ ignores: 'upgrade-wrong' }, /opening\/client-upgrade-missing$/],
  'takes any Connection': [{ ignores: 'connection-wrong' }, /opening\/client-connection-missing$/],
  'takes any status': [{ ignores: 'http-status' }, /opening\/client-status-200$/],
  'takes any subprotocol': [{ ignores: 'protocol-not-offered' }, /opening\/client-protocol-other$/],
  'takes any extension': [{ ignores: 'extension-not-offered' }, /opening\/client-extension-other$/],
  'knows no interim response': [{ refuses: (head) => head.includes(' 103 ') }, /opening\/client-interim-early-hints$/],
  'loses what came with the answer': [{ dropsBehind: true }, /opening\/client-frame-behind$/],
  'sends the same key always': [
    { writes: (head) => head.replace(/(Sec-WebSocket-Key: ).*\r/, '$1dGhlIHNhbXBsZSBub25jZQ==\r') },
    /opening\/client-/,
  ],
  'sends no version': [{ writes: (head) => head.replace('Sec-WebSocket-Version: 13\r\n', '') }, /opening\/client-/],
  'sends a short key': [
    { writes: (head) => head.replace(/(Sec-WebSocket-Key: ).*\r/, '$1c2hvcnQ=\r') },
    /opening\/client-/,
  ],
  'sends no Host': [{ writes: (head) => head.replace(/Host: .*\r\n/, '') }, /opening\/client-/],
};

for (const [name, [fault, pattern]] of Object.entries(ofServers)) {
  handshakes(
    `a server ${name}`,
    async () => {
      let found: string[];
      try {
        found = ids(await runServer({ handshake: fault }, { cases: selection('opening', [pattern]) }), 'failed');
      } catch (error) {
        // With some faults no ordinary connection can be had at all, and the run says so.
        assert.match((error as Error).message, /./);
        assert.is(pattern.source, /opening\/good$/.source, (error as Error).message);
        return;
      }
      assert.ok(
        found.some((id) => pattern.test(id)),
        `${name}: ${found.join(', ')}`,
      );
    },
    { deadline: 60_000 },
  );
}

for (const [name, [fault, pattern]] of Object.entries(ofClients)) {
  handshakes(
    `a client ${name}`,
    async () => {
      const found = ids(await runClient({ handshake: fault }, { cases: selection('opening', [pattern]) }), 'failed');
      assert.ok(
        found.some((id) => pattern.test(id)),
        `${name}: ${found.join(', ')}`,
      );
    },
    { deadline: 60_000 },
  );
}

sound.run();
frames.run();
handshakes.run();
