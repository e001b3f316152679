/** What the tests of all groups of conformance cases share: rules that every case keeps, and its bytes. */
import * as assert from 'uvu/assert';
import type { Case, ExchangeCase, Expected, Frame, GroupName, Step, Target } from '../../../src/conformance/case.js';
import { encodeAnyFrame } from '../../../src/frame/index.js';
import { type Suite, suite } from '../../support/suite.js';

const targets: readonly Target[] = ['server', 'client'];

/** The masking key of the examples in RFC 6455 §5.7, in place of a random one. */
const exampleKey = Buffer.from('37fa213d', 'hex');

/** Declares the tests that the cases of every exchange group must pass, and returns the suite for more; not yet run. */
export function suiteOfCases(group: GroupName, cases: readonly Case[], atLeast: number): Suite {
  const declare = suite(`${group} cases (RFC 6455)`);
  declare('have ids and titles of their own, which are well-formed', () => {
    assert.ok(cases.length >= atLeast, `${cases.length} cases`);
    for (const { id, title, group: itsGroup } of cases) {
      assert.is(itsGroup, group);
      assert.match(id, new RegExp(`^${group}/[a-z0-9]+(?:-[a-z0-9]+)*$`));
      assert.match(title, /^[a-z][^\n]*[^.\s]$/, id);
    }
    assert.equal(doubled(cases.map(({ id }) => id)), []);
    assert.equal(doubled(cases.map(({ title, targets }) => `${title} ${targets ?? ''}`)), []);
  });
  declare('cite their section', () => {
    for (const { id, section } of cases) assert.match(section, /^RFC \d{4} §\d+(?:\.\d+)*$/, id);
  });
  declare('have scripts that send, and that end with the end of the connection or leave it open to see', () => {
    for (const one of exchangesOf(cases)) {
      for (const target of targetsOf(one)) {
        const steps = one.script(target, undefined);
        const sends = steps.some(({ do: what }) => what === 'send') || one.opening?.behind !== undefined;
        assert.ok(sends, `${one.id} sends nothing`);
        const last = steps.at(-1)!;
        assert.is(last.do, 'expect', one.id);
        const allowed = one.severity === 'INFO' ? ['close', 'fail', 'oneOf'] : ['close', 'fail'];
        const end = (last as Extract<Step, { do: 'expect' }>).what;
        assert.ok(allowed.includes(end.kind) || waits(end), `${one.id} ends with ${end.kind}`);
      }
    }
  });
  declare('only wait for lawful close codes', () => {
    for (const one of exchangesOf(cases)) {
      for (const step of one.script(targetsOf(one)[0]!, undefined)) {
        if (step.do !== 'expect') continue;
        for (const code of codesOf(step.what)) assert.ok([1000, 1002, 1008, 1009].includes(code), `${one.id}: ${code}`);
      }
    }
  });
  declare('say so when they send much', () => {
    for (const one of exchangesOf(cases)) {
      const sent = one
        .script(targetsOf(one)[0]!, undefined)
        .flatMap((step) => (step.do === 'send' ? step.pieces : []))
        .reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : (piece.payload?.length ?? 0)), 0);
      assert.ok(sent < 256 * 1024 || one.sentBytes !== undefined, `${one.id} sends ${sent} bytes`);
      assert.ok(one.sentBytes === undefined || one.sentBytes <= sent + 16, `${one.id} sends ${sent} bytes only`);
    }
  });
  return declare;
}

/** Returns the bytes that a case sends, up to its first wait for an answer, as hexadecimal text. */
export function bytesOf(cases: readonly Case[], id: string, target: Target): string {
  const found = exchangesOf(cases).find((one) => one.id === id);
  assert.ok(found, `no case ${id}`);
  assert.ok(targetsOf(found).includes(target), `${id} is not for a ${target}`);
  const chunks: Buffer[] = [];
  for (const step of found.script(target, undefined)) {
    if (step.do === 'expect') break;
    if (step.do !== 'send') continue;
    for (const piece of step.pieces) {
      chunks.push(piece instanceof Uint8Array ? Buffer.from(piece) : encoded(piece, target));
    }
  }
  return Buffer.concat(chunks).toString('hex');
}

/** Returns the writes of a case, up to its first wait for an answer. */
export function writesOf(cases: readonly Case[], id: string, target: Target): readonly string[] {
  const found = exchangesOf(cases).find((one) => one.id === id);
  assert.ok(found, `no case ${id}`);
  const steps = found.script(target, undefined);
  return steps
    .slice(
      0,
      steps.findIndex((step) => step.do === 'expect'),
    )
    .flatMap((step) => (step.do === 'send' ? [step.pieces] : []))
    .map((pieces) =>
      Buffer.concat(
        pieces.map((piece) => (piece instanceof Uint8Array ? Buffer.from(piece) : encoded(piece, target))),
      ).toString('hex'),
    );
}

function encoded(frame: Frame, target: Target): Buffer {
  const { mask = 'role', ...parts } = frame;
  const isMasked = typeof mask !== 'string' || (mask === 'role') === (target === 'server');
  return encodeAnyFrame(isMasked ? { ...parts, maskingKey: typeof mask === 'string' ? exampleKey : mask } : parts);
}

const exchangesOf = (cases: readonly Case[]): readonly ExchangeCase[] => cases.filter((one) => one.kind === 'exchange');

const targetsOf = (one: Case): readonly Target[] => one.targets ?? targets;

const doubled = (names: readonly string[]): readonly string[] =>
  names.filter((name, index) => names.indexOf(name) !== index);

/** Whether silence is an answer. */
function waits(what: Expected): boolean {
  return what.kind === 'oneOf' && what.options.some(({ kind }) => kind === 'silence');
}

function codesOf(what: Expected): readonly number[] {
  if (what.kind === 'oneOf') return what.options.flatMap(codesOf);
  return what.kind === 'close' || what.kind === 'fail' ? what.codes : [];
}
