import { expect, test } from 'vitest';
import { changesFilter } from '../../local/azure/sample-topics.ts';
import { checkFilter, matchesFilter } from '../../local/event-grid/filter.ts';
import { createEvent } from '../event-grid/create-event.ts';

const isLetThrough = (operationName: string, kind = 'Write') =>
  matchesFilter(
    createEvent({ eventType: `Microsoft.Resources.Resource${kind}Success`, data: { operationName } }),
    changesFilter(),
  );

test.each([
  ['Microsoft.ContainerRegistry/registries/write', 'Write'],
  ['microsoft.containerservice/managedClusters/agentPools/delete', 'Delete'],
  ['Microsoft.KeyVault/vaults/keys/write', 'Write'],
  ['Microsoft.ContainerRegistry/registries/regenerateCredential/action', 'Action'],
  ['Microsoft.Resources/tags/write', 'Write'],
])('a change that policies judge comes: %s', (operation, kind) => {
  expect(isLetThrough(operation, kind)).toBe(true);
});

test.each([
  ['Microsoft.Storage/storageAccounts/write', 'Write'],
  ['Microsoft.ContainerRegistry/registriesOfOthers/write', 'Write'],
  ['Microsoft.Resources/deployments/write', 'Write'],
])('what concerns no policy does not: %s', (operation, kind) => {
  expect(isLetThrough(operation, kind)).toBe(false);
});

test('what failed has changed nothing, and Azure takes the filter', () => {
  const failed = createEvent({
    eventType: 'Microsoft.Resources.ResourceWriteFailure',
    data: { operationName: 'Microsoft.ContainerRegistry/registries/write' },
  });

  expect(matchesFilter(failed, changesFilter())).toBe(false);
  expect(() => checkFilter(changesFilter())).not.toThrow();
});
