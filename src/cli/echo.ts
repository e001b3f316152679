/** What an echo does, at either end. */
import type { AnyPeer, Connection } from '../index.js';

/** Sends back what comes, as what it came, and reads no faster than it can be sent. */
export function echo(connection: Connection<AnyPeer>): void {
  connection.handleMessages((buffer, start, end, isText) => {
    if (!connection.sendRange(buffer, start, end, isText)) connection.pause();
  });
  connection.on('drain', () => connection.resume());
}
