// One port, one process for each core: `node cluster.js [PORT] [WORKERS]`. A worker that dies is replaced. SIGHUP replaces
// all workers one by one, without a moment when nobody listens; SIGTERM lets all of them finish, and ends.
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createServer } from 'mtls-ws';

if (cluster.isPrimary) await primary();
else await worker();

async function primary(): Promise<void> {
  const count = Number(process.argv[3] ?? availableParallelism());
  // All workers resume the sessions of all others. Who has this secret can read what it protected: it stays in memory.
  const env = { TICKET_SECRET: randomBytes(32).toString('hex') };
  const ready = new Set<Worker>();
  const ending = new Set<Worker>();
  let isStarted = false;
  const start = async (): Promise<void> => {
    const worker = cluster.fork(env);
    worker.on('exit', () => {
      if (ending.has(worker)) return;
      // It has said why. What kept this one from listening keeps all others from it.
      if (!isStarted) process.exit(1);
      console.error(`worker ${worker.process.pid} died, another one takes its place`);
      // Not at once: what kills a worker when it starts would kill the next one, and so on.
      setTimeout(start, 1_000);
    });
    await once(worker, 'listening');
    ready.add(worker);
  };
  const end = async (worker: Worker): Promise<void> => {
    ending.add(worker);
    const ended = worker.isDead() ? undefined : once(worker, 'exit');
    // One that is still starting has no clients, and would not hear the message.
    if (ready.has(worker)) worker.send('drain');
    else worker.process.kill('SIGKILL');
    await ended;
  };
  const workers = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

  for (let i = 0; i < count; i++) await start();
  isStarted = true;
  console.log(`${count} workers listen on wss://localhost:${process.argv[2] ?? 8443}`);
  process.on('SIGHUP', async () => {
    for (const old of workers().filter((worker) => !ending.has(worker))) {
      await start();
      await end(old);
    }
    console.log('all workers are new');
  });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, async () => {
      await Promise.all(workers().map(end));
      process.exit(0);
    });
  }
}

async function worker(): Promise<void> {
  const server = createServer({
    ca: readFileSync('certs/ca.pem'),
    cert: readFileSync('certs/server.pem'),
    key: readFileSync('certs/server.key'),
    sessionResumption: { secret: Buffer.from(process.env['TICKET_SECRET']!, 'hex') },
  });
  server.on('connection', (connection) => {
    connection.on('message', (data) => connection.send(`worker ${process.pid}: ${data}`));
  });
  process.on('message', async (message) => {
    if (message !== 'drain') return;
    // Stops accepting, and closes every connection with 1001: clients reconnect, and come to another worker.
    await server.close();
    process.exit(0);
  });
  // Ctrl-C goes to the whole group: it is for the primary to say when a worker ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  await server.listen({ port: Number(process.argv[2] ?? 8443) });
}
