/** WebSocket (RFC 6455) over mutual TLS, for both ends. */
export type {
  AcceptorOptions,
  AttachOptions,
  AuthorizationVerdict,
  Authorize,
  CloseEvent,
  ConnectionEvents,
  ConnectionOptions,
  ConnectOptions,
  IncomingMessage,
  ListenOptions,
  MessageHandler,
  MessageSource,
  PerMessageDeflateOptions,
  PlainRequest,
  PlainResponse,
  ReadyState,
  ServerEvents,
  ServerOptions,
  Trace,
  UpgradeRequest,
} from './endpoint/index.js';
export { AttachedServer, attach, Connection, connect, createServer, Server } from './endpoint/index.js';
export {
  type CloseFrame,
  ConnectionClosedError,
  HandshakeError,
  LimitExceededError,
  MtlsWsError,
  PeerIdentityError,
  PeerProtocolError,
  UsageError,
} from './errors.js';
export type { DeflatePolicy, Fields, HeaderInput } from './handshake/index.js';
export type {
  CertificateSummary,
  CredentialInput,
  CrlInput,
  DistinguishedName,
  PeerIdentity,
  PemInput,
  Refusal,
  SpiffeId,
  SubjectAltNames,
  TlsParameters,
  TlsVersion,
  VerifiedPeer,
} from './tls/index.js';
