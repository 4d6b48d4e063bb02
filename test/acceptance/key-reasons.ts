import type { KeyOptions } from '../../local/azure/key-vault/key-vault-seed.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import { runHost } from '../support/host-delivery.ts';
import { type KeyScene, rotateNearExpiry, setRotationPolicy, userOf, violate } from './key-scenes.ts';
import { refuse, type Scenario } from './reason-scenarios.ts';
import { disableAdminUser } from './remediation-scenes.ts';

/** A scenario about the key `data` of the only vault. */
function ofKey(
  { remediationId, policyId, resourceId }: KeyScene,
  act: (run: EngineHarness) => Promise<void>,
): Scenario {
  const modes = { REMEDIATE_KV_SET_KEY_ROTATION_POLICY: 'enforce', REMEDIATE_KV_ROTATE_KEY: 'enforce' };
  return {
    scene: { ...disableAdminUser, remediationId, policyId, resourceId, environment: modes },
    options: { seed: vaultSeed([vaultBody('kv-test')]) },
    act,
  };
}

/** The owner makes such a key. */
function made(scene: KeyScene, change: KeyOptions = {}, user?: typeof userOf): Scenario {
  return ofKey(scene, async (run) => {
    violate(run, scene, change, user);
    await runHost(run, { untilMs: 60_000 });
  });
}

const WEEKLY = {
  lifetimeActions: [{ trigger: { timeAfterCreate: 'P7D' }, action: { type: 'Rotate' } }],
  attributes: { expiryTime: 'P28D' },
};
const pinned = (kid: string) => userOf(kid, false);
const elsewhere = (kid: string) => userOf(kid.replace('/keys/data', '/keys/other'));

export const keyDecisions: Readonly<Record<string, Scenario>> = {
  'not-opted-in': made(setRotationPolicy, { tags: {} }),
  'pinned-users-found': made(setRotationPolicy, {}, pinned),
  'no-known-users': made(setRotationPolicy, {}, elsewhere),
  'expiry-too-short': made(rotateNearExpiry, { rotationPolicy: WEEKLY }),
};

export const keyInputs: Readonly<Record<string, Scenario>> = {
  'keys-not-listed': ofKey(setRotationPolicy, async (run) => {
    refuse(run, 'GET', /\/keys\?/, 403);
    await sweepResources(run.context());
  }),
};

export const keyNotices: Readonly<Record<string, Scenario>> = {
  'key-users-pinned': made(setRotationPolicy, {}, pinned),
  'key-users-unknown': ofKey(setRotationPolicy, async (run) => {
    refuse(run, 'POST', /ResourceGraph/, 403, Infinity);
    violate(run, setRotationPolicy, {}, pinned);
    await runHost(run, { untilMs: 60_000 });
  }),
};
