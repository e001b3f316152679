/** The same sequences over mutual TLS on loopback: the verdict must be the same. */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Connection } from '../../src/endpoint/connection.js';
import { connect, createServer, type Server } from '../../src/index.js';
import type { VerifiedPeer } from '../../src/tls/index.js';
import {
  clientCredentials,
  type RawPeer,
  rawServer,
  rawWebSocketClient,
  serverCredentials,
  switching,
} from '../support/ends.js';
import { play, type Sequence, type Verdict } from './run.js';

// No deadline of a connection passes by itself while a sequence runs.
const timing = { pingInterval: 0, closeDeadline: 60_000, messageStallDeadline: 600_000 } as const;

/** Both ends are in this process: what was written is read a few turns later. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 24; turn++) await nextTurn();
}

export class RealLines {
  readonly #server: Server;
  readonly #port: number;
  readonly #raw: Awaited<ReturnType<typeof rawServer>>;
  private constructor(server: Server, port: number, raw: Awaited<ReturnType<typeof rawServer>>) {
    this.#server = server;
    this.#port = port;
    this.#raw = raw;
  }

  static async open(): Promise<RealLines> {
    const server = createServer({ ...serverCredentials(), ...timing });
    const { port } = await server.listen({ port: 0 });
    return new RealLines(server, port, await rawServer((accept) => switching(accept)));
  }

  async play(sequence: Sequence): Promise<Verdict> {
    const [connection, peer] = sequence.role === 'server' ? await this.#asServer() : await this.#asClient();
    const { socket } = peer;
    socket.removeAllListeners('data');
    // What is short is to leave at once, whatever has not been acknowledged yet.
    socket.setNoDelay(true);
    // The stream under a connection is its own; what breaks it here is a reset by the peer.
    const broken = { destroy: () => connection.terminate() };
    return play(sequence, {
      ...{ connection, peer: socket, settle },
      socket: broken as never,
      deadline: () => Promise.reject(new Error('no deadline passes here')),
    });
  }

  async #asServer(): Promise<[Connection<VerifiedPeer | undefined>, RawPeer]> {
    const opening = rawWebSocketClient(this.#port);
    const [accepted] = (await once(this.#server, 'connection')) as [Connection];
    return [accepted, await opening];
  }

  async #asClient(): Promise<[Connection<VerifiedPeer | undefined>, RawPeer]> {
    const connection = await connect(this.#raw.url, { ...clientCredentials(), ...timing });
    const peer = this.#raw.peers.pop()!;
    return [connection, peer];
  }

  async close(): Promise<void> {
    await this.#raw.close();
    await this.#server.close({ deadline: 0 });
  }
}
