import * as assert from 'uvu/assert';
import { examineFiles, type FilesToExamine } from '../../../src/tls/doctor/index.js';
import { kit } from '../../support/kit.js';
import { forgeList, inDays, listOf } from '../../support/lists.js';
import { suite } from '../../support/suite.js';
import { file, filesOf, findingOf, troublesOf } from './cases.js';

/** The files of the kit's good client, with these revocation lists. */
function withLists(...lists: readonly (string | Uint8Array)[]): FilesToExamine {
  const crl = lists.map((content, index) => file(`list-${index + 1}.crl`, content));
  return filesOf(kit().clients.good, { crl });
}

const lists = suite('doctor: revocation lists (RFC 5280 §5)');

lists('finds nothing wrong with a current list, in PEM or DER', async () => {
  const { ca } = kit();
  for (const list of [listOf(ca), forgeList(ca)]) {
    assert.equal(await troublesOf(withLists(list)), []);
    const { findings } = await examineFiles(withLists(list));
    const ids = findings.map(({ subject, id }) => `${subject} ${id}`);
    assert.ok(ids.includes('crl crl-ok') && ids.includes('cert not-revoked'), ids.join(', '));
  }
});

lists('tells a certificate that is revoked', async () => {
  const { ca, clients } = kit();
  const files = withLists(listOf(ca, [clients.good]));
  assert.equal(await troublesOf(files), ['error cert revoked']);
  assert.match((await findingOf(files, 'revoked')).text, /it is revoked: serial [0-9A-F]+, since .*keyCompromise/);
  assert.match((await findingOf(files, 'crl-ok')).text, /the list of CN=Test CA: 1 revoked certificate, valid until/);
});

lists('tells a list that has expired, or is not valid yet', async () => {
  const { ca } = kit();
  const dated = (from: number, to: number | undefined) =>
    troublesOf(
      withLists(forgeList(ca, { thisUpdate: inDays(from), nextUpdate: to === undefined ? undefined : inDays(to) })),
    );
  const unknown = 'error cert revocation-unknown';
  assert.equal(await dated(-9, -2), ['error crl crl-expired', unknown]);
  assert.equal(await dated(-9, undefined), ['error crl crl-expired', unknown]);
  assert.equal(await dated(1, 9), ['error crl crl-not-yet-valid', unknown]);
});

lists('tells a list of another CA, and of another of the same name', async () => {
  const { otherCa, impostorCa } = kit();
  const unknown = 'error cert revocation-unknown';
  assert.equal(await troublesOf(withLists(listOf(otherCa))), ['error crl crl-of-another-ca', unknown]);
  assert.equal(await troublesOf(withLists(forgeList(impostorCa))), ['error crl crl-bad-signature', unknown]);
  // A CA renews no list of another: the command makes one in a file of its own.
  const fixOf = async (list: string | Uint8Array, id: string, path = 'plant.crl') =>
    (await findingOf({ ...withLists(), crl: [file(path, list)] }, id)).fix;
  const made = (path: string) => `mtls-ws pki revoke --ca ca.pem --ca-key ca.key --crl ${path}`;
  assert.is(await fixOf(listOf(otherCa), 'crl-of-another-ca'), made('ca.crl'));
  assert.is(await fixOf(listOf(otherCa), 'crl-of-another-ca', 'ca.crl'), made('ca.new.crl'));
  assert.is(await fixOf(forgeList(impostorCa), 'crl-bad-signature'), made('ca.crl'));
  const old = { thisUpdate: inDays(-9), nextUpdate: inDays(-2) };
  const unknownCa = made('plant.crl').replaceAll('ca.', 'CA-OF-THE-LIST.');
  assert.is(await fixOf(forgeList(otherCa, old), 'crl-expired'), unknownCa);
});

lists('tells a CA of the chain without a list', async () => {
  const { ca, clients } = kit();
  const files = {
    ...withLists(listOf(ca)),
    ...{ cert: file('c.pem', clients.throughIntermediate.cert), key: undefined },
  };
  assert.equal(await troublesOf(files), ['error cert revocation-unknown', 'note cert not-checked']);
  assert.match((await findingOf(files, 'revocation-unknown')).text, /no list of CN=Test Intermediate was given/);
});

lists('tells files that are no lists', async () => {
  const { ca } = kit();
  const table: readonly [content: string | Uint8Array, id: string][] = [
    [ca.cert, 'certificate-instead-of-crl'],
    [ca.der, 'crl-malformed'],
    ['', 'file-empty'],
    [listOf(ca).slice(0, 200), 'file-cut-short'],
    [ca.key, 'crl-missing'],
    [forgeList(ca, {}, undefined, 'sha1'), 'crl-unusable'],
  ];
  for (const [content, id] of table) assert.equal(await troublesOf(withLists(content)), [`error crl ${id}`]);
});

lists('names each of several files', async () => {
  const { ca } = kit();
  const old = forgeList(ca, { thisUpdate: inDays(-9), nextUpdate: inDays(-2) });
  const files = withLists(old, listOf(ca));
  assert.equal(await troublesOf(files), ['error crl crl-expired']);
  const { text, fix } = await findingOf(files, 'crl-expired');
  assert.match(text, /^list-1\.crl expired 2 days ago/);
  assert.is(fix, 'mtls-ws pki revoke --ca ca.pem --ca-key ca.key --crl list-1.crl');
});

lists.run();
