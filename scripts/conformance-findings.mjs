// What the failures of other implementations in the conformance cases come from, as far as they were looked at and held
// against the text of the RFCs. `scripts/conformance-peers.mjs` lays them out; a failure that fits none of these is told as
// one that nobody has looked at.

const http10 =
  'Takes a request of HTTP/1.0, of HTTP/0.9 or without a version: RFC 6455 §4.2.1 demands HTTP/1.1 or higher.';
const hosts =
  'Takes a request without Host, with two, or with one that is no host: RFC 9112 §3.2 demands 400, and RFC 6455 §4.2.1 a Host field.';
const star =
  'Takes the request target `*`, which is for OPTIONS alone (RFC 9112 §3.2.4) and names no resource (RFC 6455 §4.2.1).';
const lengths =
  'Takes a request whose Content-Length is no number, or comes twice and differs: RFC 9112 §6.3 demands 400. A GET has no body here, so nothing is read wrongly unless a proxy stands before it.';
const keys =
  'Takes a Sec-WebSocket-Key that is not 16 bytes in base64. RFC 6455 §4.2.1 asks for one, and §4.2.2 says that a server need not decode it: counted as SHOULD.';
const keyTwice = 'Takes two fields Sec-WebSocket-Key: RFC 6455 §11.3.1 allows one.';
const interim =
  'Takes an interim response (100, 103) for the final one and gives up: RFC 9110 §15.2 demands that a client can parse them. WebSocket servers hardly ever send one.';
const afterFinal =
  'Drops what follows a DEFLATE block marked as final in a message: RFC 7692 §7.2.1 lets another block follow it. zlib stops at such a block, and its caller has to begin anew. No sender in common use writes such messages.';
const leadingZero =
  'Takes `server_max_window_bits=08` and `client_max_window_bits=08`: RFC 7692 §7.1.2 allows no leading zero.';
const versionNumbers =
  'Reads Sec-WebSocket-Version as a number, so that `+13`, `13.0` and `013` are 13: the grammar of RFC 6455 §4.3 has digits without a leading zero.';

const ofWs = [
  {
    cases: ['opening/http-1-0', 'opening/http-0-9', 'opening/no-version'],
    text: `${http10} It is left to the HTTP server of Node.js, which passes them on.`,
  },
  { cases: ['opening/version-*'], text: versionNumbers },
  {
    cases: ['opening/host-*'],
    text: `${hosts} The HTTP server of Node.js checks that of plain requests, but not of upgrades.`,
  },
  { cases: ['opening/target-star'], text: star },
  { cases: ['deflate/*-invalid-*-08'], text: leadingZero },
  {
    cases: ['deflate/answer-twice'],
    role: 'client',
    text: 'Takes a response that accepts permessage-deflate twice: RFC 7692 §5 forbids two extensions that both use RSV1, and tells the client to fail.',
  },
  { cases: ['deflate/final-then-more'], text: afterFinal },
];

/**
 * By peer. `cases`: patterns of ids, `*` stands for anything. `role`: of the peer; both when it is left out. `text`: the
 * cause in plain words, with the clause.
 *
 * @type {Readonly<Record<string, ReadonlyArray<{ cases: readonly string[], role?: string, text: string }>>>}
 */
export const findings = {
  ws: ofWs,
  nginx: [
    {
      cases: ['opening/connection-*'],
      text: 'Opens the connection for a request whose Connection has no `Upgrade` (RFC 6455 §4.2.1). It is the configuration that everybody uses: it writes the Connection of the request to the server by itself, as soon as there is an Upgrade.',
    },
    {
      cases: ['opening/no-colon'],
      text: 'Leaves out a line without a colon and goes on (`ignore_invalid_headers`, on by default): RFC 9112 §5 has no such line. Deliberate.',
    },
    ...ofWs,
  ],
  HAProxy: ofWs,
  websockets: [
    {
      cases: ['opening/version-told-*'],
      role: 'server',
      text: 'Refuses another version as it has to, but does not say in the answer that it speaks 13: RFC 6455 §4.2.2 and §4.4 demand Sec-WebSocket-Version there.',
    },
    { cases: ['opening/host-*'], role: 'server', text: hosts },
    {
      cases: ['opening/target-*'],
      role: 'server',
      text: 'Takes a request target with a control character, and the target `*` (RFC 9112 §3.2, §3.2.4).',
    },
    { cases: ['opening/length-*'], role: 'server', text: lengths },
    {
      cases: ['deflate/offer-*bits-8', 'deflate/offer-fallback'],
      role: 'server',
      text: 'Answers 500 to an offer with `server_max_window_bits=8`, which it accepts and zlib then cannot make: RFC 7692 §7 says to decline an offer that is not supported, or to take the next one.',
    },
    { cases: ['opening/client-interim-*'], role: 'client', text: interim },
    { cases: ['deflate/final-then-more'], text: afterFinal },
    {
      cases: ['deflate/message-after-final'],
      text: 'After a message that ends with a block marked as final (RFC 7692 §7.2.3.4), every later message of the connection comes out empty, without an error.',
    },
  ],
  gorilla: [
    {
      cases: ['opening/connection-list-empty'],
      role: 'server',
      text: 'Refuses empty elements in Connection: RFC 9110 §5.6.1 demands that they be passed over. No client sends them.',
    },
    {
      cases: ['opening/http-1-0'],
      role: 'server',
      text: 'Takes a request of HTTP/1.0: RFC 6455 §4.2.1 demands HTTP/1.1 or higher.',
    },
    {
      cases: ['opening/version-*'],
      role: 'server',
      text: 'Looks for 13 in a list: RFC 6455 §4.3 has a single number there, and §11.3.5 a single field.',
    },
    { cases: ['opening/key-two-fields'], role: 'server', text: keyTwice },
    { cases: ['opening/key-*'], role: 'server', text: keys },
    {
      cases: ['opening/host-*'],
      role: 'server',
      text: 'Takes a Host whose port is no number (RFC 9112 §3.2). The HTTP server of Go checks its characters only.',
    },
    {
      cases: ['opening/empty-name'],
      role: 'server',
      text: 'Passes over a field without a name, which RFC 9112 §5 does not have. The HTTP server of Go.',
    },
    {
      cases: ['closing/body-1'],
      text: 'Takes a close frame with a body of 1 byte for one without a code. RFC 6455 §5.5.1 forbids it to the sender, and does not say what a receiver does: counted as SHOULD.',
    },
    {
      cases: ['deflate/offer-invalid-*'],
      role: 'server',
      text: 'Accepts permessage-deflate without a look at the parameters of the offer: RFC 7692 §7 demands that one with unknown, repeated or invalid parameters be declined. The documentation calls its compression experimental and limited.',
    },
    {
      cases: ['deflate/offer-*'],
      role: 'server',
      text: 'Accepts an offer with `server_max_window_bits` and does not keep to it, or for 15 does not say so: RFC 7692 §7.1.2.1 has the server answer with the same bits or fewer, or decline. A client with a small window cannot read what it sends.',
    },
    {
      cases: ['deflate/rsv1-*'],
      text: 'Takes RSV1 on continuation and control frames where permessage-deflate was agreed: RFC 7692 §6.1 demands that the connection be failed.',
    },
    { cases: ['deflate/final-then-more'], text: afterFinal },
    { cases: ['opening/client-interim-*'], role: 'client', text: interim },
    {
      cases: ['opening/client-accept-twice'],
      role: 'client',
      text: 'Takes two fields Sec-WebSocket-Accept, the first of them right: RFC 6455 §11.3.3 allows one.',
    },
    {
      cases: ['opening/client-protocol-*'],
      role: 'client',
      text: 'Takes a subprotocol that it did not offer: RFC 6455 §4.1 demands that the connection be failed. It is left to the application, which can ask for `Subprotocol()`.',
    },
    {
      cases: ['opening/client-extension-*'],
      role: 'client',
      text: 'Passes over an extension that it did not offer: RFC 6455 §4.1 demands that the connection be failed.',
    },
  ],
  'websocket-driver': [
    { cases: ['opening/http-1-0', 'opening/http-0-9'], role: 'server', text: http10 },
    {
      cases: ['opening/version-*'],
      role: 'server',
      text: 'Does not look at Sec-WebSocket-Version: whatever is there is taken for 13, and where there is none, for the draft of 2010, which it speaks too. RFC 6455 §4.2.2 demands that other versions be refused.',
    },
    { cases: ['opening/key-two-fields'], role: 'server', text: keyTwice },
    {
      cases: ['opening/key-empty'],
      role: 'server',
      text: 'Takes an empty Sec-WebSocket-Key: the grammar of RFC 6455 §4.3 has none.',
    },
    { cases: ['opening/key-*'], role: 'server', text: keys },
    { cases: ['opening/host-*'], role: 'server', text: hosts },
    { cases: ['opening/target-star'], role: 'server', text: star },
    { cases: ['opening/length-*'], role: 'server', text: lengths },
    {
      cases: ['opening/connection-list-spaced', 'opening/obs-text'],
      role: 'server',
      text: 'Refuses a tab within a field (RFC 9110 §5.6.3 has it as white space) and bytes above 0x7F (§5.5): its field values are printable ASCII alone.',
    },
    {
      cases: ['masking/*'],
      role: 'client',
      text: 'Takes masked frames from a server: RFC 6455 §5.1 demands that a client closes the connection.',
    },
  ],
};
