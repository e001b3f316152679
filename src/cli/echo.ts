/** What an echo does, at either end. */
import type { AnyPeer, Connection } from '../index.js';

/** Sends back what comes, as what it came, and reads no faster than it can be sent. */
export function echo(connection: Connection<AnyPeer>): void {
  connection.handleMessages((buffer, start, end, isText) => {
    const mayGoOn = connection.send(isText ? buffer.toString('utf8', start, end) : buffer.subarray(start, end));
    if (!mayGoOn) connection.pause();
  });
  connection.on('drain', () => connection.resume());
}
