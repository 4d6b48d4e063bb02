import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../../local/azure/sample-subscription.ts';
import { addSampleVault } from '../../local/azure/sample-vault.ts';
import { FixedClock, type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({ clock: new FixedClock() });
  addSampleVault(harness.simulator);
});
afterEach(async () => {
  await harness.stop();
});

const vaultId = sampleId('kv-platform');

test('the vault has three keys, and nobody was told', () => {
  const vault = harness.simulator.keyVault(vaultId);

  const keys = ['disk-encryption', 'registry-cmk', 'legacy-signing'].map((name) => vault.key(name));

  expect(keys).toMatchObject([
    { exp: undefined, tags: { 'dockwarden-key-rotation': 'on' }, rotationPolicy: undefined },
    { exp: new Date('2026-12-05T10:00:00Z'), tags: { 'dockwarden-key-rotation': 'on' } },
    { exp: new Date('2026-12-13T10:00:00Z'), tags: {} },
  ]);
  expect(harness.simulator.events).toEqual([]);
});

test('a disk encryption set and a registry use two of them, whatever their version', async () => {
  const { url } = harness.simulator.keyVault(vaultId);
  const { data } = await harness.graph().resources({
    subscriptions: [SAMPLE_SUBSCRIPTION_ID],
    query:
      'resources | where isnotempty(properties.activeKey.keyUrl) | project name, key = properties.activeKey.keyUrl | order by name asc',
  });
  const registry = await harness.registries().get('rg-platform-prod', 'contosofresh');

  expect(data).toEqual([{ name: 'des-nodes', key: `${url}/keys/disk-encryption` }]);
  expect(registry.encryption?.keyVaultProperties?.keyIdentifier).toBe(`${url}/keys/registry-cmk`);
});

test('of the two that expire soon it tells nothing before they have a new version', () => {
  const vault = harness.simulator.keyVault(vaultId);
  vault.announceExpiry();
  expect(harness.simulator.events).toEqual([]);

  vault.createKey('registry-cmk', { exp: new Date('2026-12-05T10:00:00Z') });
  vault.announceExpiry();

  expect(harness.simulator.events.map(({ eventType, subject }) => [eventType, subject])).toEqual([
    ['Microsoft.KeyVault.KeyNewVersionCreated', 'registry-cmk'],
    ['Microsoft.KeyVault.KeyNearExpiry', 'registry-cmk'],
  ]);
});
