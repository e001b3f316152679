/** The last words on a socket. */
import type { Duplex } from 'node:stream';

/**
 * Writes the last answer and closes (RFC 6455 §7.2.2). What the client still sends is dropped, so that it can read the
 * answer before it sees a reset; after `deadline` milliseconds it is cut.
 */
export function endWith(socket: Duplex, bytes: Buffer, deadline: number): void {
  const timer = setTimeout(() => socket.destroy(), deadline);
  socket.once('close', () => clearTimeout(timer));
  socket.on('data', ignore);
  socket.on('end', () => socket.destroy());
  socket.end(bytes);
  socket.resume();
}

function ignore(): void {}
