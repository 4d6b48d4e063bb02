import { createHash } from 'node:crypto';
import { DockwardenError } from '../errors.ts';
import {
  type ConfigurablePolicy,
  type ConfigurableRemediation,
  type ConfigurableTracker,
  listSettings,
  modeSetting,
  noticeSetting,
  parameterSetting,
  type SettingsCatalogue,
  scopeSetting,
  secretVaultSetting,
  switchSetting,
  trackerModeSetting,
  trackerScopeSetting,
  windowSetting,
} from './catalogue.ts';
import { type EventSettings, readEvents } from './event-settings.ts';
import {
  type ConfigurationFinding,
  findMissing,
  findUnknownNames,
  isLostRestriction,
  restrictedBy,
} from './findings.ts';
import { lowerMode, type Mode } from './formats.ts';
import { globalSettings } from './global-settings.ts';
import type { MaintenanceWindow } from './maintenance-window.ts';
import { type NodeSettings, readNodes } from './node-settings.ts';
import { createReader, type Environment, type ReadSetting } from './read-setting.ts';
import { readTickets, withoutSecrets } from './read-tickets.ts';
import type { RemediationScope } from './remediation-scope.ts';
import { readSafety, type SafetySettings } from './safety-settings.ts';
import type { Setting } from './setting.ts';
import type { TicketSettings } from './ticket-settings.ts';

export type { ConfigurationFinding } from './findings.ts';
export type { Mode } from './formats.ts';
export type { Environment } from './read-setting.ts';

/** What the app is told to do, parsed from its settings. */
export interface Settings {
  /** No remediation goes further than this. */
  readonly cap: Mode;
  /** Subscriptions that the sweep looks through, in lower case; none = it does nothing. */
  readonly scopes: readonly string[];
  /** Undefined = missing or malformed; consumed by the Functions host. */
  readonly sweepSchedule?: string;
  readonly actorNames: boolean;
  /** Where the Functions host reads the export of Defender; undefined = not set or malformed. */
  readonly defenderHub?: string;
  readonly defenderNamespace?: string;
  /** Alerts of Defender are polled with every sweep. */
  readonly defenderPolling: boolean;
  /** Metrics are sent, if the platform names an Application Insights. */
  readonly sendsMetrics: boolean;
  /** Names of function keys, by the first 8 hex digits of the key's SHA-256. */
  readonly reviewKeyNames: Readonly<Record<string, string>>;
  /** What holds Dockwarden back. */
  readonly safety: SafetySettings;
  /** Object and client id of the identity that Dockwarden acts with. */
  readonly ownPrincipalId?: string;
  readonly ownClientId?: string;
  /** `https://host[:port]`, without a trailing slash. */
  readonly armEndpoint: string;
  readonly tokenScope: string;
  /** Whose data planes get a token for vaults, and which token. */
  readonly vaults: { readonly dnsSuffix: string; readonly scope: string };
  /** Service endpoints without a trailing slash. */
  readonly storage: { readonly queue?: string; readonly table?: string; readonly blob?: string };
  /** Client id of the user-assigned identity to ask tokens for; undefined = the system-assigned one. */
  readonly identityClientId?: string;
  /** Where tickets go, and when; holds secrets. */
  readonly tickets: TicketSettings;
  /** Where Dockwarden's own events go. */
  readonly events: EventSettings;
  readonly nodes: NodeSettings;
  /** What is wrong with the settings. */
  readonly findings: readonly ConfigurationFinding[];
  /** First 12 hex digits of the SHA-256 of the effective settings (audit column `configHash`); secrets do not change it. */
  readonly hash: string;
  /** The lower of the own mode of the remediation or tracker and the cap; `observe` at most while anything that it depends on is malformed. */
  modeOf(id: string): Mode;
  isPolicyOn(policyId: string): boolean;
  /** The first setting of the policy's parameters that cannot be parsed: what the policy would say then is not what was meant. */
  malformedParameterOf(policyId: string): string | undefined;
  /** The values of the policy's parameters, by the names that it declares. */
  parametersOf(policyId: string): Readonly<Record<string, unknown>>;
  /** Milliseconds to leave a resource alone after somebody else did the same as the remediation; 0 = do not wait. */
  graceOf(remediationId: string): number;
  /** Address of the vault that takes the secrets which the remediation makes; undefined = they are discarded. */
  secretVaultOf(remediationId: string): string | undefined;
  /** Where the remediation or tracker may act; undefined = everywhere. */
  scopeOf(id: string): RemediationScope | undefined;
  /** When it may act; undefined = at any time. */
  windowOf(remediationId: string): MaintenanceWindow | undefined;
  /** Milliseconds between the announcement of a fix and the fix; 0 = none. */
  noticeOf(remediationId: string): number;
}

interface PolicySettings {
  readonly isOn: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly malformedParameter: string | undefined;
  readonly isMalformed: boolean;
}

interface TrackerSettings {
  readonly mode: Mode;
  readonly scope: RemediationScope | undefined;
}

interface RemediationSettings extends TrackerSettings {
  readonly grace: number;
  readonly secretVault: string | undefined;
  readonly window: MaintenanceWindow | undefined;
  readonly notice: number;
}

/**
 * Parses the settings in the environment that it is given. Pure, and never throws, whatever the environment holds: a value that cannot be
 * parsed never leads to an action but to `observe` for what depends on it, and to a finding.
 */
export function parseSettings(environment: Environment, catalogue: SettingsCatalogue): Settings {
  const findings = new Map<string, ConfigurationFinding>();
  const known = listSettings(catalogue);
  const unknownNames = findUnknownNames(presentNames(environment), known);
  const restricted = new Set(unknownNames.flatMap(({ setting }) => restrictedBy(setting, known)));
  const read = createReader(environment, findings);

  const { cap: allowed, ...others } = readGlobals(read);
  const { safety, isMalformed: isUnsafe } = readSafety(read);
  const isUnclear = isUnsafe || unknownNames.some(({ setting }) => isLostRestriction(setting, known));
  const cap = isUnclear ? lowerMode(allowed, 'observe') : allowed;
  const { storage, isAccountMissing } = readStorage(read);
  const { tickets, missing: missingForTickets } = readTickets(read);
  const globals = { ...others, safety, storage, tickets, events: readEvents(read), nodes: readNodes(read) };
  const policies = new Map(catalogue.policies.map((policy) => [policy.id, readPolicy(policy, read)]));
  const limitsOf = (name: string, policyId: string): Limits => ({
    cap,
    vaultDnsSuffix: others.vaults.dnsSuffix,
    isDegraded: restricted.has(name) || (policies.get(policyId)?.isMalformed ?? false),
  });
  const remediations = new Map(
    catalogue.remediations.map((remediation) => {
      const limits = limitsOf(modeSetting(remediation).name, remediation.fixes.id);
      return [remediation.id, readRemediation(remediation, read, limits)];
    }),
  );
  const trackers = new Map(
    (catalogue.trackers ?? []).map((tracker) => {
      const limits = limitsOf(trackerModeSetting(tracker).name, tracker.tracks.id);
      return [tracker.id, readTracker(tracker, read, limits)];
    }),
  );
  const acting = new Map<string, TrackerSettings>([...remediations, ...trackers]);
  const { storageAccount } = globalSettings;
  if (isAccountMissing && !findings.has(storageAccount.name)) {
    const missing = findMissing(
      storageAccount,
      'not every storage endpoint is known, and without storage nothing is done',
    );
    findings.set(missing.setting, missing);
  }

  const effective = {
    cap,
    ...globals,
    tickets: withoutSecrets(tickets),
    policies: [...policies],
    remediations: [...remediations],
    trackers: [...trackers],
  };
  return {
    cap,
    ...globals,
    findings: [...findings.values(), ...missingForTickets, ...unknownNames],
    hash: createHash('sha256').update(canonicalJson(effective)).digest('hex').slice(0, 12),
    modeOf: (id) => lookUp(acting, id).mode,
    graceOf: (id) => lookUp(remediations, id).grace,
    secretVaultOf: (id) => lookUp(remediations, id).secretVault,
    scopeOf: (id) => lookUp(acting, id).scope,
    windowOf: (id) => lookUp(remediations, id).window,
    noticeOf: (id) => lookUp(remediations, id).notice,
    isPolicyOn: (id) => lookUp(policies, id).isOn,
    malformedParameterOf: (id) => lookUp(policies, id).malformedParameter,
    parametersOf: (id) => lookUp(policies, id).parameters,
  };
}

function readGlobals(read: ReadSetting) {
  const scopes = read(globalSettings.scopes).value;
  const mode = read(globalSettings.mode).value;
  const armEndpoint = read(globalSettings.armEndpoint);
  const tokenScope = read(globalSettings.tokenScope);
  const vaultDnsSuffix = read(globalSettings.vaultDnsSuffix);
  const vaultScope = read(globalSettings.vaultScope);
  const sweepSchedule = read(globalSettings.sweepSchedule).value;
  const defenderHub = read(globalSettings.defenderHub).value;
  const defenderNamespace = read(globalSettings.defenderNamespace).value;
  const ownPrincipalId = read(globalSettings.principalId).value;
  const clientId = read(globalSettings.clientId).value;
  const storageClientId = read(globalSettings.storageClientId).value;
  const identityClientId = clientId ?? storageClientId;
  // A misspelt endpoint names a cloud that we cannot guess: nothing is changed in the one that is used instead.
  const isCloudUnclear = [armEndpoint, tokenScope, vaultDnsSuffix, vaultScope].some(({ isMalformed }) => isMalformed);
  // Whoever does not know its own writes takes them for somebody else's, and may answer them for ever.
  const isIdentityUnknown = ownPrincipalId === undefined && identityClientId === undefined;
  return {
    cap: isCloudUnclear || isIdentityUnknown ? lowerMode(mode, 'observe') : mode,
    scopes,
    actorNames: read(globalSettings.actorNames).value,
    defenderPolling: read(globalSettings.defenderPolling).value,
    sendsMetrics: read(globalSettings.metrics).value,
    reviewKeyNames: read(globalSettings.reviewKeyNames).value,
    armEndpoint: armEndpoint.value,
    tokenScope: tokenScope.value,
    vaults: { dnsSuffix: vaultDnsSuffix.value, scope: vaultScope.value },
    ...(sweepSchedule !== undefined && { sweepSchedule }),
    ...(defenderHub !== undefined && { defenderHub }),
    ...(defenderNamespace !== undefined && { defenderNamespace }),
    ...(ownPrincipalId !== undefined && { ownPrincipalId }),
    ...(identityClientId !== undefined && { identityClientId, ownClientId: identityClientId }),
  };
}

function readStorage(read: ReadSetting): { readonly storage: Settings['storage']; readonly isAccountMissing: boolean } {
  const account = read(globalSettings.storageAccount).value;
  let isAccountMissing = false;
  const endpoint = (setting: Setting<string | undefined>, service: string): string | undefined => {
    const { value, isMalformed } = read(setting);
    // A malformed endpoint is not replaced by the account's own: somebody meant another one.
    if (value !== undefined || isMalformed) return value;
    if (account !== undefined) return `https://${account}.${service}.core.windows.net`;
    isAccountMissing = true;
    return undefined;
  };
  const queue = endpoint(globalSettings.queueUri, 'queue');
  const table = endpoint(globalSettings.tableUri, 'table');
  const blob = endpoint(globalSettings.blobUri, 'blob');
  const storage = {
    ...(queue !== undefined && { queue }),
    ...(table !== undefined && { table }),
    ...(blob !== undefined && { blob }),
  };
  return { storage, isAccountMissing };
}

function readPolicy(policy: ConfigurablePolicy, read: ReadSetting): PolicySettings {
  const isOn = read(switchSetting(policy));
  const parameters = Object.entries(policy.parameters ?? {}).map(
    ([name, parameter]) => [name, read(parameterSetting(parameter))] as const,
  );
  const malformed = parameters.find(([, { isMalformed }]) => isMalformed);
  const malformedParameter = malformed && policy.parameters?.[malformed[0]]?.setting;
  return {
    isOn: isOn.value,
    parameters: Object.fromEntries(parameters.map(([name, { value }]) => [name, value])),
    malformedParameter,
    isMalformed: isOn.isMalformed || malformedParameter !== undefined,
  };
}

/** What keeps a remediation or a tracker from going as far as its own settings say. */
interface Limits {
  readonly cap: Mode;
  readonly vaultDnsSuffix: string;
  readonly isDegraded: boolean;
}

function readTracker(tracker: ConfigurableTracker, read: ReadSetting, { cap, isDegraded }: Limits): TrackerSettings {
  const mode = lowerMode(read(trackerModeSetting(tracker)).value, cap);
  const scope = read(trackerScopeSetting(tracker));
  return { mode: isDegraded || scope.isMalformed ? lowerMode(mode, 'observe') : mode, scope: scope.value };
}

function readRemediation(
  remediation: ConfigurableRemediation,
  read: ReadSetting,
  { cap, isDegraded, vaultDnsSuffix }: Limits,
): RemediationSettings {
  const mode = lowerMode(read(modeSetting(remediation)).value, cap);
  const grace = remediation.yieldsTo && read(parameterSetting(remediation.yieldsTo.grace));
  const vault = remediation.storesIn && read(secretVaultSetting(remediation.storesIn, vaultDnsSuffix));
  const scope = read(scopeSetting(remediation));
  const window = read(windowSetting(remediation));
  const notice = read(noticeSetting(remediation));
  const isObservedOnly = isDegraded || [grace, vault, scope, window, notice].some((part) => part?.isMalformed);
  return {
    mode: isObservedOnly ? lowerMode(mode, 'observe') : mode,
    grace: grace?.value ?? 0,
    secretVault: vault?.value,
    scope: scope.value,
    window: window.value,
    notice: notice.value,
  };
}

function presentNames(environment: Environment): readonly string[] {
  return Object.keys(environment).filter((name) => environment[name] !== undefined);
}

function lookUp<V>(entries: ReadonlyMap<string, V>, id: string): V {
  const entry = entries.get(id);
  if (entry === undefined) throw new DockwardenError('INTERNAL_INVARIANT', `the catalogue has no ${id}`);
  return entry;
}

/** JSON with sorted keys, so that equal settings have equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  });
}
