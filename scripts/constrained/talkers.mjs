// Clients on this package, which compress: for what a connection holds once its windows are full.
import { connect } from '../../dist/src/index.js';
import { answer } from './child.mjs';

const connections = [];

/** Text with much in it that repeats, and nothing that repeats whole. */
function text(length) {
  let out = '';
  while (out.length < length) out += `{"sensor":${connections.length % 97},"value":${Math.random()}},`;
  return out.slice(0, length);
}

answer({
  async open({ count, port, credentials, options }) {
    while (connections.length < count) {
      const connection = await connect(`wss://localhost:${port}/`, { ...credentials, ...options });
      if (options.perMessageDeflate && !connection.extensions.startsWith('permessage-deflate'))
        throw new Error('nothing was agreed');
      connections.push(connection);
    }
  },
  async echo({ length, times }) {
    for (const connection of connections) {
      const received = connection[Symbol.asyncIterator]();
      for (let i = 0; i < times; i++) {
        const sent = text(length);
        connection.send(sent);
        if ((await received.next()).value !== sent) throw new Error('what came back is not what was sent');
      }
    }
  },
});
