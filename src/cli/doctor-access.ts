import { readFile } from 'node:fs/promises';
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { readSettings } from '../app.ts';
import { type ArmAccess, createArmAccess } from '../azure/arm-access.ts';
import { createAzureClients } from '../azure/clients.ts';
import { type AppId, parseAppId } from '../doctor/app-id.ts';
import type { DeployedOptions } from '../doctor/deployed.ts';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import { functionNames } from '../functions/health.ts';
import { policies } from '../policy/catalogue.ts';
import { remediations } from '../remediations/catalogue.ts';
import { createStorageProbe } from '../storage/storage-probe.ts';
import { signInToRun } from './local-sign-in.ts';
import { readAppEnvironment } from './own-environment.ts';
import { type RunFile, readRun } from './run-file.ts';

interface Place {
  readonly app?: AppId;
  readonly directory: string;
}

/** Functions that an app need not have on: without an Event Hub there is nothing for them to read. */
const OPTIONAL_FUNCTIONS = ['defenderAlerts'];

/** The named app, signed in as whoever runs the command; else the one of the local run, as its operator. Rejects when nobody is signed in. */
export async function openDeployed({ app: named, directory }: Place, now: () => Date): Promise<DeployedOptions> {
  const run = named === undefined ? requireRun(directory) : findRunOf(directory, named.subscriptionId);
  const app = named ?? appOfRun(run);
  const { arm, credential } = await signIn(run);
  return {
    arm,
    app,
    now,
    policies,
    remediations,
    parseSettings: (environment) => readSettings(environment),
    openStorage: ({ storage: { blob, queue, table } }) => {
      if (blob !== undefined && queue !== undefined && table !== undefined)
        return createStorageProbe(credential, { blob, queue, table });
      throw new DockwardenError('CONFIG_MISSING', 'the settings of the app do not say where its storage is');
    },
    functionNames,
    optionalFunctions: OPTIONAL_FUNCTIONS,
    hostJson: async () => await readFile(new URL('../../host.json', import.meta.url), 'utf8'),
  };
}

/** A subscription that is to be deployed to: that of the local run, if it is the one, else one in Azure. Rejects when nobody is signed in. */
export async function openSubscription(directory: string, subscriptionId: string): Promise<ArmAccess> {
  const { arm } = await signIn(findRunOf(directory, subscriptionId));
  return arm;
}

interface SignedIn {
  readonly arm: ArmAccess;
  readonly credential: TokenCredential;
}

/** Azure Resource Manager of the cloud that the environment names, or of the local run. */
async function signIn(run: RunFile | undefined): Promise<SignedIn> {
  const { armEndpoint, tokenScope, vaults } = readSettings(readAppEnvironment());
  const credential = run === undefined ? new DefaultAzureCredential() : signInToRun(run);
  const advice =
    run === undefined
      ? 'nobody is signed in to Azure: run "az login"'
      : 'the local run gives no token: start it again with "npm start"';
  await requireToken(credential, tokenScope, advice);
  const clients = createAzureClients({ credential, endpoint: run?.arm ?? armEndpoint, scope: tokenScope, vaults });
  return { arm: createArmAccess(clients), credential };
}

/** Said once, instead of by every check. */
async function requireToken(credential: TokenCredential, scope: string, advice: string): Promise<void> {
  try {
    await credential.getToken(scope);
  } catch (error) {
    throw new DockwardenError('CONFIG_MISSING', advice, { cause: error });
  }
}

/** The local run whose app lies in this subscription. A run that is over has left nothing to look at. */
function findRunOf(directory: string, subscriptionId: string): RunFile | undefined {
  try {
    const run = readRun(directory);
    const app = parseAppId(run?.app ?? '');
    return app?.subscriptionId.toLowerCase() === subscriptionId.toLowerCase() ? run : undefined;
  } catch (error) {
    if (isDockwardenError(error, 'CONFIG_MISSING')) return undefined;
    throw error;
  }
}

function requireRun(directory: string): RunFile {
  const run = readRun(directory);
  if (run !== undefined) return run;
  throw new DockwardenError(
    'CONFIG_MISSING',
    'nothing to check: give --app, or run "npm start" (--directory, if it keeps its files elsewhere)',
  );
}

function appOfRun(run: RunFile | undefined): AppId {
  const app = parseAppId(run?.app ?? '');
  if (app !== undefined) return app;
  throw new DockwardenError('CONFIG_MISSING', 'run.json names no app: give --app');
}
