import { describe, expect, test } from 'vitest';
import { listOperations } from '../../src/doctor/roles.ts';
import { policies } from '../../src/policy/catalogue.ts';
import type { Policy } from '../../src/policy/define-policy.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { findExportsWith, loadModules } from './load-modules.ts';
import { findDuplicates, isIdSpelling, toCamelCase, toPath } from './spelling.ts';

const modules = await loadModules('remediations');
const folders = [...new Set(modules.flatMap(({ path }) => (path.includes('/') ? [path.split('/')[0] ?? ''] : [])))];
const found = findExportsWith(modules, 'fixes');
const foundTrackers = findExportsWith(modules, 'tracks');

test('there are remediations', () => {
  expect(remediations.length).toBeGreaterThanOrEqual(3);
});

test('there are trackers', () => {
  expect(trackers.length).toBeGreaterThanOrEqual(4);
});

test('ids are unique, and differ from those of policies', () => {
  expect(findDuplicates([...remediations, ...trackers, ...policies].map(({ id }) => id))).toEqual([]);
});

test('every remediation that is written is registered, once, and nothing else is', () => {
  expect(found).toHaveLength(remediations.length);
  expect(new Set(found.map(({ value }) => value))).toEqual(new Set(remediations));
});

test('every tracker that is written is registered, once, and nothing else is', () => {
  expect(foundTrackers).toHaveLength(trackers.length);
  expect(new Set(foundTrackers.map(({ value }) => value))).toEqual(new Set(trackers));
});

test('trackers stand in the order of the policies that they track, and no policy is tracked twice', () => {
  const order = trackers.map(({ tracks }) => policies.findIndex(({ id }) => id === tracks.id));

  expect(order).not.toContain(-1);
  expect(order).toEqual([...new Set(order)].toSorted((a, b) => a - b));
});

test('they stand in the order of the policies that they fix, and no policy has two', () => {
  const order = remediations.map(({ fixes }) => policies.findIndex(({ id }) => id === fixes.id));

  expect(order).not.toContain(-1);
  expect(order).toEqual([...new Set(order)].toSorted((a, b) => a - b));
});

describe.each(remediations)('$id', (remediation) => {
  test('is spelt like its file and its export', () => {
    const { path, name } = found.find(({ value }) => value === remediation) ?? {};

    expect(isIdSpelling(remediation.id)).toBe(true);
    expect(path).toBe(toPath(remediation.id, folders));
    expect(name).toBe(toCamelCase(remediation.id));
  });

  test('fixes a registered policy, and names only registered ones besides', () => {
    const registered = new Set<Pick<Policy, 'id'>>(policies);

    expect(registered.has(remediation.fixes)).toBe(true);
    expect((remediation.renews ?? []).filter((policy) => !registered.has(policy))).toEqual([]);
  });

  test('can change something', () => {
    expect(listOperations(remediation).filter(({ effect }) => effect === 'write')).not.toEqual([]);
  });

  test('either undoes its fix or says why it cannot (R46)', () => {
    expect(['undo', 'irreversible'].filter((key) => Object.hasOwn(remediation, key))).toHaveLength(1);
    expect(remediation.irreversible ?? 'There is an undo, so no reason.').toMatch(/^[A-Z].{20,}\.$/s);
  });

  test('says what it breaks', () => {
    expect(remediation.title).toMatch(/^[A-Z].*[^.]$/);
    expect(remediation.impact).toMatch(/^[A-Z].{20,}\.$/s);
  });
});

describe.each(trackers)('$id', (tracker) => {
  test('is spelt like its file and its export, and says what it keeps track of', () => {
    const { path, name } = foundTrackers.find(({ value }) => value === tracker) ?? {};

    expect(isIdSpelling(tracker.id)).toBe(true);
    expect(tracker.id).toMatch(/^[a-z]+-track-[a-z-]+$/);
    expect(path).toBe(toPath(tracker.id, folders));
    expect(name).toBe(toCamelCase(tracker.id));
    expect(tracker.title).toMatch(/^Open tickets for [^.]+$/);
  });

  test('tracks a registered policy of its own service, which no remediation fixes', () => {
    const [service = ''] = tracker.id.split('-');

    expect(policies).toContain(tracker.tracks);
    expect(tracker.tracks.id.startsWith(`${service}-`)).toBe(true);
    expect(remediations.filter(({ fixes }) => fixes.id === tracker.tracks.id)).toEqual([]);
  });
});
