/** Masking keys, fresh for each frame and unpredictable (RFC 6455 §5.3). The only file of this room with randomness. */
import { randomFillSync } from 'node:crypto';

/** 2,048 keys at a time: one call of the generator costs hundreds of times what one key costs. */
const pool = new Int32Array(2048);
let next = pool.length;

/** Returns a masking key as a 32-bit number; no key is handed out twice. */
export function nextMaskingKey(): number {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  return pool[next++]!;
}
