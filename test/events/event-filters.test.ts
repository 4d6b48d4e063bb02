import { describe, expect, it } from 'vitest';
import { listEventNeeds, mergeEventNeeds, topicTypes } from '../../src/events/event-filters.ts';
import { parseEvent } from '../../src/events/parse-events.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { resourceTypes } from '../../src/resources/resource-map.ts';

const SUBSCRIPTION = '/subscriptions/11111111-2222-3333-4444-555555555555';
const NAMES = {
  'Microsoft.ContainerRegistry/registries': 'registries/contosoacr',
  'Microsoft.ContainerService/managedClusters': 'managedClusters/aks-prod',
  'Microsoft.ContainerInstance/containerGroups': 'containerGroups/jobs',
  'Microsoft.KeyVault/vaults': 'vaults/kv-prod',
  'Microsoft.KeyVault/vaults/keys': 'vaults/kv-prod/keys/disk',
} as const;

function typesOf(id: string) {
  return mergeEventNeeds(listEventNeeds(policies.filter((policy) => policy.id === id))).eventTypes;
}

function prefixesOf(id: string) {
  return mergeEventNeeds(listEventNeeds(policies.filter((policy) => policy.id === id))).operationPrefixes;
}

describe('which events policies need', () => {
  const all = mergeEventNeeds(listEventNeeds(policies));

  it('names for every policy what changes its resource, and the tags that exempt it', () => {
    for (const need of listEventNeeds(policies)) {
      const { resource } = policies.find(({ id }) => id === need.policyId) ?? {};
      const [provider = '', type = ''] = (resource ?? '').split('/');
      expect(need.operationPrefixes).toContain(`${provider}/${type}/`);
      expect(need.operationPrefixes).toContain('Microsoft.Resources/tags/');
      expect(need.eventTypes['Microsoft.Resources.Subscriptions']).toHaveLength(3);
    }
  });

  it('leaves out what no policy of the list asks for', () => {
    const needs = mergeEventNeeds(listEventNeeds(policies.filter(({ id }) => id === 'acr-admin-user-disabled')));

    expect(needs).toEqual({
      operationPrefixes: [
        'Microsoft.Authorization/policyExemptions/',
        'Microsoft.ContainerRegistry/registries/',
        'Microsoft.Resources/tags/',
      ],
      eventTypes: {
        'Microsoft.Resources.Subscriptions': [
          'Microsoft.Resources.ResourceActionSuccess',
          'Microsoft.Resources.ResourceDeleteSuccess',
          'Microsoft.Resources.ResourceWriteSuccess',
        ],
      },
    });
    expect(mergeEventNeeds(listEventNeeds([]))).toEqual({ operationPrefixes: [], eventTypes: {} });
  });

  it('names the events of keys, nodes and images while a policy is about them', () => {
    expect(typesOf('kv-key-rotation-enabled')['Microsoft.KeyVault.vaults']).toContain(
      'Microsoft.KeyVault.KeyNearExpiry',
    );
    expect(Object.keys(typesOf('aks-node-reboot-completed'))).toEqual([
      'Microsoft.Resources.Subscriptions',
      'Microsoft.ContainerService.ManagedClusters',
      'Microsoft.ResourceNotifications.ContainerServiceEventResources',
    ]);
    expect(typesOf('acr-image-vulnerabilities-resolved')['Microsoft.ContainerRegistry.Registries']).toHaveLength(2);
    expect(typesOf('kv-alerts-closed')['Microsoft.KeyVault.vaults']).toBeUndefined();
  });

  it('hears of exemptions of Azure Policy where they count, and of none where a definition is only related', () => {
    expect(prefixesOf('acr-admin-user-disabled')).toContain('Microsoft.Authorization/policyExemptions/');
    expect(prefixesOf('kv-key-not-near-expiry')).toContain('Microsoft.Authorization/policyExemptions/');
    expect(prefixesOf('aks-required-tags-present')).not.toContain('Microsoft.Authorization/policyExemptions/');
    expect(prefixesOf('acr-second-password-fresh')).not.toContain('Microsoft.Authorization/policyExemptions/');
  });

  it('lets tickets about alerts hear of roles that somebody took and of logs that somebody switched off', () => {
    const [need] = listEventNeeds(policies.filter(({ id }) => id === 'acr-alerts-closed'));

    expect(need?.operationPrefixes).toEqual([
      'Microsoft.Authorization/roleAssignments/',
      'Microsoft.ContainerRegistry/registries/',
      'Microsoft.Insights/diagnosticSettings/',
      'Microsoft.Resources/tags/',
    ]);
  });

  it('names only events that the parser takes in', () => {
    for (const topicType of topicTypes) {
      for (const type of all.eventTypes[topicType] ?? []) {
        const isOfVault = topicType === 'Microsoft.KeyVault.vaults';
        const isOfCluster = topicType.includes('ContainerService');
        const group = `${SUBSCRIPTION}/resourceGroups/rg-1/providers`;
        const resource = isOfVault
          ? `${group}/Microsoft.KeyVault/vaults/kv-prod`
          : isOfCluster
            ? `${group}/Microsoft.ContainerService/managedClusters/aks-prod`
            : `${group}/Microsoft.ContainerRegistry/registries/contosoacr`;
        const event = {
          id: 'e-1',
          eventType: type,
          topic: resource,
          subject: resource,
          eventTime: '2026-05-22T07:19:23Z',
          data: {
            ObjectName: 'disk',
            resourceUri: resource,
            operationName: 'Microsoft.ContainerRegistry/registries/write',
          },
        };
        const result = parseEvent(event, { actorNames: false, isImageWatched: true })?.result;
        expect(`${type}: ${result ?? 'not an event'}`).toBe(`${type}: cause`);
      }
    }
  });

  it('has a prefix for changes of every covered type', () => {
    for (const type of resourceTypes) {
      const provider = type.split('/')[0] ?? '';
      const operation = `${provider}/${NAMES[type].split('/')[0] ?? ''}/write`.toLowerCase();
      const prefixes = all.operationPrefixes.map((prefix) => prefix.toLowerCase());
      expect(prefixes.filter((prefix) => operation.startsWith(prefix))).toHaveLength(1);
    }
  });

  it('stays below what Event Grid allows: 25 values over all filters of a subscription', () => {
    expect(all.operationPrefixes.length).toBeLessThanOrEqual(25);
  });
});
