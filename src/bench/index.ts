/** A short benchmark of any echo server: no peers, no add-on, a load in JavaScript. */
export { EchoError, type EchoFigures, type HandshakeFigures, measureEcho, measureHandshakes } from './load.js';
export type { Target } from './open.js';
export { startRawServer } from './raw-server.js';
