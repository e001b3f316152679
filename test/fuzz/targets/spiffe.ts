// SPIFFE IDs: one is read when a plain reading of the standard says so, and only then; the parts make the whole again; a URL of it has the same host and path.
import { parseSpiffeId } from '../../../src/tls/spiffe-id.js';
import { must, mustBeSame, type Target } from '../target.js';
import { someOf, writeText } from '../text-writer.js';

const maxBytes = 2_200;
const parts = [
  'spiffe://',
  'a.example',
  'EXAMPLE',
  '/',
  '//',
  'device',
  '7',
  '.',
  '..',
  '/.',
  '/..',
  '...',
  '_',
  '-',
  '%2e',
  '?',
  '#',
  '@',
  ':8443',
  '\\',
  '\0',
  '\xe9',
  '\n',
  'x'.repeat(255),
  'y'.repeat(2_000),
];

function isPlainly(text: string): boolean {
  if (!text.startsWith('spiffe://') || text.length > 2_048) return false;
  const [domain, ...segments] = text.slice('spiffe://'.length).split('/');
  const are = (word: string, allowed: string): boolean => [...word].every((character) => allowed.includes(character));
  const lower = 'abcdefghijklmnopqrstuvwxyz0123456789.-_';
  if (domain === '' || domain!.length > 255 || !are(domain!, lower)) return false;
  return segments.every(
    (segment) => !['', '.', '..'].includes(segment) && are(segment, `${lower}ABCDEFGHIJKLMNOPQRSTUVWXYZ`),
  );
}

export const spiffe: Target = {
  name: 'spiffe',
  covers: ['src/tls/spiffe-id.js'],
  maxBytes,
  dictionary: parts,
  generate(random, input) {
    const start = random.oneIn(8) ? '' : `spiffe://${random.oneIn(4) ? '' : 'a.example'}${random.oneIn(3) ? '' : '/'}`;
    return Math.min(maxBytes, writeText(input, 0, start + someOf(random, parts, 8)));
  },
  run(input, length) {
    const text = input.toString('latin1', 0, length);
    const id = parseSpiffeId(text);
    mustBeSame(id !== undefined, isPlainly(text), 'a SPIFFE ID is read as the standard has it');
    if (id === undefined) return Math.min(40, length);
    mustBeSame(id.id, text, 'the ID is the whole');
    mustBeSame(`spiffe://${id.trustDomain}${id.path}`, text, 'the parts make the whole again');
    must(Object.isFrozen(id), 'an ID does not change');
    const url = new URL(text);
    mustBeSame(
      `${url.hostname}${url.pathname}${url.port}${url.search}${url.hash}${url.username}`,
      `${id.trustDomain}${id.path}`,
      'a URL of it has the same host and path',
    );
    return 64 + Math.min(60, id.path.split('/').length);
  },
};
