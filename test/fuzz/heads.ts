/** What the targets for both kinds of heads share. */
import { HandshakeError } from '../../src/errors.js';
import { defaultHeadLimits, type HeadLimits, HeadParser, type Heads } from '../../src/handshake/index.js';
import type { Cuts } from './cuts.js';
import { must, mustBeLine } from './target.js';

export interface HeadRead<Kind extends keyof Heads> {
  readonly head: Heads[Kind] | undefined;
  readonly error: HandshakeError | undefined;
  /** Bytes of the head, or those that it took to show the fault. */
  readonly taken: number;
}

export function readHead<Kind extends keyof Heads>(
  kind: Kind,
  bytes: Buffer,
  cuts: Cuts,
  limits: HeadLimits = defaultHeadLimits,
): HeadRead<Kind> {
  const parser = new HeadParser(kind, limits);
  let taken = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + cuts.next());
    const isOver = parser.head !== undefined || parser.error !== undefined;
    const count = parser.push(bytes, at, end);
    must(count >= 0 && count <= end - at, 'no more is taken than was given');
    must(!isOver || count === 0, 'nothing is taken behind a head or a fault');
    taken += count;
    if (count < end - at)
      must(parser.head !== undefined || parser.error !== undefined, 'a head that goes on takes all');
    at = end;
  }
  const { head, error } = parser;
  must(head === undefined || error === undefined, 'there is a head or a fault');
  must(parser.receivedBytes === taken, 'what was taken is counted');
  must(taken <= limits.maxHeadBytes, 'a head keeps to its limit');
  if (error !== undefined) {
    must(error instanceof HandshakeError, 'a fault is a HandshakeError');
    mustBeLine(error.message);
  }
  if (head !== undefined) {
    must(head.fields.size <= limits.maxFields, 'there are no more fields than allowed');
    for (const [name, value] of head.fields) {
      must(/^[!#$%&'*+.^_`|~\w-]+$/.test(name), 'the name of a field is a token');
      must(
        /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/.test(value),
        'the value of a field is one',
      );
    }
  }
  return { head, error, taken };
}

/** Returns all that was read as a text: the bytes taken first. */
export function headStory({ head, error, taken }: HeadRead<keyof Heads>): string {
  if (error !== undefined) return `${taken} fault ${error.code} ${error.message} ${error.value}`;
  if (head === undefined) return `${taken} incomplete`;
  const first = head.kind === 'request' ? `${head.method} ${head.target}` : `${head.status} ${head.reason}`;
  return `${taken} ${first} ${head.version} ${[...head.fields].map((field) => field.join('=')).join('\n')}`;
}
