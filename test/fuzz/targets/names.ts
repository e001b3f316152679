// Names and hosts: a certificate matches a host when a plain reading of RFC 9525 says so, and only then; where ours matches, node's own matcher does; the common name never counts; a canonical host is its own canonical form; no text is unfit for a log line.
import { isIPv4, isIPv6 } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { canonicalHost } from '../../../src/text.js';
import { DerReader } from '../../../src/tls/der.js';
import { contextPrimitive, sequence } from '../../../src/tls/pki/der-writer.js';
import { describeAltNames, readAltNames, type SubjectAltNames } from '../../../src/tls/san.js';
import { matchServerName } from '../../../src/tls/server-name.js';
import { plainAddress } from '../plain-address.js';
import type { Random } from '../random.js';
import { kindOf, must, mustBeLine, mustBeSame, type Target } from '../target.js';
import { writeText } from '../text-writer.js';

/** An input is lines: the host, then names, each with the letter of its kind: d, u, e, i (octets in hex). */
const maxBytes = 300;
const labels = [
  'a',
  'b',
  'example',
  'EXAMPLE',
  'com',
  '*',
  'f*',
  'x-1',
  '-x',
  'x-',
  '_a',
  'xn--bcher-kva',
  '1',
  '0x1',
  '',
  'l'.repeat(63),
  'l'.repeat(64),
  'a\0b',
  'b\xfc',
  'a\u3002'.slice(0, 1),
  ' ',
];
const hosts = [
  '127.0.0.1',
  '127.1',
  '::1',
  '[::1]',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '[::1',
  '2001:db8::1',
  '256.0.0.1',
  '01.0.0.1',
  'localhost',
  'localhost.',
  'a.example..',
  '::1%eth0',
];
const addresses = [
  '7f000001',
  '00000000000000000000000000000001',
  '20010db8000000000000000000000001',
  '00000000000000000000ffff7f000001',
  '7f00000100',
  '',
];

function nameOf(random: Random): string {
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(labels)).join('.');
}

/** RFC 9525 §6.3 in plain words, for names of visible ASCII. */
function matchesPlainly(pattern: string, host: string): boolean {
  const [first, ...rest] = pattern.toLowerCase().split('.');
  const wanted = host.toLowerCase().replace(/\.$/, '').split('.');
  const isLabel = (label: string): boolean => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label);
  if (!wanted.every(isLabel) || pattern.length > 255) return false;
  if (first === '*') {
    return (
      rest.length >= 2 &&
      rest.every(isLabel) &&
      wanted.length === rest.length + 1 &&
      rest.join('.') === wanted.slice(1).join('.')
    );
  }
  return isLabel(first!) && rest.every(isLabel) && [first, ...rest].join('.') === wanted.join('.');
}

/** Returns why node's own matcher refuses; `undefined` when it does not. */
function nodeRefusal(host: string, subjectaltname: string): string | undefined {
  return checkServerIdentity(host, { subject: { CN: 'x' }, subjectaltname } as unknown as PeerCertificate)?.message;
}

/** Node 22.23 takes an IPv6 address for a name that is none (`domainToASCII` gives `''`), and never matches one. */
const nodeMatchesIPv6 = nodeRefusal('::1', 'IP Address:0:0:0:0:0:0:0:1') === undefined;

export const names: Target = {
  name: 'names',
  covers: ['src/tls/san.js', 'src/tls/server-name.js', 'src/text.js'],
  maxBytes,
  dictionary: [
    ...labels,
    ...hosts,
    '\nd',
    '\nu',
    '\ni7f000001',
    '\ne',
    '\nd*.',
    'spiffe://a.example/b',
    '.',
    ':',
    '::',
  ],
  generate(random, input) {
    const host = random.oneIn(4) ? random.pick(hosts) : nameOf(random);
    const lines = Array.from({ length: random.below(4) }, () => {
      if (random.oneIn(5)) return `i${random.pick(addresses)}`;
      if (random.oneIn(8)) return `u${random.pick(hosts)}`;
      if (random.oneIn(2)) return `d${random.oneIn(3) ? host.toUpperCase() : host}`;
      if (random.oneIn(2)) return `d*.${host.split('.').slice(1).join('.')}`;
      return `d${nameOf(random)}`;
    });
    return Math.min(maxBytes, writeText(input, 0, [host, ...lines].join('\n')));
  },
  run(input, length) {
    const [host = '', ...lines] = input.toString('latin1', 0, length).split('\n');
    const tagOf: Readonly<Record<string, number>> = { d: 2, u: 6, e: 1, i: 7 };
    const given = lines
      .map((line) => ({ kind: line[0] ?? 'd', text: line.slice(1) }))
      .filter(({ kind }) => kind in tagOf);
    const octetsOf = ({ kind, text }: { kind: string; text: string }): Buffer =>
      kind === 'i' ? Buffer.from(text, 'hex') : Buffer.from(text, 'latin1');
    const san: SubjectAltNames = readAltNames(
      new DerReader(sequence(...given.map((name) => contextPrimitive(tagOf[name.kind]!, octetsOf(name))))),
    );
    const total = san.dns.length + san.uri.length + san.email.length + san.ip.length + san.unusable.length;
    mustBeSame(total, given.length, 'no name is lost');
    mustBeLine(describeAltNames(san));

    const canonical = canonicalHost(host);
    if (canonical !== undefined) {
      mustBeSame(
        JSON.stringify(canonicalHost(canonical.host)),
        JSON.stringify(canonical),
        'a canonical host is its own canonical form',
      );
      must(/^[a-z0-9_.:-]+$/.test(canonical.host) && canonical.host.length <= 253, 'a canonical host is plain');
      mustBeSame(canonical.kind === 'ipv4', isIPv4(canonical.host), 'an IPv4 address is one for node, too');
      mustBeSame(canonical.kind === 'ipv6', isIPv6(canonical.host), 'an IPv6 address is one for node, too');
    }
    const address = plainAddress(host);
    if (address !== undefined && host.length <= 60)
      must(canonical !== undefined && canonical.kind !== 'name', 'an address of node is one for us, too');

    const match = matchServerName(san, host);
    const octets = given.filter(({ kind }) => kind === 'i').map((name) => octetsOf(name).toString('hex'));
    const wanted =
      address !== undefined
        ? octets.includes(address)
        : !/(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i.test(host) &&
          /^[\w.-]*$/.test(host) &&
          host.length <= 254 &&
          given.some(({ kind, text }) => kind === 'd' && /^[\x21-\x7e]+$/.test(text) && matchesPlainly(text, host));
    mustBeSame(match.matches, wanted, 'a certificate matches as RFC 9525 has it');
    if (!match.matches) {
      mustBeLine(match.text);
      must(match.text.length < 3_000, 'a refusal is bounded');
      return kindOf(`${match.reason} ${Math.min(3, total)} ${canonical?.kind}`);
    }
    // Node's matcher reads a joined text, and folds what ours refuses: where ours matches, it must too.
    if (given.every(({ kind, text }) => kind === 'i' || /^[\w.*:/-]+$/.test(text)) && san.unusable.length === 0) {
      const joined = [
        ...san.dns.map((name) => `DNS:${name}`),
        ...san.ip.map((ip) => `IP Address:${ip}`),
        ...san.uri.map((uri) => `URI:${uri}`),
      ].join(', ');
      if (canonical!.kind !== 'ipv6' || nodeMatchesIPv6) {
        mustBeSame(nodeRefusal(canonical!.host, joined), undefined, "where ours matches, node's own matcher does");
      }
    }
    return kindOf(`${match.name.startsWith('*')} ${Math.min(3, total)} ${canonical?.kind}`);
  },
};
