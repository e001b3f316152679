// A process that answers messages: how `npm run constrained` asks servers and clients what they need.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** In the child: answers each message `{ name: argument }` by what `answers[name]` returns. */
export function answer(answers) {
  process.on('message', async (question) => {
    const [[name, argument]] = Object.entries(question);
    try {
      process.send({ value: await answers[name](argument) });
    } catch (error) {
      process.send({ error: error.stack });
    }
  });
  process.on('disconnect', () => process.exit());
}

export class Child {
  #process;

  /** @param flags of Node.js */
  constructor(script, args = [], flags = [], environment = {}) {
    this.#process = fork(fileURLToPath(new URL(script, import.meta.url)), args, {
      execArgv: ['--expose-gc', ...flags],
      env: { ...process.env, NODE_V8_COVERAGE: undefined, ...environment },
    });
  }

  ask(name, argument = {}) {
    return new Promise((resolve, reject) => {
      const settle = (use, value) => {
        this.#process.off('message', onMessage).off('exit', onExit);
        use(value);
      };
      const onMessage = ({ value, error }) =>
        error === undefined ? settle(resolve, value) : settle(reject, new Error(error));
      const onExit = (code, signal) => settle(reject, new Error(`the process ended with ${signal ?? code}`));
      this.#process.on('message', onMessage).on('exit', onExit);
      this.#process.send({ [name]: argument });
    });
  }

  async end() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await ended;
  }
}

/** Calls `use` with children, and ends them, come what may. */
export async function withChildren(children, use) {
  try {
    return await use(...children);
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}
