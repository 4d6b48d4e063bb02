import { shellQuote } from '../../remediations/advice.ts';
import { appOptions, setSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import type { FunctionApp } from '../function-app.ts';
import { attempt } from '../not-checked.ts';

/** Version of Node that everything is tested on, and the oldest that the bundle runs on. */
const NODE = { tested: 24, oldest: 22 } as const;

type Code = 'app-not-running' | 'app-runtime' | 'app-plain-http' | 'app-identity-missing' | 'app-identity-mismatch';

/** The app itself: runs, on a Node that it is tested on, with the identity that its settings name. */
export const appCheck = defineCheck<DeployedContext, Code>({
  id: 'app',
  title: 'the function app, its runtime and its identity',
  codes: ['app-not-running', 'app-runtime', 'app-plain-http', 'app-identity-missing', 'app-identity-mismatch'],
  async run(context) {
    const found = await context.readApp();
    return [
      ...findTrouble(found, context),
      // Only this needs the settings, which Reader may not see.
      ...(await attempt('identity of the app', async () => await findIdentityTrouble(found, context), {
        role: 'Website Contributor',
        scope: context.app.id,
      })),
    ];
  },
});

function findTrouble(found: FunctionApp, { app }: DeployedContext): DoctorFinding<Code>[] {
  const findings: DoctorFinding<Code>[] = [];
  if (found.state !== undefined && found.state.toLowerCase() !== 'running') {
    findings.push({
      severity: 'error',
      code: 'app-not-running',
      subject: app.id,
      message: `The app is ${found.state.toLowerCase()}: no event is taken in.`,
      command: `az functionapp start ${appOptions(app)}`,
    });
  }
  const { runtime } = found;
  const version = Number(runtime?.version);
  if (runtime?.name !== 'node' || !(version >= NODE.tested)) {
    const is =
      runtime === undefined ? 'is not known (no Flex Consumption app)' : `is ${runtime.name} ${runtime.version}`;
    const isTooOld = runtime !== undefined && (runtime.name !== 'node' || !(version >= NODE.oldest));
    findings.push({
      severity: isTooOld ? 'error' : 'warning',
      code: 'app-runtime',
      subject: app.id,
      message: `The runtime ${is}; Dockwarden is tested on node ${NODE.tested}.`,
      command: `az functionapp runtime config set ${appOptions(app)} --runtime-version ${NODE.tested}`,
    });
  }
  if (found.httpsOnly === false) {
    findings.push({
      severity: 'error',
      code: 'app-plain-http',
      subject: app.id,
      message: 'The app answers without TLS: function keys can be overheard.',
      command: `az functionapp update ${appOptions(app)} --set httpsOnly=true`,
    });
  }
  return findings;
}

async function findIdentityTrouble(
  { identities }: FunctionApp,
  context: DeployedContext,
): Promise<DoctorFinding<Code>[]> {
  const { app } = context;
  if (identities.length === 0) {
    return [
      {
        severity: 'error',
        code: 'app-identity-missing',
        subject: app.id,
        message: 'The app has no managed identity: it can neither use its storage nor read or change anything.',
        command: `az functionapp identity assign ${appOptions(app)} --identities "\${IDENTITY_ID:?set it to the resource id of the user-assigned identity that holds the roles}"`,
      },
    ];
  }
  const { ownPrincipalId, identityClientId } = await context.readSettings();
  const named = [
    { setting: 'DOCKWARDEN_PRINCIPAL_ID', property: 'principalId', value: ownPrincipalId },
    { setting: 'DOCKWARDEN_CLIENT_ID', property: 'clientId', value: identityClientId },
  ] as const;
  return named.flatMap(({ setting, property, value }) => {
    const isHeld = identities.some((identity) => identity[property]?.toLowerCase() === value?.toLowerCase());
    if (value === undefined || isHeld) return [];
    const [first] = identities;
    const right = first?.[property];
    return [
      {
        severity: 'error',
        code: 'app-identity-mismatch',
        subject: setting,
        message: `No identity of the app has the ${property === 'clientId' ? 'client' : 'object'} id that this setting (or AzureWebJobsStorage__clientId) names: it gets no token, or takes its own changes for those of others.`,
        command:
          right === undefined
            ? `az functionapp identity show ${appOptions(app)} --query ${shellQuote('userAssignedIdentities')}`
            : setSetting(app, setting, right),
      },
    ];
  });
}
