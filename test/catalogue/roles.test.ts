import { expect, test } from 'vitest';
import { listOperations } from '../../scripts/generated/remediation-page.ts';
import { deriveRoles, type Role } from '../../scripts/generated/roles.ts';
import { defineWrite } from '../../src/azure/operation.ts';
import { engineReads } from '../../src/azure/resources.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { isActionSpelling } from './spelling.ts';

/** Reads a secret, runs foreign code, hands out access: never part of any role, whatever a fix might find handy. */
const never: readonly RegExp[] = [
  /\/registries\/listCredentials\/action$/i,
  /\/managedClusters\/(?:runCommand|listClusterAdminCredential)\/action$/i,
  /\/roleAssignments\/(?:write|delete)$/i,
  /\/vaults\/secrets\//i,
];

const roles = deriveRoles(engineReads, remediations);
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
  const reads = [...engineReads, ...remediations.flatMap(listOperations).filter(({ effect }) => effect === 'read')];

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
