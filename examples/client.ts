import { readFileSync } from 'node:fs';
import { connect } from 'mtls-ws';

const connection = await connect(process.argv[2] ?? 'wss://localhost:8443', {
  ca: readFileSync('certs/ca.pem'), // the server must be of this CA, and its certificate be for the host of the URL
  cert: readFileSync('certs/client.pem'),
  key: readFileSync('certs/client.key'),
});
connection.send('hello');
for await (const message of connection) {
  console.log(`${connection.peer.subject.text} says: ${message}`);
  connection.close(1000, 'done'); // the loop ends when both ends have closed
}
