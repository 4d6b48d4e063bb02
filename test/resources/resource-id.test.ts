import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDockwardenError } from '../../src/errors.ts';
import {
  isRootId,
  mentionsCoveredType,
  parentOf,
  parseResourceId,
  type ResourceId,
} from '../../src/resources/resource-id.ts';
import { coveredType, resourceTypes } from '../../src/resources/resource-map.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-shop`;
const REGISTRY = `${GROUP}/providers/Microsoft.ContainerRegistry/registries/shopregistry`;
const CLUSTER = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/shop_cluster-1`;
const CONTAINERS = `${GROUP}/providers/Microsoft.ContainerInstance/containerGroups/shop-batch`;

function tryParse(text: string): ResourceId | string {
  try {
    return parseResourceId(text);
  } catch (error) {
    if (isDockwardenError(error, 'INPUT_INVALID_RESOURCE_ID')) return error.message;
    throw error;
  }
}

test('a registry id is read into its parts, as Azure spelt them', () => {
  expect(parseResourceId(REGISTRY)).toEqual({
    id: REGISTRY,
    key: REGISTRY.toLowerCase(),
    subscriptionId: SUBSCRIPTION,
    resourceGroup: 'rg-shop',
    type: 'Microsoft.ContainerRegistry/registries',
    name: 'shopregistry',
  });
});

test.each([
  ['lower-case group segment', REGISTRY.replace('resourceGroups', 'resourcegroups')],
  ['upper case throughout', REGISTRY.toUpperCase()],
  ['mixed-case provider', REGISTRY.replace('Microsoft.ContainerRegistry', 'microsoft.containerREGISTRY')],
  ['a trailing slash', `${REGISTRY}/`],
  ['a child', `${REGISTRY}/tokens/t1`],
  ['a grandchild with a trailing slash', `${REGISTRY}/connectedRegistries/c1/things/t/`],
  ['a role assignment', `${REGISTRY}/providers/Microsoft.Authorization/roleAssignments/${SUBSCRIPTION}`],
  ['tags', `${REGISTRY}/providers/Microsoft.Resources/tags/default`],
  ['an assessment', `${REGISTRY}/providers/Microsoft.Security/assessments/c0b7cfc6-3172-465a-b378-53c7ff2cc0d5`],
  [
    'a diagnostic setting with a blank',
    `${REGISTRY}/providers/Microsoft.Insights/diagnosticSettings/send to workspace`,
  ],
  ['the same, percent-encoded', `${REGISTRY}/providers/Microsoft.Insights/diagnosticSettings/send%20to%20workspace`],
  ['a Kubernetes object', `${REGISTRY}/rbac.authorization.k8s.io/rolebindings/namespaces/system:node`],
])('%s leads to the same registry', (_what, text) => {
  const id = parseResourceId(text);

  expect(id.key).toBe(REGISTRY.toLowerCase());
  expect(id.type).toBe('Microsoft.ContainerRegistry/registries');
});

test.each([
  [CLUSTER, 'Microsoft.ContainerService/managedClusters'],
  [`${CLUSTER}/agentPools/np1`, 'Microsoft.ContainerService/managedClusters'],
  [CONTAINERS, 'Microsoft.ContainerInstance/containerGroups'],
  [REGISTRY.replace('rg-shop', 'Größe_(été).1-ключ'), 'Microsoft.ContainerRegistry/registries'],
])('%s is of the type %s', (text, type) => {
  expect(parseResourceId(text).type).toBe(type);
});

test.each([
  ['nothing', ''],
  ['a slash', '/'],
  ['no leading slash', REGISTRY.slice(1)],
  ['two leading slashes', `/${REGISTRY}`],
  ['two trailing slashes', `${REGISTRY}//`],
  ['a URL', `https://management.azure.com${REGISTRY}`],
  ['a subscription that is no GUID', REGISTRY.replace(SUBSCRIPTION, 'my-subscription')],
  ['a GUID in braces', REGISTRY.replace(SUBSCRIPTION, `{${SUBSCRIPTION}}`)],
  ['an empty segment', REGISTRY.replace('rg-shop', '')],
  ['an odd number of segments', `${REGISTRY}/tokens`],
  ['no name', REGISTRY.replace('/shopregistry', '')],
  ['a subscription', `/subscriptions/${SUBSCRIPTION}`],
  ['a resource group', GROUP],
  ['a type that is not covered', `${GROUP}/providers/Microsoft.Storage/storageAccounts/store`],
  [
    'a covered type under another resource',
    `${GROUP}/providers/Microsoft.Foo/bars/b/providers/Microsoft.ContainerRegistry/registries/r`,
  ],
  ['a group that steps up', REGISTRY.replace('rg-shop', '..')],
  ['a name that steps up', REGISTRY.replace('shopregistry', '..')],
  ['a child that steps up', `${REGISTRY}/../victim`],
  ['a child that steps up, encoded', `${REGISTRY}/%2e%2E/victim`],
  ['an encoded slash in a child', `${REGISTRY}/tokens/a%2Fb`],
  ['an encoded zero byte in a child', `${REGISTRY}/tokens/a%00`],
  ['a broken escape in a child', `${REGISTRY}/tokens/a%zz`],
  ['a double-encoded child', `${REGISTRY}/tokens/%252e`],
  ['an encoded group', REGISTRY.replace('rg-shop', 'rg%2Dshop')],
  ['an encoded name', REGISTRY.replace('shopregistry', 'shop%72egistry')],
  ['a query', `${REGISTRY}?api-version=2020-01-01`],
  ['a fragment', `${REGISTRY}#x`],
  ['a backslash', REGISTRY.replace('shopregistry', String.raw`shop\registry`)],
  ['a blank before', ` ${REGISTRY}`],
  ['a line break after', `${REGISTRY}\n`],
  ['a line break in a child', `${REGISTRY}/tokens/a\nb`],
  ['a zero-width character in the name', REGISTRY.replace('shop', 'shop\u200B')],
  ['a right-to-left override in a child', `${REGISTRY}/tokens/a\u202Eb`],
  ['a Cyrillic look-alike in the name', REGISTRY.replace('shopregistry', 'shоpregistry')],
  ['a Cyrillic look-alike in the type', REGISTRY.replace('registries', 'registriеs')],
  ['the Kelvin sign in the group', REGISTRY.replace('rg-shop', 'rg-\u212A')],
  ['full-width letters in the group', REGISTRY.replace('rg-shop', 'ｒｇ')],
  ['a letter without a lower case of its own in the group', REGISTRY.replace('rg-shop', 'rg-İ')],
  ['a group that ends with a full stop', REGISTRY.replace('rg-shop', 'rg.')],
  ['a group of 91 characters', REGISTRY.replace('rg-shop', 'g'.repeat(91))],
  ['a hyphen in a registry name', REGISTRY.replace('shopregistry', 'shop-registry')],
  ['a registry name of 51 characters', REGISTRY.replace('shopregistry', 'r'.repeat(51))],
  ['a cluster name that ends with a hyphen', `${CLUSTER}-`],
  ['an underscore in a container group name', CONTAINERS.replace('shop-batch', 'shop_batch')],
  ['2049 characters', `${REGISTRY}/tokens/${'t'.repeat(2049 - REGISTRY.length - 8)}`],
])('%s is no resource id of ours', (_what, text) => {
  expect(tryParse(text)).toMatch(/^not a resource id of ours: /);
});

test('2048 characters are still read', () => {
  expect(parseResourceId(`${REGISTRY}/tokens/${'t'.repeat(2048 - REGISTRY.length - 8)}`).id).toBe(REGISTRY);
});

describe('for any text', () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'subscriptions',
      'resourceGroups',
      'providers',
      SUBSCRIPTION,
      '..',
      '',
      'registries',
      'managedClusters',
    ),
    fc.constantFrom(
      'Microsoft.ContainerRegistry',
      'microsoft.containerservice',
      'Microsoft.Authorization',
      'rg',
      '%2e',
      'ß',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const idLike = fc.array(segment, { maxLength: 14 }).map((segments) => `/${segments.join('/')}`);
  const nearlyId = fc
    .tuple(fc.constantFrom(REGISTRY, CLUSTER, CONTAINERS), fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([id, at, junk]) => id.slice(0, at % id.length) + junk + id.slice(at % id.length));
  const anyText = fc.oneof(fc.string({ unit: 'binary' }), idLike, nearlyId);

  test('parsing answers with an id or with the one typed error, which repeats little of it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const result = tryParse(text);
        const isExpected = typeof result === 'string' ? result.length < 1500 : resourceTypes.includes(result.type);
        expect(isExpected).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a key, an id, any casing of it and any child of it have the same key', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const result = tryParse(text);
        fc.pre(typeof result !== 'string');
        expect(parseResourceId(result.key).key).toBe(result.key);
        expect(parseResourceId(result.id)).toEqual(result);
        expect(parseResourceId(`${result.id}/agentPools/np1`).key).toBe(result.key);
        expect(isRootId(result.id, result)).toBe(true);
        expect(isRootId(`${result.id}/agentPools/np1`, result)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('a blank around the type is no part of an id', () => {
    const id =
      '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.ContainerService';

    for (const type of ['managedClusters\t', ' managedClusters', 'managedClusters\u00a0', 'managedClusters\ufeff']) {
      expect(typeof tryParse(`${id}/${type}/aks1`)).toBe('string');
    }
    expect(tryParse(`${id}/managedClusters/aks1`)).toMatchObject({ name: 'aks1' });
  });

  test('the id that is kept has nothing in it that could change a URL', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const result = tryParse(text);
        fc.pre(typeof result !== 'string');
        expect(result.id).toMatch(/^(?:\/[\p{L}\p{N}._()-]+){8}$/u);
        expect(result.id.split('/')).not.toContain('..');
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever parses also mentions a covered type', () => {
    fc.assert(
      fc.property(nearlyId, (text) => {
        expect(typeof tryParse(text) === 'string' || mentionsCoveredType(text)).toBe(true);
      }),
    );
  });
});

test('ids of covered types are told from foreign ones even when they are malformed', () => {
  expect(
    mentionsCoveredType('/subscriptions/x/resourceGroups<rg>/providers/MICROSOFT.ContainerService/managedclusters/c'),
  ).toBe(true);
  expect(mentionsCoveredType(`${GROUP}/providers/Microsoft.Storage/storageAccounts/registries`)).toBe(false);
  expect(mentionsCoveredType('')).toBe(false);
});

test('a type is known in any casing, and only as a whole', () => {
  expect(coveredType('microsoft.containerservice/MANAGEDCLUSTERS')).toBe('Microsoft.ContainerService/managedClusters');
  expect(coveredType('Microsoft.ContainerRegistry/registries/tokens')).toBeUndefined();
  expect(coveredType('undefined/undefined')).toBeUndefined();
});

describe('a key of a vault', () => {
  const VAULT =
    '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/kv-shop';

  test('is a resource of its own, and so are its versions', () => {
    const key = parseResourceId(`${VAULT}/Keys/disks/versions/0123456789abcdef0123456789abcdef`);

    expect(key).toMatchObject({
      id: `${VAULT}/Keys/disks`,
      type: 'Microsoft.KeyVault/vaults/keys',
      name: 'kv-shop/disks',
    });
    expect(key.key).toBe(`${VAULT}/keys/disks`.toLowerCase());
    expect(parentOf(key)).toEqual(parseResourceId(VAULT));
    expect(parentOf(parseResourceId(VAULT))).toEqual(parseResourceId(VAULT));
  });

  test('is not whatever else lies in the vault', () => {
    for (const child of ['secrets/s', 'providers/Microsoft.Authorization/roleAssignments/x', 'keys /disks'])
      expect(parseResourceId(`${VAULT}/${child}`)).toMatchObject({ id: VAULT, type: 'Microsoft.KeyVault/vaults' });
  });

  test('has a name that Key Vault allows', () => {
    for (const name of ['a_b', 'a.b', 'a'.repeat(128)])
      expect(() => parseResourceId(`${VAULT}/keys/${name}`)).toThrow(
        'the name is not valid for Microsoft.KeyVault/vaults/keys',
      );
  });
});
