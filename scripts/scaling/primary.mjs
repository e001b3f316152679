// The primary process of node:cluster for any server program: `node primary.mjs WORKERS PROGRAM [ARGUMENT]…`. All workers
// share the port that `--port 0` takes. Prints {"port":N,"pids":[…]} when all listen; SIGTERM ends them.
import cluster from 'node:cluster';
import { once } from 'node:events';

const [count, exec, ...args] = process.argv.slice(2);
cluster.setupPrimary({ exec, args, silent: true });
const workers = Array.from({ length: Number(count) }, () => cluster.fork());
const addresses = await Promise.all(workers.map((worker) => once(worker, 'listening')));
console.log(JSON.stringify({ port: addresses[0][0].port, pids: workers.map((worker) => worker.process.pid) }));
process.on('SIGTERM', () => {
  for (const worker of workers) worker.process.kill('SIGKILL');
  process.exit(0);
});
