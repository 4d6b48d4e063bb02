import * as z from 'zod';
import { shellQuote } from '../../remediations/advice.ts';
import { lenient, lenientObject } from '../../resources/lenient.ts';
import type { Settings } from '../../settings/settings.ts';
import { doctorVersions } from '../api-versions.ts';
import { deleteSetting, setSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { allows, coversScope } from '../grants.ts';
import { attempt } from '../not-checked.ts';

const codes = [
  'defender-function-on',
  'defender-function-off',
  'defender-polling-only',
  'event-hub-missing',
  'event-hub-role-missing',
  'export-missing',
  'export-disabled',
  'export-severities',
] as const;
type Code = (typeof codes)[number];

const FUNCTION = 'defenderAlerts';
const SWITCH = `AzureWebJobs.${FUNCTION}.Disabled`;
const SEVERITIES = ['High', 'Medium', 'Low', 'Informational'] as const;
const RECEIVE = 'Microsoft.EventHub/namespaces/messages/receive/action';

const Namespace = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({ serviceBusEndpoint: lenient(z.string()) }),
});
const Rule = lenientObject({
  propertyJPath: lenient(z.string()),
  expectedValue: lenient(z.string()),
  operator: lenient(z.string()),
});
const Automation = z.object({
  id: z.string(),
  properties: lenientObject({
    isEnabled: lenient(z.boolean()),
    scopes: lenient(z.array(lenientObject({ scopePath: lenient(z.string()) }))),
    sources: lenient(
      z.array(
        lenientObject({
          eventSource: lenient(z.string()),
          ruleSets: lenient(z.array(lenientObject({ rules: lenient(z.array(Rule)) }))),
        }),
      ),
    ),
    actions: lenient(
      z.array(lenientObject({ actionType: lenient(z.string()), eventHubResourceId: lenient(z.string()) })),
    ),
  }),
});
type Automation = Readonly<z.infer<typeof Automation>>;

/** Alerts reach the app: hub, continuous export of each subscription with all severities, and the right to receive. */
export const defenderExportCheck = defineCheck<DeployedContext, Code>({
  id: 'defender-export',
  title: 'Defender for Cloud: Event Hub and continuous export',
  codes,
  async run(context) {
    const settings = await context.readSettings();
    const environment = await context.readEnvironment();
    // The host reads this name in any casing.
    const [switchName = SWITCH, switched] =
      Object.entries(environment).find(([name]) => name.toLowerCase() === SWITCH.toLowerCase()) ?? [];
    const isOff = switched?.toLowerCase() === 'true' || switched === '1';
    const { defenderHub, defenderNamespace } = settings;
    if (defenderHub === undefined || defenderNamespace === undefined) return describeNoHub(isOff, settings, context);
    const findings: DoctorFinding<Code>[] = [];
    if (isOff) {
      findings.push({
        severity: 'warning',
        code: 'defender-function-off',
        subject: FUNCTION,
        message:
          'An Event Hub is set, and the function that reads it is switched off: alerts are heard of with the sweep only.',
        command: deleteSetting(context.app, switchName),
      });
    }
    const hubId = await findHub(defenderNamespace, defenderHub, settings, context);
    if (hubId === undefined) return [...findings, describeMissingHub(defenderNamespace, defenderHub)];
    findings.push(...(await attempt(hubId, async () => await judgeRole(hubId, context))));
    for (const subscriptionId of settings.scopes) {
      const look = async () => await judgeExport(subscriptionId, hubId, context);
      findings.push(...(await attempt(`/subscriptions/${subscriptionId} (continuous export)`, look)));
    }
    return findings;
  },
});

function describeNoHub(isOff: boolean, settings: Settings, { app }: DeployedContext): DoctorFinding<Code>[] {
  if (!isOff) {
    return [
      {
        severity: 'warning',
        code: 'defender-function-on',
        subject: FUNCTION,
        message:
          'No Event Hub is set, and the function that would read it is on: the host reports it as an error at each start.',
        command: setSetting(app, SWITCH, 'true'),
      },
    ];
  }
  if (settings.defenderPolling) {
    return [
      {
        severity: 'info',
        code: 'defender-polling-only',
        subject: FUNCTION,
        message: 'Alerts of Defender are heard of with the next sweep, because there is no continuous export.',
      },
    ];
  }
  return [
    {
      severity: 'warning',
      code: 'defender-polling-only',
      subject: 'DEFENDER_ALERTS_POLLING',
      message: 'Alerts of Defender are not heard of at all: there is no Event Hub, and polling is off.',
      command: setSetting(app, 'DEFENDER_ALERTS_POLLING', 'on'),
    },
  ];
}

/** The hub as a resource: the settings name it by the address of its namespace. */
async function findHub(
  namespace: string,
  hub: string,
  { scopes }: Settings,
  { app, arm }: DeployedContext,
): Promise<string | undefined> {
  for (const subscriptionId of new Set([app.subscriptionId.toLowerCase(), ...scopes])) {
    const items = await arm.list(
      `/subscriptions/${subscriptionId}/providers/Microsoft.EventHub/namespaces`,
      doctorVersions.eventHub,
    );
    const found = items
      .flatMap((item) => Namespace.safeParse(item).data ?? [])
      .find(({ name, properties }) => isAddressOf(namespace, name, properties.serviceBusEndpoint));
    if (found === undefined) continue;
    const hubs = await arm.list(`${found.id}/eventhubs`, doctorVersions.eventHub);
    return hubs.some(({ name }) => String(name).toLowerCase() === hub.toLowerCase())
      ? `${found.id}/eventhubs/${hub}`
      : undefined;
  }
  return undefined;
}

function isAddressOf(wanted: string, name: string, endpoint: string | undefined): boolean {
  const host = URL.parse(endpoint ?? '')
    ?.host.toLowerCase()
    .replace(/:443$/, '');
  const address = wanted.toLowerCase();
  return address === host || address === `${name.toLowerCase()}.servicebus.windows.net`;
}

function describeMissingHub(namespace: string, hub: string): DoctorFinding<Code> {
  const name = namespace.split('.')[0] ?? '';
  return {
    severity: 'error',
    code: 'event-hub-missing',
    subject: `${namespace}/${hub}`,
    message:
      'The Event Hub that the settings name is in no subscription that was looked at: alerts come by polling only.',
    command: `az eventhubs eventhub create --namespace-name ${shellQuote(name)} --resource-group "\${RESOURCE_GROUP:?set it to the resource group of the namespace}" --name ${shellQuote(hub)}`,
  };
}

async function judgeRole(hubId: string, context: DeployedContext): Promise<readonly DoctorFinding<Code>[]> {
  const { principalId } = await context.readIdentity();
  const grants = await context.readGrants(hubId.split('/')[2] ?? '');
  if (grants.some((grant) => coversScope(grant, hubId) && allows(grant, RECEIVE, 'dataActions'))) return [];
  return [
    {
      severity: 'error',
      code: 'event-hub-role-missing',
      subject: hubId,
      message: `The identity of the app may not receive from the Event Hub (${RECEIVE}).`,
      command: `az role assignment create --assignee-object-id ${shellQuote(principalId)} --assignee-principal-type ServicePrincipal --role ${shellQuote('Azure Event Hubs Data Receiver')} --scope ${shellQuote(hubId)}`,
    },
  ];
}

async function judgeExport(
  subscriptionId: string,
  hubId: string,
  { arm }: DeployedContext,
): Promise<readonly DoctorFinding<Code>[]> {
  const scope = `/subscriptions/${subscriptionId}`;
  const items = await arm.list(`${scope}/providers/Microsoft.Security/automations`, doctorVersions.automations);
  const toHub = items
    .flatMap((item) => Automation.safeParse(item).data ?? [])
    .filter((automation) => isAbout(automation, scope) && leadsTo(automation, hubId));
  const [first] = toHub;
  if (first === undefined) {
    return [
      {
        severity: 'error',
        code: 'export-missing',
        subject: scope,
        message: 'No continuous export of Defender for Cloud leads from this subscription to the Event Hub.',
        command: 'azd provision',
      },
    ];
  }
  const enabled = toHub.filter(({ properties }) => properties.isEnabled !== false);
  if (enabled.length === 0) {
    return [
      {
        severity: 'error',
        code: 'export-disabled',
        subject: first.id,
        message: 'The continuous export is switched off.',
        command: `az resource update --ids ${shellQuote(first.id)} --api-version ${doctorVersions.automations} --set properties.isEnabled=true`,
      },
    ];
  }
  const missing = SEVERITIES.filter((severity) => !enabled.some((automation) => exportsSeverity(automation, severity)));
  if (missing.length === 0) return [];
  const ruleSets = SEVERITIES.map((severity) => ({
    rules: [{ propertyJPath: 'Severity', propertyType: 'String', expectedValue: severity, operator: 'Equals' }],
  }));
  const index = (enabled[0]?.properties.sources ?? []).findIndex(
    ({ eventSource }) => eventSource?.toLowerCase() === 'alerts',
  );
  return [
    {
      severity: 'error',
      code: 'export-severities',
      subject: enabled[0]?.id ?? scope,
      message: `Alerts of these severities are not exported: ${missing.join(', ')}. Several alerts about containers are informational.`,
      command:
        index === -1
          ? 'azd provision'
          : `az resource update --ids ${shellQuote(enabled[0]?.id ?? '')} --api-version ${doctorVersions.automations} --set ${shellQuote(`properties.sources[${index}].ruleSets=${JSON.stringify(ruleSets)}`)}`,
    },
  ];
}

function isAbout({ properties }: Automation, scope: string): boolean {
  const { scopes = [] } = properties;
  return scopes.some(({ scopePath }) => scopePath?.replace(/\/+$/, '').toLowerCase() === scope.toLowerCase());
}

function leadsTo({ properties }: Automation, hubId: string): boolean {
  return (properties.actions ?? []).some(
    ({ actionType, eventHubResourceId }) =>
      actionType?.toLowerCase() === 'eventhub' && eventHubResourceId?.toLowerCase() === hubId.toLowerCase(),
  );
}

/** Rules of a set have to hold together, any set is enough, and no sets are everything. A set that asks for more than the severity holds back some. */
function exportsSeverity({ properties }: Automation, severity: string): boolean {
  const alerts = (properties.sources ?? []).filter(({ eventSource }) => eventSource?.toLowerCase() === 'alerts');
  return alerts.some(({ ruleSets = [] }) => {
    if (ruleSets.length === 0) return true;
    return ruleSets.some(({ rules = [] }) =>
      rules.every(
        ({ expectedValue, operator, propertyJPath }) =>
          propertyJPath?.toLowerCase() === 'severity' &&
          operator?.toLowerCase() === 'equals' &&
          expectedValue?.toLowerCase() === severity.toLowerCase(),
      ),
    );
  });
}
