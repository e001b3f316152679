/** Mutual TLS: credentials, the two ends of a connection, and who is at the other one. The only room that knows `node:tls`. */
export {
  allOf,
  anyOf,
  anyVerifiedPeer,
  dnsSan,
  emailSan,
  fingerprint,
  insecureSubjectCommonName,
  issuer,
  noCertificate,
  publicKeyPin,
  spiffeId,
  spiffeTrustDomain,
  uriSan,
} from './authorizer.js';
export { type Certificate, parseCertificate } from './certificate.js';
export {
  CredentialFiles,
  type CredentialFilesEvents,
  type CredentialFilesOptions,
  type ReloadOutcome,
  watchCredentials,
} from './credential-files.js';
export { credentialWarnings } from './credential-warnings.js';
export {
  type CredentialInput,
  type Credentials,
  type CrlInput,
  credentialFaults,
  credentialInputNames,
  loadCredentials,
  type PemInput,
} from './credentials.js';
export {
  CrlFault,
  type CrlFaultCode,
  crlFaults,
  parseCrl,
  type RevocationEntry,
  type RevocationList,
  type RevokedSerials,
  verifyCrl,
} from './crl.js';
export type { TlsVersion } from './defaults.js';
export { type DialOptions, dial } from './dial.js';
export type { DistinguishedName, NameAttribute } from './distinguished-name.js';
export { type Alert, type IdentityCode, identityFaults } from './errors.js';
export { type FileFaultCode, fileFaults } from './file-snapshot.js';
export { type CertificateSummary, describeIdentity, identityFromChain, type PeerIdentity } from './identity.js';
export {
  type AcceptedPeer,
  type HostCredentials,
  Listener,
  type ListenerOptions,
  type Refusal,
  type SecuredSocket,
} from './listener.js';
export { byPath } from './path-rule.js';
export { PemFault, type PemFaultCode, pemFaults } from './pem.js';
export { type ProbeOptions, type ProbeResult, probe } from './probe.js';
export { explainAlert, explainRefusal, explainSilence, type TransportCode } from './refusal.js';
export { Revocation, type RevocationFault, type RevocationOptions } from './revocation.js';
export type { RevocationReason } from './revocation-reason.js';
export type { Rule, RuleSubject, RuleVerdict } from './rule.js';
export { parseRule, rulesFrom } from './rule-text.js';
export type { SubjectAltNames } from './san.js';
export { matchServerName, type ServerNameMatch } from './server-name.js';
export { leastTicketSecretBytes, TicketKeys } from './session-tickets.js';
export { parseSpiffeId, type SpiffeId } from './spiffe-id.js';
export { addressKey } from './unauthenticated.js';
export { readsWritesAtOnce, receiveInto } from './undocumented.js';
export { type GatePolicy, identityError, type TlsParameters, VerifiedPeer, verifyPeer } from './verified-peer.js';
