/**
 * Takes the network away between a server and a client, and gives it back: `partition.js CA CERT KEY CERT KEY`, in a network
 * namespace of its own, as root. Prints what each end was told, in JSON.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type CloseEvent, type Connection, connect, createServer } from 'mtls-ws';

const [ca, cert, key, clientCert, clientKey] = process.argv.slice(2).map((file) => readFileSync(file));
const link = (state: 'up' | 'down'): void => void execFileSync('ip', ['link', 'set', 'lo', state]);
const timing = { pingInterval: 200, pongDeadline: 300 } as const;

link('up');
const server = createServer({ ca: ca!, cert: cert!, key: key!, ...timing });
server.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
const { port } = await server.listen({ port: 0 });
const accepted = once(server, 'connection');
const open = (): Promise<Connection> =>
  connect(`wss://localhost:${port}`, { ca: ca!, cert: clientCert!, key: clientKey!, ...timing });
const near = await open();
const [far] = (await accepted) as [Connection];
const told = ({ code, reason }: CloseEvent): [number, string] => [code, reason];

link('down');
// What is sent meanwhile is lost, and nobody says so.
near.send('into nothing');
const ends = await Promise.all([near.closed, far.closed]);
link('up');
const later = await open();
const echo = once(later, 'message');
later.send('hello');
const [again] = await echo;
console.log(JSON.stringify({ client: told(ends[0]), server: told(ends[1]), again }));
await later.close();
await server.close();
