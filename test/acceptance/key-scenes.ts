import type { KeyOptions } from '../../local/azure/key-vault/key-vault-seed.ts';
import type { SimulatedVault } from '../../local/azure/key-vault/served-vault.ts';
import type { RawResource } from '../../local/azure/resource-store.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import type { Environment } from '../../src/settings/settings.ts';
import { VAULT_ID, vaultBody, vaultSeed } from '../simulator/vault-harness.ts';
import { ENFORCING, type EngineHarness, type EngineHarnessOptions, startEngine } from '../support/engine-harness.ts';

export const DAY = 86_400_000;
export const OPTED_IN = { 'dockwarden-key-rotation': 'on' };
export const KEY_ID = `${VAULT_ID}/keys/data`;
export const USER_ID = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-vaults/providers/Microsoft.Compute/diskEncryptionSets/des-one`;

/** Rotates after 18 months, and new versions live two years. */
export const ROTATING = {
  lifetimeActions: [{ trigger: { timeAfterCreate: 'P18M' }, action: { type: 'Rotate' } }],
  attributes: { expiryTime: 'P2Y' },
};

/** A remediation at work on the key `data`. Keys are no resources of ARM's store, so they have scenes of their own. */
export interface KeyScene {
  readonly remediationId: string;
  readonly policyId: string;
  readonly resourceId: string;
  /** Its calls in order, first read to read-back; without the vault's demand for a token, which comes before it
   * knows who calls. Every new version is told of by an event, after which its users are looked up once more. */
  readonly calls: readonly string[];
  readonly write: RegExp;
  /** The data action of its write. */
  readonly dataAction: string;
  /** A key in violation, as its owner makes it. */
  readonly key: (now: Date) => KeyOptions;
  readonly isFixed: (vault: SimulatedVault) => boolean;
}

const GROUP = `GET /subscriptions/${SAMPLE_SUBSCRIPTION_ID}/resourceGroups/rg-vaults`;
const POLICY_EXEMPTIONS = `GET ${VAULT_ID}/providers/Microsoft.Authorization/policyExemptions`;
const GRAPH = 'POST /providers/Microsoft.ResourceGraph/resources';
const DATA = '/keyvault/kv-test/keys/data';

export const setRotationPolicy: KeyScene = {
  remediationId: 'kv-set-key-rotation-policy',
  policyId: 'kv-key-rotation-enabled',
  resourceId: KEY_ID,
  calls: [`GET ${KEY_ID}`, GROUP, POLICY_EXEMPTIONS, GRAPH, `PUT ${DATA}/rotationpolicy`, `GET ${KEY_ID}`, GRAPH],
  write: /\/rotationpolicy\?/,
  dataAction: 'Microsoft.KeyVault/vaults/keys/rotationpolicy/write',
  key: () => ({ tags: OPTED_IN }),
  isFixed: (vault) => vault.key('data')?.rotationPolicy?.actions.some(({ type }) => type === 'Rotate') === true,
};

export const rotateNearExpiry: KeyScene = {
  remediationId: 'kv-rotate-key',
  policyId: 'kv-key-not-near-expiry',
  resourceId: KEY_ID,
  calls: [
    `GET ${KEY_ID}`,
    GROUP,
    POLICY_EXEMPTIONS,
    GRAPH,
    `POST ${DATA}/rotate`,
    `GET ${KEY_ID}`,
    GRAPH,
    `GET ${KEY_ID}`,
    GRAPH,
  ],
  write: /\/rotate\?/,
  dataAction: 'Microsoft.KeyVault/vaults/keys/rotate/action',
  // Its pairs are made in no time, unlike those of RSA.
  key: (now) => ({
    kty: 'EC',
    crv: 'P-256',
    tags: OPTED_IN,
    exp: new Date(now.getTime() + 10 * DAY),
    rotationPolicy: ROTATING,
  }),
  isFixed: (vault) => vault.key('data')?.versions.length === 2,
};

/** In the order of the catalogue. */
export const keyScenes: readonly KeyScene[] = [setRotationPolicy, rotateNearExpiry];

/** A disk encryption set that follows to new versions of the key. */
export function userOf(keyUrl: string, isFollowing = true): RawResource {
  return {
    id: USER_ID,
    name: 'des-one',
    type: 'Microsoft.Compute/diskEncryptionSets',
    location: 'westeurope',
    properties: { activeKey: { keyUrl }, rotationToLatestKeyVersionEnabled: isFollowing },
  };
}

/** An engine over one vault in which both fixes of keys act. */
export async function startKeys(
  environment: Environment = {},
  options: EngineHarnessOptions = {},
): Promise<EngineHarness> {
  return await startEngine({
    environment: {
      ...ENFORCING,
      REMEDIATE_KV_SET_KEY_ROTATION_POLICY: 'enforce',
      REMEDIATE_KV_ROTATE_KEY: 'enforce',
      ...environment,
    },
    seed: vaultSeed([vaultBody('kv-test')]),
    ...options,
  });
}

export function vaultOf({ simulator }: EngineHarness): SimulatedVault {
  return simulator.keyVault(VAULT_ID);
}

/** Its owner makes the key, and Azure tells; by default one user follows it. */
export function violate(engine: EngineHarness, scene: KeyScene, change: KeyOptions = {}, user = userOf): void {
  const vault = vaultOf(engine);
  const { kid } = vault.createKey('data', { ...scene.key(engine.clock.now()), ...change });
  engine.simulator.state.put(user(kid));
}
