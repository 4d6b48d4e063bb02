import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { sampleId } from '../azure/sample-ids.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { LocalEnvironment } from '../environment.ts';
import type { Check } from './checks.ts';
import type { Expectation } from './expectation.ts';
import { printTicket } from './print-ticket.ts';
import type { Scenario } from './scenario.ts';

const vaultId = sampleId('kv-platform');
const NAMES = ['disk-encryption', 'registry-cmk', 'legacy-signing'];
const key = (name: string): string => `kv-platform/${name}`;
/** Registry whose admin user has to stay on, so that its spare password is renewed. */
const REGISTRY = 'contosolegacy';
const SECRET = `${REGISTRY}-password2`;

const NEAR_EXPIRY: readonly Expectation[] = [
  { resource: key('registry-cmk'), policy: 'kv-key-not-near-expiry', stage: 'intent', says: 'kv-rotate-key' },
  { resource: key('registry-cmk'), policy: 'kv-key-not-near-expiry', stage: 'outcome', says: 'fixed' },
  {
    resource: key('legacy-signing'),
    policy: 'kv-key-not-near-expiry',
    stage: 'decision',
    says: 'ticket',
    reason: 'not-opted-in',
  },
];
const SWEPT: readonly Expectation[] = [
  { resource: key('disk-encryption'), policy: 'kv-key-rotation-enabled', stage: 'outcome', says: 'fixed' },
  { resource: key('legacy-signing'), policy: 'kv-key-not-near-expiry', stage: 'ticket', says: 'ticket-opened' },
  { resource: REGISTRY, policy: 'acr-second-password-fresh', stage: 'outcome', says: 'fixed' },
];

/** Keys that expire, keys that nobody renews, and a vault that takes a rotated password. */
export const keys: Scenario = {
  summary: 'keys of a vault: one rotated before it expires, one given a rotation policy, one left to its owner',
  settings: (simulator) => ({ ACR_ROTATED_PASSWORD_VAULT: simulator.keyVault(vaultId).url }),
  async play({ environment, rows, waitFor }) {
    const { simulator } = environment;
    const versions = countVersions(simulator);

    console.log('\n1. The vault tells that two of its keys are near their expiry');
    simulator.keyVault(vaultId).announceExpiry();
    const near = await waitFor(NEAR_EXPIRY);

    console.log('\n2. A sweep finds what no event tells: a key that nothing renews; and a password that is too old');
    await environment.sweep();
    const swept = await waitFor(SWEPT);

    console.log('\n3. The ticket for the owner of the other key, who has agreed to nothing');
    const ticket = await printTicket(environment, {
      policyId: 'kv-key-not-near-expiry',
      resourceId: `${vaultId}/keys/legacy-signing`,
    });
    printVault(simulator);

    return [
      ...near,
      ...swept,
      ...checkKeys(simulator, versions),
      { what: 'the ticket says why nothing was done', holds: ticket.includes('dockwarden-key-rotation=on') },
      ...checkSecret(environment, rows),
    ];
  },
};

function countVersions(simulator: AzureSimulator): Readonly<Record<string, number>> {
  return Object.fromEntries(NAMES.map((name) => [name, simulator.keyVault(vaultId).key(name)?.versions.length ?? 0]));
}

function printVault(simulator: AzureSimulator): void {
  console.log('\n4. What is in the vault now');
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
    { what: 'registry-cmk: has one new version', holds: gained('registry-cmk') === 1 },
    {
      what: 'legacy-signing: nothing was changed',
      holds: gained('legacy-signing') === 0 && vault.key('legacy-signing')?.rotationPolicy === undefined,
    },
  ];
}

/** The new password is in the vault, under the id of the run that made it, and nowhere else. */
function checkSecret({ simulator, topic }: LocalEnvironment, rows: readonly AuditRecord[]): Check[] {
  const secret = simulator.keyVault(vaultId).secret(SECRET);
  const { password2 } = simulator.state.passwordsOf(sampleId(REGISTRY)) ?? {};
  const run = rows.find(
    ({ outcome, policyId, resourceName }) =>
      resourceName === REGISTRY && policyId === 'acr-second-password-fresh' && outcome === 'fixed',
  )?.remediationRunId;
  const told = JSON.stringify([rows, topic.received]);
  return [
    { what: `${SECRET}: the vault has the new password of ${REGISTRY}`, holds: secret?.value === password2 },
    { what: `${SECRET}: its tag names the run`, holds: run !== undefined && secret?.tags['dockwarden-run'] === run },
    {
      what: 'the password is neither in the audit nor in an event',
      holds: typeof password2 === 'string' && !told.includes(password2),
    },
  ];
}
