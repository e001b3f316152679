/** RFC 6455 §5–§8 without input or output: bytes ⇄ frames ⇄ messages. */
export { type AnyFrame, encodeAnyFrame } from './any-frame.js';
export {
  closeCodeName,
  closeCodes,
  describeCloseCode,
  isReceivableCloseCode,
  isSendableCloseCode,
} from './close-code.js';
export { encodeClosePayload, maxCloseReasonBytes, parseClosePayload } from './close-payload.js';
export { copyBytes } from './copy.js';
export { type DataFrame, FrameDecoder, type FrameSink } from './decoder.js';
export { encodeServerFrame, FrameEncoder } from './encoder.js';
export {
  type FrameUsageCode,
  type HeaderFault,
  type LimitFaultCode,
  limitFaults,
  type ProtocolFaultCode,
  protocolFaults,
} from './errors.js';
export { type FrameHeader, parseFrameHeader } from './header.js';
export { defaultFrameLimits, type FrameLimits } from './limits.js';
export { mask, readMaskingKey, writeMaskingKey } from './masking.js';
export { nextMaskingKey } from './masking-key.js';
export { isControlOpcode, opcodeName, opcodes } from './opcode.js';
export { compressAlone, type DeflateOptions, defaultDeflateLevel, longestAtOnce } from './permessage-deflate.js';
export { Protocol, type ProtocolOptions } from './protocol.js';
export type { ProtocolHandler } from './receiver.js';
export type { Role } from './role.js';
export { Areas, giveSpare, sharedMemory, takeSpare } from './shared-memory.js';
export { type ClosingEvent, type ClosingState, closingTransitions } from './state.js';
export { Utf8Validator } from './utf8.js';
