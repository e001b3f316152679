/** What can go wrong with frames: one table of the rules that a peer can break, one list of a caller's mistakes. */
import { LimitExceededError, PeerProtocolError, UsageError } from '../errors.js';
import { closeCodes } from './close-code.js';
import type { FrameLimits } from './limits.js';

/** The faults of a peer that breaks RFC 6455 or RFC 7692. */
export type ProtocolFaultCode =
  | 'reserved-bits-set'
  | 'reserved-opcode'
  | 'control-frame-fragmented'
  | 'control-frame-too-long'
  | 'continuation-unexpected'
  | 'continuation-expected'
  | 'frame-not-masked'
  | 'frame-masked'
  | 'length-not-minimal'
  | 'length-too-large'
  | 'close-payload-too-short'
  | 'close-code-invalid'
  | 'close-reason-not-utf8'
  | 'text-not-utf8'
  | 'compressed-data-invalid';

/** The lawful things that are over a limit of ours. */
export type LimitFaultCode = 'message-too-long' | 'too-many-empty-fragments' | 'too-many-final-blocks';

/** The mistakes of a caller. */
export type FrameUsageCode =
  | 'limit-invalid'
  | 'close-code-not-sendable'
  | 'close-reason-too-long'
  | 'close-reason-without-code'
  | 'close-already-sent'
  | 'control-payload-too-long'
  | 'fragment-out-of-order'
  | 'byte-length-wrong'
  | 'target-too-small'
  | 'no-message-to-take'
  | 'deflate-option-invalid'
  | 'compression-not-agreed'
  | 'compression-under-way';

const { protocolError, invalidPayload, policyViolation, messageTooBig } = closeCodes;

/** The rule behind each fault and the close code it is answered with (RFC 6455 §7.4.1). */
export const protocolFaults: Readonly<
  Record<ProtocolFaultCode, { readonly section: string; readonly closeCode: number }>
> = {
  'reserved-bits-set': { section: 'RFC 6455 §5.2', closeCode: protocolError },
  'reserved-opcode': { section: 'RFC 6455 §5.2', closeCode: protocolError },
  'control-frame-fragmented': { section: 'RFC 6455 §5.5', closeCode: protocolError },
  'control-frame-too-long': { section: 'RFC 6455 §5.5', closeCode: protocolError },
  'continuation-unexpected': { section: 'RFC 6455 §5.4', closeCode: protocolError },
  'continuation-expected': { section: 'RFC 6455 §5.4', closeCode: protocolError },
  'frame-not-masked': { section: 'RFC 6455 §5.1', closeCode: protocolError },
  'frame-masked': { section: 'RFC 6455 §5.1', closeCode: protocolError },
  'length-not-minimal': { section: 'RFC 6455 §5.2', closeCode: protocolError },
  'length-too-large': { section: 'RFC 6455 §5.2', closeCode: protocolError },
  'close-payload-too-short': { section: 'RFC 6455 §5.5.1', closeCode: protocolError },
  'close-code-invalid': { section: 'RFC 6455 §7.4', closeCode: protocolError },
  'close-reason-not-utf8': { section: 'RFC 6455 §5.5.1', closeCode: invalidPayload },
  'text-not-utf8': { section: 'RFC 6455 §8.1', closeCode: invalidPayload },
  // The frames are right and their content is not; RFC 7692 names no code, and others answer with this one, too.
  'compressed-data-invalid': { section: 'RFC 7692 §7.2.2', closeCode: invalidPayload },
};

/** The limit behind each refusal, its unit, and the close code it is answered with. */
export const limitFaults: Readonly<
  Record<
    LimitFaultCode,
    {
      readonly limit: keyof FrameLimits | 'maxFinalBlocks';
      readonly unit: string;
      readonly section: string;
      readonly closeCode: number;
    }
  >
> = {
  'message-too-long': {
    limit: 'maxMessageBytes',
    unit: 'bytes',
    section: 'RFC 6455 §10.4',
    closeCode: messageTooBig,
  },
  'too-many-empty-fragments': {
    limit: 'maxEmptyFragments',
    unit: 'fragments',
    section: 'RFC 6455 §10.4',
    closeCode: policyViolation,
  },
  'too-many-final-blocks': {
    limit: 'maxFinalBlocks',
    unit: 'blocks',
    section: 'RFC 6455 §10.4',
    closeCode: policyViolation,
  },
};

/** What a header shows to be wrong, before it is known where in the stream. */
export type HeaderFault =
  | { readonly kind: 'protocol'; readonly code: ProtocolFaultCode; readonly text: string }
  | {
      readonly kind: 'limit';
      readonly code: LimitFaultCode;
      readonly text: string;
      readonly maximum: number;
      readonly actual: number;
    };

/** Returns the error for a broken rule; `offset` as in `PeerProtocolError`. */
export function protocolFault(code: ProtocolFaultCode, text: string, offset: number): PeerProtocolError {
  const { section, closeCode } = protocolFaults[code];
  return new PeerProtocolError(code, `${text} (${section})`, { section, closeCode, offset });
}

/** Returns the error for an exceeded limit. */
export function limitFault(code: LimitFaultCode, text: string, maximum: number, actual: number): LimitExceededError {
  const { limit, unit, section, closeCode } = limitFaults[code];
  return new LimitExceededError(code, `${text} (${section})`, { limit, maximum, actual, unit, closeCode });
}

/** Returns the error for a caller's mistake. */
export function usageError(code: FrameUsageCode, text: string, option?: string): UsageError {
  return new UsageError(code, text, option === undefined ? {} : { option });
}
