/** Changes DER by its structure: elements are put out, doubled, exchanged and filled anew, and all lengths are right again. */
import { DerError, DerReader } from '../../src/tls/der.js';
import { element } from '../../src/tls/pki/der-writer.js';
import type { Random } from './random.js';

interface Node {
  tag: number;
  /** The elements in it; `undefined`: octets. */
  children: Node[] | undefined;
  content: Buffer;
  /** Octets before the first of `children`: the unused bits of a BIT STRING. */
  prefix: number;
}

const maxDepth = 12;

/** Reads elements one behind the other; `undefined` when they are no DER. */
function read(bytes: Buffer, depth: number): Node[] | undefined {
  const nodes: Node[] = [];
  try {
    const reader = new DerReader(bytes);
    while (!reader.done) {
      const tag = reader.nextTag!;
      const content = new DerReader(reader.skip()).content(tag);
      let children: Node[] | undefined;
      let prefix = 0;
      if (depth < maxDepth && content.length > 1) {
        if ((tag & 0x20) !== 0) children = read(content, depth + 1);
        // What DER is wrapped in: the values of extensions, public keys, signatures.
        else if (tag === 4 && content[0] !== 4) children = read(content, depth + 1);
        else if (tag === 3 && content[0] === 0 && content[1] === 0x30) {
          children = read(content.subarray(1), depth + 1);
          prefix = 1;
        }
      }
      nodes.push({ tag, children, content, prefix });
    }
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
  return nodes;
}

function write(node: Node): Buffer {
  if (node.children === undefined) return element(node.tag, node.content);
  return element(node.tag, node.content.subarray(0, node.prefix), ...node.children.map(write));
}

function copyOf(node: Node): Node {
  return { ...node, children: node.children?.map(copyOf) };
}

/** All lists of elements, so that each can be changed where it stands. */
function listsOf(nodes: Node[], lists: Node[][] = []): Node[][] {
  if (nodes.length > 0) lists.push(nodes);
  for (const { children } of nodes) if (children !== undefined) listsOf(children, lists);
  return lists;
}

const usualTags = [
  1, 2, 3, 4, 5, 6, 0x0a, 0x0c, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1a, 0x1c, 0x1e, 0x30, 0x31, 0x80, 0x81, 0x82,
  0x86, 0x87, 0x88, 0xa0, 0xa1, 0xa3, 0xa4,
];
const usualContents = [
  ...['', '00', 'ff', '01', '80', '7f', '0080', '00ff', 'ff80', '30', '0500'],
  // Times: of the last second, that never was, and of another century.
  ...[
    '3439313233313233353935395a',
    '3235303233303030303030305a',
    '32303530303130313030303030305a',
    '3939393931323331323335393539 5a',
  ],
  // Object identifiers: names of extensions and attributes, the largest first arc, and a UUID.
  ...[
    '550403',
    '551d11',
    '551d13',
    '551d0f',
    '551d25',
    '551d0e',
    '551d23',
    '551d14',
    '551d1b',
    '551d1c',
    '551d15',
    '8837',
    '6983b6c1d0e0f0808080808080808001',
  ],
  // Text: two names in one, a NUL, what cannot be seen, no UTF-8.
  ...[
    '612c20444e533a62',
    '612e6578616d706c6500',
    '61e280ae62',
    '61c2ad',
    'c080',
    '00610062',
    '7f000001',
    '20010db8000000000000000000000001',
  ],
  // Longer than a line of a log.
  '78'.repeat(600),
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function change(random: Random, roots: Node[]): void {
  const lists = listsOf(roots);
  const list = random.pick(lists);
  const at = random.below(list.length);
  const node = list[at]!;
  switch (random.below(10)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      list.splice(at, 0, copyOf(node));
      return;
    case 2:
      node.tag = random.oneIn(4) ? random.below(256) : random.pick(usualTags);
      return;
    case 3: {
      const other = random.below(list.length);
      [list[at], list[other]] = [list[other]!, node];
      return;
    }
    case 4: {
      // Something from another place.
      const source = random.pick(lists);
      list.splice(at, random.below(2), copyOf(source[random.below(source.length)]!));
      return;
    }
    case 5:
      list.splice(at, 0, {
        tag: random.pick(usualTags),
        children: undefined,
        content: random.pick(usualContents),
        prefix: 0,
      });
      return;
    case 6:
      list[at] = { tag: random.pick(usualTags), children: [node], content: Buffer.alloc(0), prefix: 0 };
      return;
    default:
      fill(random, node);
  }
}

/** Gives an element other octets. */
function fill(random: Random, node: Node): void {
  if (node.children !== undefined && !random.oneIn(4)) return;
  const content = node.children === undefined ? Buffer.from(node.content) : Buffer.from(write(node));
  node.children = undefined;
  const how = content.length === 0 ? 0 : random.below(8);
  if (how < 4) node.content = random.pick(usualContents);
  else if (how === 4) node.content = content.subarray(0, random.below(content.length));
  else if (how === 5) node.content = Buffer.concat([content, random.pick(usualContents)]);
  else {
    content[random.below(content.length)] = random.next();
    node.content = content;
  }
}

/** Changes the DER in `input`, from `start` on, and returns its new length: the same if it is none, or would be too long. */
export function mutateDer(random: Random, input: Buffer, length: number, start: number = 0): number {
  const roots = read(Buffer.from(input.subarray(start, length)), 0);
  if (roots === undefined || roots.length === 0) return length;
  for (let times = 1 + random.below(3); times > 0 && roots.length > 0; times--) change(random, roots);
  const bytes = Buffer.concat(roots.map(write));
  if (start + bytes.length > input.length) return length;
  return start + bytes.copy(input, start);
}
