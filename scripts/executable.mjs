// Makes the built command line a program: `npx mtls-ws` in the clone links to it, and does so only once.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/src/cli/main.js', import.meta.url), 0o755);
