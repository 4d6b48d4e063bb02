import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContainerApp, ContainerGroup } from '../../src/resources/container-group.ts';
import { ContainerRegistry } from '../../src/resources/container-registry.ts';
import { hasProperties } from '../../src/resources/lenient.ts';
import { AgentPool, ManagedCluster } from '../../src/resources/managed-cluster.ts';
import { resourceReaders, resourceTypes } from '../../src/resources/resource-map.ts';
import { Tags, tagValue } from '../../src/resources/tags.ts';

const named = { id: '/subscriptions/s/x', name: 'x' };
const KEYS = [
  'adminUserEnabled',
  'agentPoolProfiles',
  'configuration',
  'creationDate',
  'imageRegistryCredentials',
  'loginServer',
  'powerState',
  'properties',
  'provisioningState',
  'registries',
  'systemData',
  'tags',
];
/** JSON whose keys are the ones that readers look at, with anything at all as their values, at any depth. */
const { tree: anyJson } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.jsonValue({ maxDepth: 1 }),
  tree: fc.oneof(
    { maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.constant('__proto__'), fc.string()), tie('tree'), {
      maxKeys: 5,
    }),
  ),
}));

test('no reader throws on an object that has an id and a name, whatever else it holds', () => {
  const body = fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), anyJson, { maxKeys: 6 });
  const readers = [...resourceTypes.map((type) => resourceReaders[type]), ContainerApp];
  fc.assert(
    fc.property(body, (rest) => {
      for (const reader of readers) {
        const read = reader.parse({ ...rest, ...named });
        expect(read.id).toBe(named.id);
        expect(typeof read.properties).toBe('object');
      }
    }),
    { numRuns: 500 },
  );
});

test('an absent, null or wrongly typed property reads as undefined', () => {
  const properties = [{}, { provisioningState: null }, { provisioningState: 7 }, null, 'text', [], undefined];

  const read = properties.map((value) => ContainerRegistry.parse({ ...named, properties: value }).properties);

  expect(read.map(({ provisioningState }) => provisioningState)).toEqual(properties.map(() => undefined));
});

test.each([
  [true, true],
  ['true', true],
  [' True ', true],
  [false, false],
  ['false', false],
  [null, undefined],
  [undefined, undefined],
  [1, 'unreadable'],
  ['yes', 'unreadable'],
  ['', 'unreadable'],
  [{}, 'unreadable'],
])('the admin flag %j reads as %j', (written, expected) => {
  expect(
    ContainerRegistry.parse({ ...named, properties: { adminUserEnabled: written } }).properties.adminUserEnabled,
  ).toBe(expected);
});

test('a malformed entry of a list does not hide its neighbours', () => {
  const cluster = ManagedCluster.parse({
    ...named,
    properties: { agentPoolProfiles: [null, { name: 'np1', osType: 'Linux' }, 3] },
  });
  const group = ContainerGroup.parse({
    ...named,
    properties: { imageRegistryCredentials: ['?', { server: 'shop.azurecr.io', username: 'shop' }] },
  });

  expect(cluster.properties.agentPoolProfiles.map(({ name }) => name)).toEqual([undefined, 'np1', undefined]);
  expect(group.properties.imageRegistryCredentials).toContainEqual({ server: 'shop.azurecr.io', username: 'shop' });
  expect(AgentPool.parse(null)).toEqual({ powerState: {} });
});

test('a body without properties can be told from one whose properties are empty', () => {
  expect(hasProperties({ ...named, properties: {} })).toBe(true);
  for (const raw of [named, { ...named, properties: null }, { ...named, properties: [] }, null, 'text', [named]]) {
    expect(hasProperties(raw)).toBe(false);
  }
});

test('tags are read leniently and found whatever the casing of their name', () => {
  const tags = Tags.parse({ Owner: 'ann', count: 3, none: null });

  expect(tags).toEqual({ Owner: 'ann' });
  expect(tagValue(tags, 'OWNER')).toBe('ann');
  expect(tagValue(tags, 'count')).toBeUndefined();
  for (const malformed of [undefined, null, [], 'a=b', 4]) expect(Tags.parse(malformed)).toEqual({});
});

test('a body with nothing but an id and a name reads as one without tags and properties', () => {
  expect(ManagedCluster.parse(named)).toMatchObject({
    tags: {},
    properties: { powerState: {}, agentPoolProfiles: [] },
  });
  expect(ContainerGroup.parse(named).properties.imageRegistryCredentials).toEqual([]);
  expect(ContainerApp.parse(named).properties.configuration.registries).toEqual([]);
  expect(ContainerRegistry.parse(named).properties.adminUserEnabled).toBeUndefined();
});
