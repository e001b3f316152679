import * as assert from 'uvu/assert';
import type { ExchangeCase, Target } from '../../src/conformance/case.js';
import { allCases, groups } from '../../src/conformance/index.js';
import { suite } from '../support/suite.js';

const cases = allCases();
const catalogue = suite('the conformance cases');

catalogue('have ids that are unique, well-formed and in their group', () => {
  const ids = cases.map(({ id }) => id);
  assert.is(new Set(ids).size, ids.length);
  for (const { id, group } of cases) {
    assert.match(id, /^[a-z0-9]+\/[a-z0-9]+(?:-[a-z0-9]+)*$/);
    assert.ok(id.startsWith(`${group}/`) && Object.hasOwn(groups, group), id);
  }
});

catalogue('cite a section, and say in the present tense what a good peer does', () => {
  for (const { id, section, title } of cases) {
    assert.match(
      section,
      /^RFC (?:3629|5246|5280|6066|6176|6455|6585|7301|7465|7507|7568|7692|8446|8996|9110|9112|9325|9525) §[\dA-F]+(?:\.\d+)*$/,
      id,
    );
    assert.match(title, /^(?:does not |may |answers or |takes or )?[a-z]+/, id);
  }
});

catalogue('have a script for each of their targets', () => {
  for (const testCase of cases.filter((one): one is ExchangeCase => one.kind === 'exchange')) {
    for (const target of testCase.targets ?? (['server', 'client'] as readonly Target[])) {
      const isCompressed = testCase.needs?.includes('deflate') === true;
      const own = isCompressed
        ? { windowBits: target === 'server' ? 15 : 8, keepsContext: target === 'server' }
        : undefined;
      assert.ok(Array.isArray(testCase.script(target, own)), testCase.id);
    }
  }
});

catalogue.run();
