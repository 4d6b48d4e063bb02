import { formatTable } from '../../src/cli/format-table.ts';
import { isJsonObject, readString } from '../azure/json.ts';
import { SAMPLE_SUBSCRIPTION_ID, sampleId } from '../azure/sample-ids.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { LocalEnvironment } from '../environment.ts';
import type { Check } from './checks.ts';
import type { Expectation } from './expectation.ts';
import { printTicket } from './print-ticket.ts';
import { readWork } from './read-tables.ts';
import type { Scenario, Stage } from './scenario.ts';
import { printStory } from './story.ts';

const registryId = sampleId('contosolegacy');
const clusterId = sampleId('aks-dev');
const TOKEN = 'settlement-agent';
const ALERTS = `/subscriptions/${SAMPLE_SUBSCRIPTION_ID}/providers/Microsoft.Security/locations/westeurope/alerts`;
const INVESTIGATE = 'https://portal.azure.com/#blade/Microsoft_Azure_Security/SecurityMenuBlade/7';
const INTENT = 'CredentialAccess';
const DESCRIPTION =
  'An application that does not usually do so has listed the credentials of a container registry. This might be the access phase of an attack.';

/** Before anything happens: a container group signs in with the admin user, so a sweep leaves it on. */
const CALM: readonly Expectation[] = [
  {
    resource: 'contosolegacy',
    policy: 'acr-admin-user-disabled',
    stage: 'decision',
    says: 'ticket',
    reason: 'dependants-found',
  },
  { resource: 'contosolegacy', policy: 'acr-second-password-fresh', stage: 'outcome', says: 'fixed' },
  { resource: 'aks-prod', policy: 'aks-required-tags-present', stage: 'outcome', says: 'fixed' },
];

/** What an alert about stolen credentials leads to. */
function responseTo(alertId: string): readonly Expectation[] {
  const about = { resource: 'contosolegacy', cause: alertId } as const;
  return [
    { ...about, stage: 'intent', says: 'acr-rotate-compromised-passwords' },
    { ...about, stage: 'outcome', policy: 'acr-credentials-not-compromised', says: 'fixed' },
    { ...about, stage: 'ticket', policy: 'acr-alerts-closed', says: 'ticket-opened' },
  ];
}

/** Alerts that are no attack, and one on a cluster. */
const OTHERS: readonly Expectation[] = [
  { stage: 'input', says: 'sample-alert' },
  { stage: 'input', says: 'test-alert' },
  { resource: 'aks-dev', policy: 'aks-alerts-closed', stage: 'ticket', says: 'ticket-opened' },
];

const RESOLVED: readonly Expectation[] = [
  { resource: 'contosolegacy', policy: 'acr-alerts-closed', stage: 'ticket', says: 'ticket-resolved' },
];

/** Defender says that the credentials of a registry were stolen. */
export const alert: Scenario = {
  summary:
    'a Defender alert about stolen credentials: both passwords renewed, admin user off, a ticket; others only told',
  async play(stage) {
    const { environment, rows, waitFor } = stage;
    const { simulator } = environment;

    console.log('\n1. An ordinary day: a sweep looks at everything');
    addToken(simulator);
    await environment.sweep();
    await waitFor(CALM);

    console.log('\n2. The automation lists the passwords of contosolegacy, which it has never done before');
    await stealPasswords(stage);
    const stolen = passwordsOf(simulator);

    console.log('   Defender for Cloud noticed, and exports an alert');
    const alertId = raiseAlert(simulator);
    await waitFor(responseTo(alertId));

    console.log('\n3. Alerts that are no attack, and one on a cluster');
    const callsBefore = simulator.requests.length;
    raiseOthers(simulator);
    await waitFor(OTHERS);

    console.log('\n4. What the audit tells of the stolen credentials');
    printStory(rows.filter(({ causeId }) => causeId === alertId));
    console.log('\n   and the ticket about it');
    const ticket = await printTicket(environment, {
      policyId: 'acr-alerts-closed',
      resourceId: registryId,
      part: alertId,
    });

    console.log('\n5. Somebody has looked into it, and resolves the alert in Defender for Cloud');
    simulator.defender.setAlertStatus(alertId, 'Resolved');
    await waitFor(RESOLVED);
    await waitForOwnEvents(stage);
    printOwnEvents(environment);

    return [
      ...checkRegistry(simulator, stolen),
      ...checkTicket(ticket, simulator),
      ...checkOthers(simulator, callsBefore),
    ];
  },
};

/** A token of the registry: whoever reads the passwords may have made it. */
function addToken({ state }: AzureSimulator): void {
  state.put({
    id: `${registryId}/tokens/${TOKEN}`,
    name: TOKEN,
    type: 'Microsoft.ContainerRegistry/registries/tokens',
    properties: {
      creationDate: '2026-11-20T08:12:00.0000000Z',
      provisioningState: 'Succeeded',
      scopeMapId: `${registryId}/scopeMaps/_repositories_pull`,
      credentials: { certificates: [], passwords: [{ name: 'password1', creationTime: '2026-11-20T08:12:00Z' }] },
      status: 'enabled',
    },
  });
}

/** Returns once the app has learnt who did it, as it has long before Defender tells of anything. */
async function stealPasswords({ environment, waitUntil }: Stage): Promise<void> {
  environment.simulator.as('automation').post(`${registryId}/listCredentials`);
  await waitUntil(async () => {
    const { changes = [] } = (await readWork(environment, registryId)) ?? {};
    return changes.some(({ operation }) => operation.endsWith('/listCredentials/action'));
  }, 'the app knows who has listed the passwords of contosolegacy');
}

/** Both admin passwords, as far as the registry has any. */
function passwordsOf({ state }: AzureSimulator): readonly string[] {
  return Object.values(state.passwordsOf(registryId) ?? {}).filter((value) => typeof value === 'string');
}

function raiseAlert({ defender }: AzureSimulator): string {
  return defender.raiseAlert({
    resourceId: registryId,
    alertType: 'ARM_AnomalousOperation.CredentialAccess',
    severity: 'High',
    displayName: "Suspicious invocation of a high-risk 'Credential Access' operation detected",
    description: DESCRIPTION,
    intent: INTENT,
    extendedLinks: [{ Category: null, Label: 'Investigate', Href: INVESTIGATE, Type: 'webLink' }],
    remediationSteps: ['Ask the owner of the application whether this was meant.', 'Look at what else it has done.'],
  });
}

/** A sample that somebody has made in the portal, a test of an agent, and something real about a cluster. */
function raiseOthers(simulator: AzureSimulator): void {
  const body = { properties: { kind: 'Bundles', bundles: ['KubernetesService'] } };
  simulator.as('operator').post(`${ALERTS}/default/simulate`, body);
  simulator.defender.raiseAlert({ resourceId: clusterId, alertType: 'K8S.NODE_EICAR', displayName: 'Test alert' });
  simulator.defender.raiseAlert({
    resourceId: clusterId,
    alertType: 'K8S_ExposedService',
    severity: 'Medium',
    displayName: 'Exposed Kubernetes service detected',
    description: 'A service of the cluster was opened to the internet.',
    intent: 'InitialAccess',
  });
}

function checkRegistry(simulator: AzureSimulator, stolen: readonly string[]): Check[] {
  const { adminUserEnabled } = simulator.state.get(registryId)?.properties ?? {};
  const now = passwordsOf(simulator);
  return [
    {
      what: 'contosolegacy: neither of the stolen passwords is one of its passwords any more',
      holds: stolen.length === 2 && now.length === 2 && !now.some((value) => stolen.includes(value)),
    },
    { what: 'contosolegacy: the admin user is off', holds: adminUserEnabled === false },
  ];
}

function checkTicket(ticket: string, simulator: AzureSimulator): Check[] {
  const parts = {
    "Defender's text": DESCRIPTION,
    'its link': INVESTIGATE,
    // The type of the alert holds the same word.
    'the intent by MITRE': `mitreIntent: ${INTENT}`,
    'the token, whose passwords are still good': TOKEN,
    'what was done with the registry lately': 'listCredentials/action',
    'who did that': simulator.identity('automation').objectId,
  };
  // Long lines are broken in a ticket.
  const text = ticket.replaceAll(/\s+/g, ' ');
  return Object.entries(parts).map(([what, part]) => ({ what: `the ticket has ${what}`, holds: text.includes(part) }));
}

function checkOthers({ requests }: AzureSimulator, from: number): Check[] {
  const writes = requests
    .slice(from)
    .filter(({ caller, method, path }) => caller === 'dockwarden' && method !== 'GET' && isAbout(path, clusterId));
  const changing = writes.filter(({ path }) => !/\/listCluster\w+Credential$/i.test(path));
  return [{ what: 'aks-dev: the alert about it changed nothing in it', holds: changing.length === 0 }];
}

function isAbout(path: string, resourceId: string): boolean {
  return path.toLowerCase().startsWith(resourceId.toLowerCase());
}

/** Types of the events that the app must have published about the registry. */
const OWN_EVENTS = [
  'dockwarden.remediation.fixed.v1',
  'dockwarden.ticket-record.opened.v1',
  'dockwarden.ticket-record.resolved.v1',
];

function ownTypes({ topic }: LocalEnvironment): readonly string[] {
  return topic.received.filter(({ subject = '' }) => isAbout(subject, registryId)).map(({ type }) => type);
}

async function waitForOwnEvents({ environment, waitUntil }: Stage): Promise<void> {
  for (const type of OWN_EVENTS) {
    await waitUntil(() => ownTypes(environment).includes(type), `others were told: ${type}`);
  }
}

function printOwnEvents(environment: LocalEnvironment): void {
  console.log('\n6. What others were told by CloudEvents, the last of them');
  const cells = environment.topic.received.slice(-6).map(({ data, subject = '', time = '', type }) => {
    const policy = isJsonObject(data) ? readString(data, 'policyId') : undefined;
    return [time.slice(11, 19), type, subject.split('/').at(-1) ?? '', policy ?? ''];
  });
  console.log(formatTable(['TIME (UTC)', 'TYPE', 'RESOURCE', 'POLICY'], cells).replaceAll(/^/gm, '   '));
}
