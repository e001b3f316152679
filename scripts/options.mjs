// The options of a script, as those of `parseArgs`. `--help` prints the comment at the top of the script; what is wrong is said, and
// ends it with exit code 2. An option whose default is a number takes nothing else.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Returns the values of the options, and as `positionals` what is none.
 *
 * @param script `import.meta.url` of the script
 * @param positionals `none`, `numbers` or `words`: what the script takes beside its options
 */
export function readOptions(script, options, positionals = 'none') {
  let values;
  let words;
  try {
    const help = { type: 'boolean', short: 'h', default: false };
    const allowPositionals = positionals !== 'none';
    ({ values, positionals: words } = parseArgs({ allowPositionals, options: { ...options, help } }));
    const wrong = positionals === 'numbers' ? words.find((word) => !isNumber(word)) : undefined;
    if (wrong !== undefined) throw new Error(`"${wrong}" is not a number`);
    for (const [name, { default: usual }] of Object.entries(options)) {
      if (isNumber(usual) && !isNumber(values[name]))
        throw new Error(`--${name} takes a number, not "${values[name]}"`);
    }
  } catch (error) {
    console.error(`${error.message}\n--help says what there is`);
    process.exit(2);
  }
  if (!values.help) return { ...values, positionals: positionals === 'numbers' ? words.map(Number) : words };
  const lines = readFileSync(fileURLToPath(script), 'utf8').split('\n');
  const comment = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
  console.log(comment.map((line) => line.slice(3)).join('\n'));
  process.exit(0);
}

function isNumber(text) {
  return typeof text === 'string' && /^\d+(\.\d+)?$/.test(text);
}
