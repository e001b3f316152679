import { Buffer } from 'node:buffer';
import * as assert from 'uvu/assert';
import { DerError, DerReader } from '../../src/tls/der.js';
import { attributeOids } from '../../src/tls/oids.js';
import { contextConstructed, contextPrimitive, sequence } from '../../src/tls/pki/der-writer.js';
import { distinguishedName, generalName } from '../../src/tls/pki/extensions.js';
import { describeAltNames, noAltNames, readAltNames } from '../../src/tls/san.js';
import { suite } from '../support/suite.js';

const read = (...names: readonly Buffer[]) => readAltNames(new DerReader(sequence(...names)));
const names = suite('subject alternative names (RFC 5280 §4.2.1.6)');

names('keeps the kinds that it does not read apart', () => {
  const san = read(contextConstructed(3, Buffer.from([5, 0])), contextConstructed(5, Buffer.from([5, 0])));
  assert.equal(san.unusable, [
    { kind: 'x400Address', text: '0500' },
    { kind: 'ediPartyName', text: '0500' },
  ]);
});

names('refuses what is no GeneralName or not whole', () => {
  for (const bad of [
    Buffer.from([0x82]),
    Buffer.from([0x89, 0]),
    Buffer.from([0x0c, 0]),
    contextConstructed(0, Buffer.from([5, 0])),
    contextConstructed(4, Buffer.from([5, 0])),
    contextPrimitive(8, Buffer.alloc(0)),
  ]) {
    assert.throws(
      () => read(generalName.dns('a.example'), bad),
      (error: unknown) => error instanceof DerError,
    );
  }
});

names('keeps text with anything but visible ASCII apart (M10)', () => {
  for (const bad of ['', ' ', 'a b', 'a\0', 'a\n', 'a\u007f', '\u00e9', '\u00ff']) {
    const san = read(generalName.dns(bad), generalName.uri(bad), generalName.email(bad));
    assert.equal([san.dns, san.uri, san.email], [[], [], []]);
    assert.equal(
      san.unusable.map(({ kind }) => kind),
      ['dns', 'uri', 'email'],
    );
  }
});

names('is described in one bounded line, names of other kinds quoted (M17)', () => {
  assert.is(describeAltNames(noAltNames), '');
  const directory = contextConstructed(
    4,
    distinguishedName([[attributeOids.commonName, `a, DNS:b "${'c'.repeat(200)}`]]),
  );
  const shown = describeAltNames(read(directory, generalName.dns(`${'d'.repeat(300)}`)));
  assert.is(shown, `DNS:${'d'.repeat(128)}…, directory:"CN=a\\, DNS:b \\'${'c'.repeat(113)}…"`);
  assert.is(describeAltNames(read(generalName.dns('a'), generalName.ip('192.0.2.1')), 1), 'DNS:a and 1 more');
});
names.run();
