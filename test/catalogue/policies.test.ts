import { describe, expect, test } from 'vitest';
import { loadPolicyCases } from '../../scripts/load-cases.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { resourceTypes } from '../../src/resources/resource-map.ts';
import { findExportsWith, loadModules } from './load-modules.ts';
import { findDuplicates, isIdSpelling, toCamelCase, toPath } from './spelling.ts';

const modules = await loadModules('policy');
const folders = [...new Set(modules.flatMap(({ path }) => (path.includes('/') ? [path.split('/')[0] ?? ''] : [])))];
const found = findExportsWith(modules, 'evaluate');

test('there are policies', () => {
  expect(policies.length).toBeGreaterThanOrEqual(3);
});

test('ids are unique', () => {
  expect(findDuplicates(policies.map(({ id }) => id))).toEqual([]);
});

test('every policy that is written is registered, once, and nothing else is', () => {
  expect(found).toHaveLength(policies.length);
  expect(new Set(found.map(({ value }) => value))).toEqual(new Set(policies));
});

test('every file of cases lies beside its policy', async () => {
  const files = await loadPolicyCases();

  expect(files.map(({ path }) => path)).toEqual(
    files.map(({ content }) => toPath(content.policy.id, folders)?.replace(/\.ts$/, '.cases.ts')),
  );
});

describe.each(policies)('$id', (policy) => {
  test('is spelt like its file and its export', () => {
    const { path, name } = found.find(({ value }) => value === policy) ?? {};

    expect(isIdSpelling(policy.id)).toBe(true);
    expect(path).toBe(toPath(policy.id, folders));
    expect(name).toBe(toCamelCase(policy.id));
  });

  test('says what it is about, and where to read more', () => {
    expect(resourceTypes).toContain(policy.resource);
    expect(policy.title).toMatch(/^[A-Z].*[^.]$/);
    expect(policy.rationale).toMatch(/^[A-Z].*\.$/s);
    expect(policy.references.length).toBeGreaterThan(0);
    expect(policy.references.filter((reference) => !/^https:\/\/[^ ]+$/.test(reference))).toEqual([]);
  });
});

test('the spelling rules reject what they should', () => {
  expect(['Acr-x', 'acr', 'acr--x', 'acr_x', 'acr-x-'].filter(isIdSpelling)).toEqual([]);
  expect(toPath('acr-admin-user-disabled', ['aks', 'acr'])).toBe('acr/admin-user-disabled.ts');
  expect(toPath('vault-x', ['aks', 'acr'])).toBeUndefined();
  expect(toCamelCase('acr-second-password-fresh')).toBe('acrSecondPasswordFresh');
  expect(findDuplicates(['a', 'b', 'a'])).toEqual(['a']);
});
