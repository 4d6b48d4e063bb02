import { describe, expect, test } from 'vitest';
import { assignProductRole } from '../../local/azure/sample-subscription.ts';
import { listOperations } from '../../scripts/generated/remediation-page.ts';
import { deriveRoles, effectiveActions, listEngineReads, type Role } from '../../scripts/generated/roles.ts';
import { defineWrite } from '../../src/azure/operation.ts';
import { engineReads, relatedReads } from '../../src/azure/resources.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { isActionSpelling } from './spelling.ts';

/** Reads a secret, runs foreign code, hands out access: never part of any role, whatever a fix might find handy. */
const never: readonly RegExp[] = [
  /\/registries\/listCredentials\/action$/i,
  /\/managedClusters\/(?:runCommand|listClusterAdminCredential)\/action$/i,
  /\/roleAssignments\/(?:write|delete)$/i,
  /\/vaults\/secrets\//i,
];

const loopReads = listEngineReads(policies);
const roles = deriveRoles(loopReads, remediations);
const allRoles: readonly Role[] = [roles.read, ...Object.values(roles.write)];

function findForbidden(role: Role): string[] {
  return role.actions.filter((action) => never.some((pattern) => pattern.test(action)) || !isActionSpelling(action));
}

test('no role allows what is never allowed, and none has a wildcard', () => {
  expect(allRoles.flatMap(findForbidden)).toEqual([]);
});

test('such an action in an operation would be caught', () => {
  const [remediation] = remediations;
  if (remediation === undefined) throw new Error('there are no remediations');
  const planted = defineWrite({
    id: 'registries.listCredentials',
    actions: ['Microsoft.ContainerRegistry/registries/listCredentials/action', 'Microsoft.ContainerRegistry/*/write'],
    repeatable: true,
    run: async () => await Promise.resolve(),
  });
  const { write } = deriveRoles([], [{ ...remediation, id: 'planted', uses: { planted } }]);

  expect(Object.values(write).flatMap(findForbidden)).toHaveLength(2);
});

test('the reader only reads, and its actions are enough for every read of every remediation', () => {
  const reads = [...loopReads, ...remediations.flatMap(listOperations).filter(({ effect }) => effect === 'read')];

  expect(roles.read.actions.length).toBeGreaterThan(4);
  expect(roles.read.actions.filter((action) => !action.endsWith('/read'))).toEqual([]);
  expect(reads.flatMap(({ actions }) => actions).filter((action) => !roles.read.actions.includes(action))).toEqual([]);
});

test('every remediation has a role of its own, with exactly the actions of its writes', () => {
  expect(Object.keys(roles.write)).toEqual(remediations.map(({ id }) => id));
  for (const remediation of remediations) {
    const writes = listOperations(remediation).filter(({ effect }) => effect === 'write');
    const declared = new Set(writes.flatMap(({ actions }) => actions));
    expect(new Set(roles.write[remediation.id]?.actions)).toEqual(declared);
  }
});

test('actions are sorted, each once: a diff shows what was added', () => {
  for (const { actions } of allRoles) expect(actions).toEqual([...new Set(actions)].toSorted());
});

test('a related resource is in the reader only while a policy asks for it', () => {
  const { agentPools } = relatedReads;
  const without = listEngineReads([{}, { needs: [] }]);

  expect(without).not.toContain(agentPools);
  expect(listEngineReads([{}, { needs: ['agentPools'] }])).toEqual(engineReads);
  expect(without).toEqual(engineReads.filter((read) => read !== agentPools));
});

function isReadOnly(actions: readonly string[]): boolean {
  return actions.every((action) => action.endsWith('/read'));
}

describe('the effective role', () => {
  test.each(['off', 'observe'] as const)('is the reader alone while everything is in %s', (mode) => {
    const actions = effectiveActions(roles, () => mode);

    expect(actions).toEqual(roles.read.actions);
    expect(isReadOnly(actions)).toBe(true);
  });

  test.each(remediations)('holds the writes of $id and of no other while only that one may act', ({ id }) => {
    const own: readonly string[] = roles.write[id]?.actions ?? [];
    for (const mode of ['approve', 'enforce'] as const) {
      const actions = effectiveActions(roles, (other) => (other === id ? mode : 'observe'));

      expect(new Set(actions)).toEqual(new Set([...roles.read.actions, ...own]));
      expect(isReadOnly(actions)).toBe(false);
    }
  });

  test('is sorted, each action once', () => {
    const actions = effectiveActions(roles, () => 'enforce');

    expect(actions).toEqual([...new Set(actions)].toSorted());
    expect(new Set(actions)).toEqual(new Set(allRoles.flatMap((role) => role.actions)));
  });

  test('cannot be made with a wildcard, wherever it comes from', () => {
    const planted = { actions: ['Microsoft.ContainerRegistry/registries/*'] };

    expect(() => effectiveActions({ ...roles, read: planted }, () => 'observe')).toThrow(/wildcard.*registries\/\*/);
    expect(() => effectiveActions({ ...roles, write: { planted } }, () => 'enforce')).toThrow(/wildcard/);
    expect(() => assignProductRole(['*'])).toThrow(/wildcard/);
  });
});
