import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID, SAMPLE_TENANT_ID } from '../../local/azure/sample-subscription.ts';
import { isRecord } from './harness.ts';
import { collect, startVaultHarness, VAULT_ID, VAULTS, type VaultHarness } from './vault-harness.ts';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const checker = resolve(root, '../shared/contract/check-traffic.mjs');
let directory: string;
let file: string;
let harness: VaultHarness;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vault-traffic-'));
  file = join(directory, 'traffic.ndjson');
  harness = await startVaultHarness({ recordTo: file });
});
afterEach(async () => {
  await harness.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Every operation once, to ARM and to the vault, refused and granted. */
async function talk(): Promise<void> {
  const keys = harness.keys();
  const digest = createHash('sha256').update('x').digest();
  const lifetimeActions = [{ action: 'Rotate' as const, timeAfterCreate: 'P90D' }];

  const { properties } = await keys.createRsaKey('k', { tags: { a: 'b' }, expiresOn: new Date('2027-01-01') });
  await keys.createEcKey('ec');
  await keys.getKey('k');
  await keys.getKeyRotationPolicy('k');
  await keys.updateKeyRotationPolicy('k', { expiresIn: 'P2Y', lifetimeActions });
  await keys.getKeyRotationPolicy('k');
  await keys.rotateKey('k');
  await keys.updateKeyProperties('k', properties.version ?? '', { enabled: true });
  await collect(keys.listPropertiesOfKeys());
  await collect(keys.listPropertiesOfKeyVersions('k'));
  const { result } = await keys.getCryptographyClient('ec').sign('ES256', digest);
  await keys.getCryptographyClient('ec').verify('ES256', digest, result);
  await keys.getKey('nobody').catch(() => undefined);
  await keys.updateKeyRotationPolicy('k', { expiresIn: 'P1D' }).catch(() => undefined);
  await harness.secrets().setSecret('s', 'very-secret');
  await harness.secrets().getSecret('s');

  const ask = async (path: string) => await harness.send('GET', `${path}?api-version=2023-07-01`);
  await ask(VAULT_ID);
  await ask(VAULTS);
  await ask(`/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.KeyVault/vaults`);
  await ask(`${VAULT_ID}/keys`);
  await ask(`${VAULT_ID}/keys/k`);
  await ask(`${VAULT_ID}/keys/ec`);
  await ask(`${VAULT_ID}/keys/k/versions`);
  await ask(`${VAULT_ID}/keys/k/versions/${properties.version}`);
  await ask(`${VAULT_ID}/keys/nobody`);
  const change = { properties: { enablePurgeProtection: true } };
  await harness.send('PATCH', `${VAULT_ID}?api-version=2023-07-01`, { body: change });
  const sku = { family: 'A', name: 'standard' };
  const body = { location: 'westeurope', properties: { tenantId: SAMPLE_TENANT_ID, sku, accessPolicies: [] } };
  await harness.send('PUT', `${VAULTS}/kv-new?api-version=2023-07-01`, { body });
  await harness.send('DELETE', `${VAULTS}/kv-new?api-version=2023-07-01`);
}

/** Output of the contract checker, with `FAILED` when it exits with an error. */
async function check(traffic: string): Promise<string> {
  try {
    return (await run(process.execPath, [checker, traffic], { cwd: root, maxBuffer: 10_000_000 })).stdout;
  } catch (error) {
    return `${isRecord(error) ? String(error['stdout']) : ''} FAILED`;
  }
}

test('a recording holds every exchange but no token and no secret', async () => {
  await talk();
  const count = harness.simulator.requests.length;
  await harness.stop();

  const text = await readFile(file, 'utf8');

  expect(text.trim().split('\n')).toHaveLength(count);
  expect(text).toContain('/secrets/s');
  expect(text).not.toMatch(/very-secret|Bearer ey/);
});

test.skipIf(!existsSync(checker))(
  'the recording is valid against the published OpenAPI (skipped where the contract checker is not there)',
  { timeout: 120_000 },
  async () => {
    await talk();
    await harness.stop();

    const sound = await check(file);
    const spoilt = join(directory, 'spoilt.ndjson');
    await writeFile(spoilt, (await readFile(file, 'utf8')).replaceAll('"kty":"RSA"', '"kty":7'));
    const broken = await check(spoilt);

    expect(sound.split('\n').filter((line) => line.includes('  invalid  '))).toEqual([]);
    for (const operation of ['GetKey', 'RotateKey', 'sign', 'Keys_Get', 'Keys_List', 'Vaults_Update']) {
      expect(sound).toMatch(new RegExp(`valid .* 200  ${operation}\\b`, 'i'));
    }
    // A checker that saw nothing would pass too.
    expect(broken).toContain('FAILED');
  },
);
