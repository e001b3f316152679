/** Frames that are made before the clock runs: a ring of them as a client sends them, and one as they must come back. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { encodeServerFrame, FrameEncoder } from '../frame/index.js';

export interface Frames {
  readonly sent: Buffer;
  readonly echoed: Buffer;
  /** Bytes of one frame of each. */
  readonly sentEach: number;
  readonly echoedEach: number;
}

/** A ring has so many bytes, or two frames. */
const ringBytes = 1024 * 1024;

/**
 * @param size payload bytes of each message, which are random; of text, letters
 * @param isRaw whether the server speaks no WebSocket, and sends the very same bytes back
 */
export function makeFrames(size: number, isText: boolean, isRaw: boolean): Frames {
  const encoder = new FrameEncoder('client');
  const sentEach = encoder.frameSize(size);
  const count = Math.max(2, Math.floor(ringBytes / sentEach));
  const sent = Buffer.alloc(count * sentEach);
  const echoed: Buffer[] = [];
  for (let frame = 0; frame < count; frame++) {
    const payload = randomBytes(size);
    if (isText) for (let i = 0; i < size; i++) payload[i] = 97 + (payload[i]! % 26);
    encoder.writeFrame(sent, frame * sentEach, isText ? 0x81 : 0x82, payload);
    echoed.push(encodeServerFrame(payload, isText, false));
  }
  const back = isRaw ? sent : Buffer.concat(echoed);
  return { sent, echoed: back, sentEach, echoedEach: back.length / count };
}
