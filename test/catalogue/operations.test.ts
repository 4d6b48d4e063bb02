import { expect, test } from 'vitest';
import { nodeHealthReads } from '../../src/azure/node-health-reads.ts';
import { engineReads } from '../../src/azure/resources.ts';
import { runNodeCommand } from '../../src/azure/run-command.ts';
import { listOperations } from '../../src/doctor/roles.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { findDuplicates, isActionSpelling } from './spelling.ts';

const operations = [
  ...new Set([...engineReads, ...nodeHealthReads, runNodeCommand, ...remediations.flatMap(listOperations)]),
];
/** Azure wants an action for them that is no reading by its name. */
const readsByAction = new Set<string>(['managedClusters.listClusterUserCredential', 'managedClusters.runNodeCommand']);

function isReading(actions: readonly string[]): boolean {
  return actions.every((action) => action.endsWith('/read'));
}

test('there are operations', () => {
  expect(operations.length).toBeGreaterThan(8);
});

test('every operation has an id of its own', () => {
  expect(findDuplicates(operations.map(({ id }) => id))).toEqual([]);
  expect(operations.filter(({ id }) => !/^[a-z][A-Za-z]*\.[a-z][A-Za-z]*$/.test(id)).map(({ id }) => id)).toEqual([]);
});

test('every operation declares at least one action, spelt as Azure does and without a wildcard', () => {
  const declared = operations.map(({ actions, dataActions = [] }) => [...actions, ...dataActions]);

  expect(declared.filter((actions) => actions.length === 0)).toEqual([]);
  expect(declared.flat().filter((action) => !isActionSpelling(action))).toEqual([]);
});

test('a read declares actions that only read, a write at least one that does not', () => {
  const others = operations.filter(({ id }) => !readsByAction.has(id));

  expect(others).toHaveLength(operations.length - readsByAction.size);
  const wrong = others.filter(
    ({ effect, actions, dataActions = [] }) => (effect === 'read') !== isReading([...actions, ...dataActions]),
  );
  expect(wrong).toEqual([]);
});

test('the spelling rule rejects what it should', () => {
  const wrong = [
    'Microsoft.ContainerRegistry/registries/*',
    'Microsoft.ContainerRegistry/*/read',
    '*',
    'microsoft.containerregistry/registries/read',
    'Microsoft.ContainerRegistry/registries',
    'Microsoft.ContainerRegistry/read',
    'Microsoft.ContainerRegistry/registries/regenerateCredential',
    'Microsoft.ContainerRegistry/registries/read ',
  ];

  expect(wrong.filter(isActionSpelling)).toEqual([]);
});
