// What every server here is started with, as `mtls-ws serve` is: `--port 0 --ca F --cert F --key F [--min-tls 1.2]
// [--session-resumption] [--compress]`; and the one line that it prints when it is ready.
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    ca: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    'min-tls': { type: 'string', default: '1.3' },
    'session-resumption': { type: 'boolean', default: false },
    compress: { type: 'boolean', default: false },
  },
});

export const compress = values.compress;
export const files = { ca: values.ca, cert: values.cert, key: values.key };
const read = (file) => readFileSync(file, 'utf8');

/** The same work for everyone: the client's certificate is required, and nothing else is easier than for our own server. */
export const tlsOptions = {
  ca: read(files.ca),
  cert: read(files.cert),
  key: read(files.key),
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: `TLSv${values['min-tls']}`,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (values['session-resumption'] ? 0 : constants.SSL_OP_NO_TICKET),
  sessionIdContext: 'bench',
  ALPNProtocols: ['http/1.1'],
};

export const port = Number(values.port);

export function ready(realPort) {
  process.stdout.write(`listening on wss://127.0.0.1:${realPort}\n`);
}

export function listen(server) {
  server.listen(port, '127.0.0.1', () => ready(server.address().port));
}

process.on('SIGTERM', () => process.exit(0));
