import type { ArmAccess } from '../azure/arm-access.ts';
import { DockwardenError } from '../errors.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { Remediation } from '../remediations/define-remediation.ts';
import type { Environment, Settings } from '../settings/settings.ts';
import type { StorageProbe } from '../storage/storage-probe.ts';
import type { AppId } from './app-id.ts';
import type { DoctorContext } from './check.ts';
import { type AppIdentity, type FunctionApp, readAppSettings, readFunctionApp } from './function-app.ts';
import { type Grant, listGrants, type RoleDefinition } from './grants.ts';
import { findStorageAccount, type StorageAccount } from './storage-account.ts';

/** What the doctor knows without asking Azure. */
export interface DeployedOptions {
  readonly arm: ArmAccess;
  readonly now: () => Date;
  readonly app: AppId;
  readonly policies: readonly Policy[];
  readonly remediations: readonly Remediation[];
  /** Reads the app's settings as the app does. */
  readonly parseSettings: (environment: Environment) => Settings;
  /** The storage of an app with these settings, as whoever runs the doctor. Throws `CONFIG_MISSING` when they do not say where it is. */
  readonly openStorage: (settings: Settings) => StorageProbe;
  /** Every function that the app registers. */
  readonly functionNames: readonly string[];
  /** Those of them that an app need not have. */
  readonly optionalFunctions: readonly string[];
  /** Text of the `host.json` that is deployed with this version. */
  readonly hostJson: () => Promise<string>;
}

/**
 * What the checks of a deployed set-up work with. Every question is asked when it is first needed, and once; whoever needs what could not be had
 * gets the error, and with it a finding of its own.
 */
export interface DeployedContext extends DoctorContext, Omit<DeployedOptions, 'parseSettings' | 'openStorage'> {
  readonly readApp: () => Promise<FunctionApp>;
  /** The settings as text: may hold secrets. */
  readonly readEnvironment: () => Promise<Environment>;
  readonly readSettings: () => Promise<Settings>;
  /** The identity that the app acts with, by its settings; else the only one that it has. */
  readonly readIdentity: () => Promise<AppIdentity>;
  /** What the app's identity holds in a subscription, or `principalId`, where one is given. */
  readonly readGrants: (subscriptionId: string, principalId?: string) => Promise<readonly Grant[]>;
  readonly readStorage: () => Promise<StorageProbe>;
  /** The storage account as a resource. */
  readonly readStorageAccount: () => Promise<StorageAccount>;
}

export function createDeployedContext(options: DeployedOptions): DeployedContext {
  const { arm, app, parseSettings, openStorage } = options;
  const readApp = once(async () => await readFunctionApp(arm, app));
  const readEnvironment = once(async () => await readAppSettings(arm, app));
  const readSettings = once(async () => parseSettings(await readEnvironment()));
  const readIdentity = once(async () => chooseIdentity((await readApp()).identities, await readSettings()));
  const grants = new Map<string, Promise<readonly Grant[]>>();
  const definitions = new Map<string, Promise<RoleDefinition>>();
  const readStorage = once(async () => openStorage(await readSettings()));
  return {
    ...options,
    readApp,
    readEnvironment,
    readSettings,
    readIdentity,
    readGrants: async (subscriptionId, ofOther) => {
      const principalId = ofOther ?? (await readIdentity()).principalId;
      const key = `${subscriptionId} ${principalId}`.toLowerCase();
      const pending = grants.get(key) ?? listGrants(arm, subscriptionId, principalId, definitions);
      grants.set(key, pending);
      return await pending;
    },
    readStorage,
    readStorageAccount: once(async () => await findStorageAccount(arm, app, await readSettings())),
  };
}

function chooseIdentity(identities: readonly AppIdentity[], { identityClientId }: Settings): AppIdentity {
  const wanted = identityClientId?.toLowerCase();
  const found = identities.find(({ clientId }) => clientId?.toLowerCase() === wanted);
  const [only, ...others] = identities;
  if (found !== undefined) return found;
  if (only !== undefined && others.length === 0) return only;
  throw new DockwardenError(
    'CONFIG_MISSING',
    only === undefined
      ? 'the app has no managed identity'
      : 'the app has several managed identities, and its settings name none of them',
  );
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let pending: Promise<T> | undefined;
  return async () => {
    pending ??= ask();
    return await pending;
  };
}
