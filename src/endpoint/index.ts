/** Where the pure core meets sockets: connections, and the ends that make them. */
export type {
  AcceptorOptions,
  AnyPeer,
  Authorize,
  PlainRequest,
  PlainResponse,
  UpgradeRequest,
} from './acceptor.js';
export { AttachedServer, type AttachOptions, attach } from './attach.js';
export type { AuthorizationVerdict } from './authorize.js';
export { broadcast } from './broadcast.js';
export { type AuthorizeServer, type ConnectOptions, connect } from './client.js';
export {
  type CloseEvent,
  Connection,
  type ConnectionEvents,
  type MessageHandler,
  type ReadyState,
  type Traffic,
} from './connection.js';
export type { IncomingMessage } from './incoming.js';
export { type Observations, type ObservedRole, observe, type ServerStatistics } from './observer.js';
export {
  type ConnectionOptions,
  connectionDefaults,
  defaultHandshakeTimeout,
  type PerMessageDeflateOptions,
  type Trace,
} from './options.js';
export type { MessageSource } from './send-stream.js';
export {
  createServer,
  type ListenOptions,
  type PeerOf,
  Server,
  type ServerEvents,
  type ServerOptions,
  type ServerUpdate,
  type SessionResumptionOptions,
} from './server.js';
export type { HostOptions, TrustOptions } from './trust.js';
