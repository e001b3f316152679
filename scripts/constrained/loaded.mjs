// Runs a module and tells, on descriptor 3, what was loaded for it: `loaded.mjs MODULE [ARGUMENTS OF IT]`.
import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';

const target = pathToFileURL(process.argv[2]).href;
process.argv.splice(1, 1);

/** WebAssembly that was compiled or instantiated. */
let webAssembly = 0;
for (const name of ['Module', 'Instance']) {
  WebAssembly[name] = new Proxy(WebAssembly[name], {
    construct(make, args) {
      webAssembly++;
      return Reflect.construct(make, args);
    },
  });
}

const session = new Session();
const scripts = [];
session.connect();
session.on('Debugger.scriptParsed', ({ params }) => scripts.push(params.url));
session.post('Debugger.enable');
const before = scripts.length;
const had = new Set(process.moduleLoadList);

process.on('exit', () => {
  const modules = scripts.slice(before).filter((url) => url.startsWith('file:'));
  const builtins = process.moduleLoadList
    .filter((name) => !had.has(name))
    .map((name) => name.replace('NativeModule ', ''));
  writeSync(
    3,
    JSON.stringify({
      modules,
      builtins: builtins.filter((name) => !/^(?:Internal|internal\/)/.test(name)),
      webAssembly,
    }),
  );
});
await import(target);
