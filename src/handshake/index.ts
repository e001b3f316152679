/** RFC 6455 §4 without input or output, and the part of RFC 9112 it needs. */
export {
  createRequest,
  examineResponse,
  type RequestOptions,
  type ResponseVerdict,
  responseBodyLength,
  type SentRequest,
} from './client.js';
export {
  type HandshakeFault,
  type HandshakeFaultCode,
  handshakeFaults,
  requestFault,
  responseFault,
} from './errors.js';
export { type ExtensionOffer, parseExtensions } from './extension.js';
export { Fields } from './fields.js';
export {
  defaultHeadLimits,
  type HeadLimits,
  HeadParser,
  type Heads,
  type RequestHead,
  type ResponseHead,
} from './http-head.js';
export { acceptFor, createKey, isKey } from './key.js';
export { type Authority, checkOrigins, parseAuthority } from './origin.js';
export {
  checkDeflatePolicy,
  type DeflateParameters,
  type DeflatePolicy,
  negotiateDeflate,
  offerDeflate,
} from './permessage-deflate.js';
export { acceptResponse, type HeaderInput, plainResponse, refusalResponse } from './response.js';
export { examineRequest, type RequestVerdict, type ServerPolicy } from './server.js';
export { checkProtocols, negotiateProtocol } from './subprotocol.js';
