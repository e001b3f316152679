// One attacker: `attack.mjs KIND PORT CA CERT KEY`. Goes on until it is killed; a line of JSON each second says how much it did.
import { readFileSync } from 'node:fs';
import * as net from 'node:net';
import { setPriority } from 'node:os';
import * as tls from 'node:tls';
import { deflateRawSync } from 'node:zlib';

const [kind, port, ...files] = process.argv.slice(2);
const [ca, cert, key] = files.map((file) => readFileSync(file));
// The honest clients are on the same core, and are to be measured, not starved.
setPriority(19);

let done = 0;
setInterval(() => {
  console.log(JSON.stringify({ done }));
  done = 0;
}, 1000);

const address = { host: '127.0.0.1', port: Number(port) };
const credentials = { ca, cert, key, servername: 'localhost', ALPNProtocols: ['http/1.1'] };
const request = [
  'GET / HTTP/1.1',
  `Host: localhost:${port}`,
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Extensions: permessage-deflate',
  '',
  '',
].join('\r\n');

/** Keeps `count` connections going: each is opened again when it is over. */
function keep(count, open) {
  const again = () => {
    const socket = open();
    socket.on('error', () => {});
    socket.on('close', () => setTimeout(again, 5));
  };
  for (let index = 0; index < count; index++) setTimeout(again, index);
}

function tcp() {
  const socket = net.connect(address);
  socket.on('connect', () => done++);
  socket.resume();
  return socket;
}

/** A connection whose opening handshake is done. */
function upgraded(use) {
  const socket = tls.connect({ ...address, ...credentials });
  socket.once('secureConnect', () => socket.write(request));
  socket.once('data', () => use(socket));
  return socket;
}

function masked(first, payload) {
  const length = payload.length;
  const header =
    length < 126
      ? Buffer.of(first, 0x80 | length, 0, 0, 0, 0)
      : length < 65_536
        ? Buffer.from([first, 0xfe, length >> 8, length & 255, 0, 0, 0, 0])
        : Buffer.from([first, 0xff, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (length >> bits) & 255), 0, 0, 0, 0]);
  return Buffer.concat([header, payload]);
}

/** Writes a block as fast as it is taken. @param each what one block counts for */
function flood(socket, block, each) {
  const more = () => {
    done += each;
    if (socket.write(block)) setImmediate(more);
    else socket.once('drain', more);
  };
  more();
}

const times = (count, bytes) => Buffer.concat(new Array(count).fill(bytes));

const kinds = {
  silent: () => keep(1000, tcp),
  dribbling: () =>
    keep(1000, () => {
      const socket = tcp();
      // The beginning of a ClientHello that never ends.
      const bytes = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
      let at = 0;
      const timer = setInterval(() => socket.write(bytes.subarray(at % bytes.length, (at++ % bytes.length) + 1)), 100);
      socket.on('close', () => clearInterval(timer));
      return socket;
    }),
  'no certificate': () =>
    keep(16, () => {
      const socket = tls.connect({ ...address, ca, servername: 'localhost' });
      socket.on('close', () => done++);
      return socket;
    }),
  handshakes: () =>
    keep(16, () => {
      const socket = tls.connect({ ...address, ...credentials });
      socket.once('secureConnect', () => {
        done++;
        socket.destroy();
      });
      return socket;
    }),
  'no request': () =>
    keep(500, () => {
      const socket = tls.connect({ ...address, ...credentials });
      socket.on('secureConnect', () => done++);
      return socket;
    }),
  closes: () =>
    keep(16, () => {
      const socket = upgraded(() => {
        done++;
        socket.end(masked(0x88, Buffer.of(3, 232)));
      });
      return socket;
    }),
  'pings, unread': () =>
    keep(20, () =>
      upgraded((socket) => {
        socket.pause();
        flood(socket, times(120, masked(0x89, Buffer.alloc(125))), 120);
      }),
    ),
  pings: () =>
    keep(20, () =>
      upgraded((socket) => {
        socket.resume();
        flood(socket, times(120, masked(0x89, Buffer.alloc(125))), 120);
      }),
    ),
  'tiny messages': () =>
    keep(20, () =>
      upgraded((socket) => {
        socket.resume();
        flood(socket, times(2000, masked(0x81, Buffer.of(65))), 2000);
      }),
    ),
  'tiny fragments': () =>
    keep(20, () =>
      upgraded((socket) => {
        socket.resume();
        socket.write(masked(0x01, Buffer.of(65)));
        flood(socket, times(2000, masked(0x00, Buffer.of(65))), 2000);
      }),
    ),
  'long messages, unread': () =>
    keep(20, () =>
      upgraded((socket) => {
        socket.pause();
        flood(socket, masked(0x82, Buffer.alloc(1 << 20)), 1);
      }),
    ),
  'unfinished messages': () =>
    keep(20, () =>
      upgraded((socket) => {
        done++;
        // All but the last byte of the longest message that is allowed.
        socket.write(masked(0x82, Buffer.alloc(16 << 20)).subarray(0, -1));
      }),
    ),
  'compression bombs': () => {
    const bomb = masked(0xc2, deflateRawSync(Buffer.alloc(64 << 20), { level: 9 }));
    keep(20, () =>
      upgraded((socket) => {
        done++;
        socket.resume();
        socket.write(bomb);
      }),
    );
  },
};

kinds[kind]();
