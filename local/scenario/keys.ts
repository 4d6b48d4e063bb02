import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { sampleId } from '../azure/sample-ids.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { Check } from './checks.ts';
import type { Expectation } from './expectation.ts';
import { printTicket } from './print-ticket.ts';
import { readWork } from './read-tables.ts';
import type { Scenario, Stage } from './scenario.ts';

const vaultId = sampleId('kv-platform');
const NAMES = ['disk-encryption', 'registry-cmk', 'legacy-signing'];
const key = (name: string): string => `kv-platform/${name}`;
/** Registry whose admin user has to stay on, so that its spare password is renewed. */
const REGISTRY = 'contosolegacy';
const SECRET = `${REGISTRY}-password2`;

const NEAR_EXPIRY = 'kv-key-not-near-expiry';
const WHY_NOTHING = 'the key has no tag dockwarden-key-rotation=on';
const DAY = 86_400_000;

/** What the event with this id leads to. */
function renewedBecauseOf(eventId: string): readonly Expectation[] {
  const about = { resource: key('registry-cmk'), policy: NEAR_EXPIRY, cause: eventId } as const;
  return [
    { ...about, stage: 'intent', says: 'kv-rotate-key' },
    { ...about, stage: 'outcome', says: 'fixed' },
  ];
}

const SWEPT: readonly Expectation[] = [
  { resource: key('disk-encryption'), policy: 'kv-key-rotation-enabled', stage: 'outcome', says: 'fixed' },
  { resource: key('legacy-signing'), policy: NEAR_EXPIRY, stage: 'decision', says: 'ticket', reason: 'not-opted-in' },
  { resource: key('legacy-signing'), policy: NEAR_EXPIRY, stage: 'ticket', says: 'ticket-pending' },
  { resource: REGISTRY, policy: 'acr-second-password-fresh', stage: 'outcome', says: 'fixed' },
];
const TICKETED: readonly Expectation[] = [
  { resource: key('legacy-signing'), policy: NEAR_EXPIRY, stage: 'ticket', says: 'ticket-opened' },
];

/** Keys that expire, keys that nobody renews, and a vault that takes a rotated password. */
export const keys: Scenario = {
  summary: 'keys of a vault: one rotated before it expires, one given a rotation policy, one left to its owner',
  settings: (simulator) => ({ ACR_ROTATED_PASSWORD_VAULT: simulator.keyVault(vaultId).url }),
  async play(stage) {
    const { environment, rows, waitFor } = stage;
    const { simulator } = environment;

    console.log('\n1. The owner of registry-cmk makes a new version, good for a year');
    await renewKey(stage);
    const versions = countVersions(simulator);

    console.log('\n2. The owner lets it end in 12 days: the vault tells that it is near its expiry');
    console.log('   Of legacy-signing it tells nothing: that version is older than the event subscription');
    await waitFor(renewedBecauseOf(shortenLife(simulator)));

    console.log('\n3. A sweep finds what no event tells: two keys, and a password that is too old');
    await environment.sweep();
    await waitFor(SWEPT);

    console.log('\n4. The next one confirms it: a ticket for the owner of legacy-signing, who has agreed to nothing');
    await environment.sweep();
    await waitFor(TICKETED);
    const ticket = await printTicket(environment, {
      policyId: NEAR_EXPIRY,
      resourceId: `${vaultId}/keys/legacy-signing`,
    });
    printVault(simulator);

    return [
      ...checkKeys(simulator, versions),
      { what: 'the ticket says why nothing was done', holds: ticket.includes(WHY_NOTHING) },
      ...checkSecret(simulator, rows),
    ];
  },
};

/** Returns once the app has dealt with the event about the new version. */
async function renewKey({ environment, waitUntil }: Stage): Promise<void> {
  const { simulator } = environment;
  const vault = simulator.keyVault(vaultId);
  const { tags = {} } = vault.key('registry-cmk') ?? {};
  vault.createKey('registry-cmk', { tags, exp: inDays(365) });
  const { id = '' } = simulator.events.at(-1) ?? {};
  await waitUntil(async () => {
    const {
      knownCauses = [],
      leaseOwner,
      pending = [],
    } = (await readWork(environment, `${vaultId}/keys/registry-cmk`)) ?? {};
    return knownCauses.includes(id) && pending.length === 0 && leaseOwner === undefined;
  }, 'the app has looked at the new version of registry-cmk');
}

/** Returns the id of the event that it leads to. */
function shortenLife(simulator: AzureSimulator): string {
  const vault = simulator.keyVault(vaultId);
  vault.updateKey('registry-cmk', { exp: inDays(12) });
  vault.announceExpiry();
  return (
    simulator.events.findLast(({ eventType }) => eventType === 'Microsoft.KeyVault.KeyNearExpiry')?.id ?? 'no event'
  );
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY);
}

function countVersions(simulator: AzureSimulator): Readonly<Record<string, number>> {
  return Object.fromEntries(NAMES.map((name) => [name, simulator.keyVault(vaultId).key(name)?.versions.length ?? 0]));
}

function printVault(simulator: AzureSimulator): void {
  console.log('\n5. What is in the vault now');
  for (const name of NAMES) {
    const found = simulator.keyVault(vaultId).key(name);
    const expiry = found?.exp === undefined ? 'no expiry' : `expires ${found.exp.toISOString().slice(0, 10)}`;
    const policy = found?.rotationPolicy === undefined ? 'no rotation policy' : 'has a rotation policy';
    console.log(
      `   key     ${name.padEnd(24)} ${found?.versions.length === 1 ? '1 version' : `${String(found?.versions.length ?? 0)} versions`}, ${expiry}, ${policy}`,
    );
  }
  const tags = Object.entries(simulator.keyVault(vaultId).secret(SECRET)?.tags ?? {}).map(
    ([tag, value]) => `${tag}=${value}`,
  );
  console.log(`   secret  ${SECRET.padEnd(24)} ${tags.filter((tag) => !tag.includes('/')).join(', ')}`);
}

function checkKeys(simulator: AzureSimulator, before: Readonly<Record<string, number>>): Check[] {
  const vault = simulator.keyVault(vaultId);
  const now = countVersions(simulator);
  const gained = (name: string): number => (now[name] ?? 0) - (before[name] ?? 0);
  const policy = vault.key('disk-encryption')?.rotationPolicy;
  return [
    {
      what: 'disk-encryption: has a rotation policy, and its version is the same',
      holds: policy !== undefined && gained('disk-encryption') === 0,
    },
    { what: 'registry-cmk: the app has made one new version', holds: gained('registry-cmk') === 1 },
    {
      what: 'legacy-signing: nothing was changed',
      holds: gained('legacy-signing') === 0 && vault.key('legacy-signing')?.rotationPolicy === undefined,
    },
  ];
}

/** The new password is in the vault, under the id of the run that made it. */
function checkSecret(simulator: AzureSimulator, rows: readonly AuditRecord[]): Check[] {
  const secret = simulator.keyVault(vaultId).secret(SECRET);
  const { password2 } = simulator.state.passwordsOf(sampleId(REGISTRY)) ?? {};
  const run = rows.find(
    ({ outcome, policyId, resourceName }) =>
      resourceName === REGISTRY && policyId === 'acr-second-password-fresh' && outcome === 'fixed',
  )?.remediationRunId;
  return [
    {
      what: `${SECRET}: the vault has the new password of ${REGISTRY}`,
      holds: secret !== undefined && secret.value === password2,
    },
    { what: `${SECRET}: its tag names the run`, holds: run !== undefined && secret?.tags['dockwarden-run'] === run },
  ];
}
