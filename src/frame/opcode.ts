/** What a frame is for: the low four bits of its first byte (RFC 6455 §5.2, §11.8). */

/** The opcodes that RFC 6455 defines. */
export const opcodes = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** Whether `opcode` is in the range of control frames, defined or not (RFC 6455 §5.5). */
export function isControlOpcode(opcode: number): boolean {
  return opcode >= 0x8;
}

const names: ReadonlyMap<number, string> = new Map(Object.entries(opcodes).map(([name, opcode]) => [opcode, name]));

/** Returns the name of an opcode, `reserved (0x3)` for one that RFC 6455 leaves to later. */
export function opcodeName(opcode: number): string {
  return names.get(opcode) ?? `reserved (0x${opcode.toString(16)})`;
}
