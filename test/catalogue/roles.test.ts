import { describe, expect, test } from 'vitest';
import { assignProductRole } from '../../local/azure/sample-subscription.ts';
import {
  deriveRoles,
  effectivePermissions,
  listEngineReads,
  type OptionalRole,
  optionalRolesFor,
  type Role,
} from '../../scripts/generated/roles.ts';
import { defineWrite } from '../../src/azure/operation.ts';
import { engineReads, relatedReads } from '../../src/azure/resources.ts';
import { listOperations } from '../../src/doctor/roles.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { type Mode, parseSettings } from '../../src/settings/settings.ts';
import { isActionSpelling } from './spelling.ts';

/** Reads a secret, runs foreign code, hands out access: never part of any role, whatever a fix might find handy. */
const never: readonly RegExp[] = [
  /\/registries\/listCredentials\/action$/i,
  /\/managedClusters\/listClusterAdminCredential\/action$/i,
  /\/roleAssignments\/(?:write|delete)$/i,
  // Storing a secret, and seeing that it is stored, tells nobody what it says.
  /\/vaults\/secrets\/(?!setSecret\/action$|readMetadata\/action$)/i,
];

const loopReads = listEngineReads(policies);
const roles = deriveRoles(loopReads, remediations);
const allRoles: readonly Role[] = [roles.read, ...Object.values(roles.optional), ...Object.values(roles.write)];
const effectiveActions = (modeOf: (id: string) => Mode, optional: readonly OptionalRole[] = []) =>
  effectivePermissions(roles, { modeOf, optional }).actions;

function findForbidden({ actions, dataActions }: Role): string[] {
  return [...actions, ...dataActions].filter(
    (action) => never.some((pattern) => pattern.test(action)) || !isActionSpelling(action),
  );
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
    dataActions: ['Microsoft.KeyVault/vaults/secrets/getSecret/action'],
    repeatable: true,
    run: async () => await Promise.resolve(),
  });
  const { write } = deriveRoles([], [{ ...remediation, id: 'planted', uses: { planted } }]);

  expect(Object.values(write).flatMap(findForbidden)).toHaveLength(3);
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
    const actions = effectiveActions(() => mode);

    expect(actions).toEqual(roles.read.actions);
    expect(isReadOnly(actions)).toBe(true);
  });

  test.each(remediations)('holds the writes of $id and of no other while only that one may act', ({ id }) => {
    const own: readonly string[] = roles.write[id]?.actions ?? [];
    for (const mode of ['approve', 'enforce'] as const) {
      const modeOf = (other: string) => (other === id ? mode : 'observe');
      const { actions, dataActions } = effectivePermissions(roles, { modeOf, optional: [] });

      expect(new Set(actions)).toEqual(new Set([...roles.read.actions, ...own]));
      expect(dataActions).toEqual(roles.write[id]?.dataActions);
      expect(isReadOnly([...actions, ...dataActions])).toBe(false);
    }
  });

  test('is sorted, each action once', () => {
    const actions = effectiveActions(() => 'enforce', ['nodes', 'metrics', 'runCommand', 'passwordVault']);

    expect(actions).toEqual([...new Set(actions)].toSorted());
    expect(new Set(actions)).toEqual(new Set(allRoles.flatMap((role) => role.actions)));
  });

  test('cannot be made with a wildcard, wherever it comes from', () => {
    const planted = { actions: ['Microsoft.ContainerRegistry/registries/*'], dataActions: [] };
    const settings = { modeOf: () => 'enforce' as const, optional: [] };

    expect(() => effectivePermissions({ ...roles, read: planted }, settings)).toThrow(/wildcard.*registries\/\*/);
    expect(() => effectivePermissions({ ...roles, write: { planted } }, settings)).toThrow(/wildcard/);
    expect(() => assignProductRole(['*'])).toThrow(/wildcard/);
    expect(() => assignProductRole([], ['Microsoft.ContainerService/managedClusters/*'])).toThrow(/wildcard/);
  });
});

function optionalFor(environment: Readonly<Record<string, string>>): readonly OptionalRole[] {
  return optionalRolesFor(parseSettings(environment, { policies, remediations }), policies, remediations);
}

describe('the optional roles', () => {
  const nodePolicies = policies.filter(({ needs }) => needs?.includes('nodeHealth') === true);

  test('are called for by what they serve, and not without', () => {
    const off = Object.fromEntries(
      nodePolicies.map(({ id }) => [`POLICY_${id.toUpperCase().replaceAll('-', '_')}`, 'off']),
    );

    expect(nodePolicies.length).toBeGreaterThan(3);
    expect(optionalFor({})).toEqual(['nodes']);
    expect(optionalFor({ AKS_METRICS_ENDPOINTS: 'https://a.example' })).toEqual(['nodes', 'metrics']);
    expect(optionalFor({ AKS_RUN_COMMAND: 'private-clusters' })).toEqual(['nodes', 'runCommand']);
    expect(optionalFor({ ...off, AKS_RUN_COMMAND: 'private-clusters' })).toEqual([]);
    const vault = { ACR_ROTATED_PASSWORD_VAULT: 'https://contoso-kv.vault.azure.net' };
    expect(optionalFor(vault)).toEqual(['nodes', 'passwordVault']);
    expect(optionalFor({ ...off, ...vault })).toEqual(['passwordVault']);
  });

  test('hold what reading nodes takes, and nothing that reads secrets or pods', () => {
    const { nodes, metrics, runCommand } = roles.optional;

    expect(nodes.dataActions).toEqual([
      'Microsoft.ContainerService/managedClusters/apps/daemonsets/read',
      'Microsoft.ContainerService/managedClusters/nodes/read',
    ]);
    expect(nodes.actions).toContain('Microsoft.ContainerService/managedClusters/listClusterUserCredential/action');
    expect(metrics).toMatchObject({ actions: [], dataActions: ['Microsoft.Monitor/accounts/data/metrics/read'] });
    expect(allRoles.filter(({ actions }) => actions.some((action) => action.includes('runCommand')))).toEqual([
      runCommand,
    ]);
  });

  test('alone may store passwords: the fix that makes them may not', () => {
    const { passwordVault } = roles.optional;
    const holders = allRoles.filter(({ dataActions }) => dataActions.some((action) => action.includes('/secrets/')));

    expect(passwordVault).toMatchObject({
      actions: [],
      dataActions: [
        'Microsoft.KeyVault/vaults/secrets/readMetadata/action',
        'Microsoft.KeyVault/vaults/secrets/setSecret/action',
      ],
    });
    expect(holders).toEqual([passwordVault]);
    expect(roles.write['acr-rotate-second-password']).toMatchObject({
      actions: ['Microsoft.ContainerRegistry/registries/regenerateCredential/action'],
      dataActions: [],
    });
  });
});
