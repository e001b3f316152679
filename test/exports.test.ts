import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from './support/suite.js';

/** What each door of the package gives at run time. Whoever adds or removes a name changes the promise to users, here. */
const doors: Readonly<Record<string, readonly string[]>> = {
  '.': [
    'AttachedServer',
    'Connection',
    'ConnectionClosedError',
    'HandshakeError',
    'LimitExceededError',
    'MtlsWsError',
    'PeerIdentityError',
    'PeerProtocolError',
    'Server',
    'UsageError',
    'attach',
    'connect',
    'createServer',
  ],
  './frame': [
    'FrameDecoder',
    'FrameEncoder',
    'Protocol',
    'Utf8Validator',
    'closeCodeName',
    'closeCodes',
    'closingTransitions',
    'defaultDeflateLevel',
    'defaultFrameLimits',
    'describeCloseCode',
    'encodeAnyFrame',
    'encodeClosePayload',
    'isControlOpcode',
    'isReceivableCloseCode',
    'isSendableCloseCode',
    'limitFaults',
    'longestAtOnce',
    'mask',
    'maxCloseReasonBytes',
    'nextMaskingKey',
    'opcodeName',
    'opcodes',
    'parseClosePayload',
    'parseFrameHeader',
    'protocolFaults',
    'readMaskingKey',
    'writeMaskingKey',
  ],
  './handshake': [
    'Fields',
    'HeadParser',
    'acceptFor',
    'acceptResponse',
    'checkDeflatePolicy',
    'checkOrigins',
    'checkProtocols',
    'createKey',
    'createRequest',
    'defaultHeadLimits',
    'examineRequest',
    'examineResponse',
    'handshakeFaults',
    'isKey',
    'negotiateDeflate',
    'negotiateProtocol',
    'offerDeflate',
    'parseAuthority',
    'parseExtensions',
    'plainResponse',
    'refusalResponse',
    'requestFault',
    'responseBodyLength',
    'responseFault',
  ],
  './tls': [
    'CrlFault',
    'Listener',
    'PemFault',
    'Revocation',
    'VerifiedPeer',
    'credentialFaults',
    'credentialInputNames',
    'crlFaults',
    'describeIdentity',
    'dial',
    'explainAlert',
    'explainSilence',
    'identityFaults',
    'identityFromChain',
    'loadCredentials',
    'matchServerName',
    'parseCertificate',
    'parseCrl',
    'parseSpiffeId',
    'pemFaults',
    'probe',
    'verifyCrl',
    'verifyPeer',
  ],
  './pki': ['createAuthority', 'createDevelopmentPki', 'loadAuthority', 'loadRevocationList'],
  './conformance': [
    'NotTestableError',
    'allCases',
    'chunkingName',
    'groups',
    'renderHtml',
    'renderJson',
    'renderJunit',
    'summarize',
    'testClients',
    'testServer',
    'verdicts',
  ],
};

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const exported = suite('the public face');

exported('has the doors that the package names, and each has its types', () => {
  assert.equal(Object.keys(manifest.exports), Object.keys(doors));
  for (const { types, default: code } of Object.values<{ types: string; default: string }>(manifest.exports)) {
    assert.is(types, code.replace(/\.js$/, '.d.ts'));
    readFileSync(new URL(`../../${types}`, import.meta.url));
  }
});

for (const [door, names] of Object.entries(doors)) {
  exported(`gives ${names.length} names at ${door}`, async () => {
    // Through the package's own name, as its users do.
    const module = await import(`mtls-ws${door.slice(1)}`);
    assert.equal(Object.keys(module).sort(), names);
  });
}

exported.run();
