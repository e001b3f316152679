/** A TCP proxy on loopback that does to a connection what networks do: cuts, stalls, splits, delays. It changes no byte. */
import { once } from 'node:events';
import * as net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Fault {
  /** Whose bytes are counted. */
  readonly from: 'client' | 'server';
  /** So many of them still pass. */
  readonly offset: number;
  /**
   * What happens then: `fin` ends both connections in order, `half` only the way on which the bytes came, `reset` both by
   * RST, `silence` forwards nothing any more, either way.
   */
  readonly how: 'fin' | 'half' | 'reset' | 'silence';
}

export interface Line {
  readonly fault?: Fault | undefined;
  /** Bytes that are forwarded at once; default: what comes. */
  readonly piece?: number | undefined;
  /** Milliseconds before each piece; default 0. */
  readonly delay?: number | undefined;
}

export interface Proxy {
  readonly port: number;
  /** Bytes of the client and of the server that have passed on the last connection. */
  readonly passed: { client: number; server: number };
  close(): Promise<void>;
}

/** @param lineOf what the next connection is like. */
export async function startProxy(target: number, lineOf: () => Line): Promise<Proxy> {
  const sockets = new Set<net.Socket>();
  const passed = { client: 0, server: 0 };
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const line = lineOf();
    const ends = { client: near, server: far };
    const counts = { client: 0, server: 0 };
    let isBroken = false;
    const stopAll = (how: Fault['how']): void => {
      isBroken = how !== 'half';
      for (const socket of [near, far]) {
        if (how === 'reset') socket.resetAndDestroy();
        else if (how === 'fin') socket.end(() => socket.destroy());
        else if (how === 'silence') socket.pause();
      }
    };
    const forward = (from: 'client' | 'server'): void => {
      const source = ends[from];
      const sink = ends[from === 'client' ? 'server' : 'client'];
      sockets.add(source);
      source.on('error', () => {});
      source.on('close', () => {
        sockets.delete(source);
        if (!isBroken) sink.destroy();
      });
      void (async () => {
        const { fault, piece = Number.POSITIVE_INFINITY, delay: wait = 0 } = line;
        const limit = fault?.from === from ? fault.offset : Number.POSITIVE_INFINITY;
        if (limit === 0) return cut();
        // The way back is the same socket: it must not be destroyed when this loop is left.
        for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
          for (let at = 0; at < chunk.length && !isBroken; ) {
            const end = Math.min(chunk.length, at + Math.min(piece, limit - counts[from]));
            if (wait > 0) await delay(wait);
            if (isBroken || sink.destroyed) return;
            if (!sink.write(chunk.subarray(at, end))) await Promise.race([once(sink, 'drain'), once(sink, 'close')]);
            counts[from] += end - at;
            passed[from] = counts[from];
            at = end;
            if (counts[from] >= limit) return cut();
          }
        }
        if (!isBroken) sink.end();

        function cut(): void {
          if (isBroken) return;
          stopAll(fault!.how);
          if (fault!.how !== 'half') return;
          sink.end();
          source.resume();
        }
      })().catch(() => {});
    };
    forward('client');
    forward('server');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    passed,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
