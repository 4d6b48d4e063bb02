import { expect, test } from 'vitest';
import { listFindings } from '../../src/cli/list-records.ts';
import type { Finding, Findings } from '../../src/findings/findings.ts';

const GROUP = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-1/providers';

function finding(resourceId: string): Finding {
  return {
    resourceId,
    subscriptionId: '11111111-2222-3333-4444-555555555555',
    policyId: 'kv-key-rotation-enabled',
    severity: 'medium',
    status: 'open',
    verdict: 'violation',
    since: '2026-11-23T10:00:00.000Z',
    updated: '2026-11-23T10:00:00.000Z',
    attempts: 0,
    configHash: '0123456789ab',
  };
}

async function* each(all: readonly Finding[]): ReturnType<Findings['all']> {
  for (const one of all) yield await Promise.resolve(one);
}

test('a finding goes by the name that its audit rows have, a key by that of its vault, too', async () => {
  const ids = [
    `${GROUP}/Microsoft.KeyVault/vaults/kv-shop/keys/signing`,
    `${GROUP}/Microsoft.ContainerRegistry/registries/contosoacr`,
    `${GROUP}/Microsoft.Storage/storageAccounts/nolongercovered`,
  ];

  const { rows } = await listFindings({ all: () => each(ids.map(finding)) }, 'open', () => undefined);

  expect(rows.map(([, name]) => name)).toEqual(['kv-shop/signing', 'contosoacr', 'nolongercovered']);
});
