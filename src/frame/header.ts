/** The layout of a frame header (RFC 6455 §5.2), and a reader that describes one without judging it. */

/** FIN: the first bit of the first byte. */
export const finBit = 0x80;
/** RSV1, RSV2 and RSV3: the next three bits of the first byte. */
export const reservedBits = 0x70;
/** RSV1: marks the first frame of a compressed message (RFC 7692 §6). */
export const rsv1Bit = 0x40;
/** The opcode: the last four bits of the first byte. */
export const opcodeBits = 0x0f;
/** MASK: the first bit of the second byte. */
export const maskBit = 0x80;
/** The length, or which longer form follows: the last seven bits of the second byte. */
export const lengthBits = 0x7f;
/** The largest length that the seven bits hold themselves; also the largest payload of a control frame. */
export const maxShortLength = 125;
/** The value of the seven bits that announces a 16-bit length. */
export const length16 = 126;
/** The value of the seven bits that announces a 64-bit length. */
export const length64 = 127;
/** The bytes of a header with a length of seven bits and a masking key. */
export const shortMaskedHeader = 6;
/** The largest length that 16 bits hold. */
export const maxLength16 = 0xffff;

/** A frame header as it stands, lawful or not. */
export interface FrameHeader {
  readonly fin: boolean;
  /** RSV1, RSV2 and RSV3 as a number: 4, 2 and 1. */
  readonly rsv: number;
  readonly opcode: number;
  readonly masked: boolean;
  /** The announced payload bytes; a bigint when a number cannot hold them exactly. */
  readonly length: number | bigint;
  /** How many bits the length is written in. */
  readonly lengthForm: 7 | 16 | 64;
  /** Bytes from the start of the frame to its payload. */
  readonly headerSize: number;
  /** Where the masking key is, as an index of the given bytes; `undefined` when the frame is not masked. */
  readonly maskingKeyOffset: number | undefined;
}

/**
 * Describes the frame header at `offset` without judging it. Returns `undefined` when it goes on after `end`.
 *
 * @param end exclusive; default the end of `bytes`.
 */
export function parseFrameHeader(
  bytes: Uint8Array,
  offset: number = 0,
  end: number = bytes.length,
): FrameHeader | undefined {
  if (end - offset < 2) return undefined;
  const first = bytes[offset]!;
  const second = bytes[offset + 1]!;
  const masked = (second & maskBit) !== 0;
  const short = second & lengthBits;
  const lengthForm = short === length64 ? 64 : short === length16 ? 16 : 7;
  const keyStart = offset + 2 + (lengthForm === 7 ? 0 : lengthForm / 8);
  const headerSize = keyStart - offset + (masked ? 4 : 0);
  if (end - offset < headerSize) return undefined;
  return {
    fin: (first & finBit) !== 0,
    rsv: (first & reservedBits) >> 4,
    opcode: first & opcodeBits,
    masked,
    length: lengthForm === 7 ? short : extendedLength(bytes, offset + 2, keyStart),
    lengthForm,
    headerSize,
    maskingKeyOffset: masked ? keyStart : undefined,
  };
}

function extendedLength(bytes: Uint8Array, start: number, end: number): number | bigint {
  let length = 0n;
  for (let i = start; i < end; i++) length = (length << 8n) | BigInt(bytes[i]!);
  return length <= Number.MAX_SAFE_INTEGER ? Number(length) : length;
}
