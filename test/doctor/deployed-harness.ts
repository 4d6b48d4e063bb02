import { readFile } from 'node:fs/promises';
import { APP_EVENT_ROLES } from '../../local/app-events.ts';
import { createAppSettings, ENFORCE_ALL, type StorageEndpoints } from '../../local/app-settings.ts';
import type { RoleAssignment } from '../../local/azure/identities.ts';
import { APP_STORAGE_ROLES, DEFENDER, EVENT_GRID } from '../../local/azure/sample-app-roles.ts';
import { addSampleDeployment, type SampleFunction, showApp } from '../../local/azure/sample-deployment.ts';
import { DEFENDER_HUB, DEPLOYED } from '../../local/azure/sample-deployment-ids.ts';
import { createSampleIdentities } from '../../local/azure/sample-subscription.ts';
import { addSampleVault } from '../../local/azure/sample-vault.ts';
import type { AzureSimulator } from '../../local/azure/simulator.ts';
import { readProductRoles } from '../../local/product-actions.ts';
import { createArmAccess } from '../../src/azure/arm-access.ts';
import { createAzureClients } from '../../src/azure/clients.ts';
import { type AppId, parseAppId } from '../../src/doctor/app-id.ts';
import type { DoctorFinding } from '../../src/doctor/check.ts';
import { createDeployedContext, type DeployedContext } from '../../src/doctor/deployed.ts';
import { deployedChecks } from '../../src/doctor/deployed-checks.ts';
import { type DoctorReport, runChecks } from '../../src/doctor/run-checks.ts';
import { functionNames } from '../../src/functions/health.ts';
import { policies as allPolicies } from '../../src/policy/catalogue.ts';
import type { Policy } from '../../src/policy/define-policy.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import type { StorageProbe } from '../../src/storage/storage-probe.ts';
import { startHarness } from '../simulator/harness.ts';

const STORAGE = { blob: 'https://localhost:1/a', queue: 'https://localhost:2/a', table: 'https://localhost:3/a' };
const EVENT_HUB = 'localhost:4';

const now = (): Date => new Date();

type Settings = Readonly<Record<string, string>>;

/** Storage in which everything is as it should be. */
function healthyStorage(): StorageProbe {
  return {
    readQueue: async () => await Promise.resolve({ messages: 0, oldestSentAt: undefined }),
    countBlobs: async () => await Promise.resolve(0),
    canReadTable: async () => await Promise.resolve(true),
    readRow: async () =>
      await Promise.resolve({
        startedAt: now().toISOString(),
        finishedAt: now().toISOString(),
        complete: true,
        resources: 1,
        queued: 0,
      }),
    askTime: async () => await Promise.resolve(now()),
  };
}

/** What a test changes before the doctor looks. */
export interface Fault {
  /** Undefined takes a setting away. */
  readonly settings?: Readonly<Record<string, string | undefined>>;
  /** The app holds what these settings call for, and not what the healthy ones do. */
  readonly isRedeployed?: true;
  /** What the identity of the app holds, made of what it would hold. */
  readonly roles?: (roles: readonly RoleAssignment[]) => readonly RoleAssignment[];
  readonly functions?: (functions: readonly SampleFunction[]) => readonly SampleFunction[];
  readonly storage?: Partial<StorageProbe>;
  readonly plant?: (simulator: AzureSimulator) => void | Promise<void>;
  readonly context?: Partial<DeployedContext>;
  readonly hostJson?: string;
  readonly policies?: readonly Policy[];
}

/** A healthy set-up in the simulated Azure, as the template leaves it behind, and the doctor about it. */
export async function startDeployed(endpoints: StorageEndpoints = STORAGE) {
  const harness = await startHarness({
    identities: [...createSampleIdentities([]), structuredClone(EVENT_GRID), DEFENDER],
  });
  const { ca, simulator } = harness;
  // Tests ask one after the other, far faster than anybody does over a network: they would run into the limits of Azure Resource Manager.
  simulator.limits.enabled = false;
  addSampleVault(simulator);
  addSampleDeployment(simulator, { storage: endpoints, eventHub: EVENT_HUB });
  const app = requireAppId(DEPLOYED.site);
  const clients = createAzureClients({
    credential: simulator.credential('operator'),
    endpoint: simulator.armEndpoint,
    scope: 'https://management.azure.com/.default',
    vaults: { dnsSuffix: 'localhost', scope: 'https://vault.azure.net/.default' },
    ca,
  });
  const healthy: Settings = {
    ...createAppSettings(simulator, endpoints),
    DefenderEventHub__fullyQualifiedNamespace: EVENT_HUB,
    DEFENDER_EVENT_HUB: DEFENDER_HUB,
    ...ENFORCE_ALL,
  };

  /** Plants a fault, or none, in the simulated Azure. */
  async function arrange(fault: Fault = {}): Promise<void> {
    const settings = Object.fromEntries(
      Object.entries({ ...healthy, ...fault.settings }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );
    const held = [
      ...(await readProductRoles(fault.isRedeployed ? settings : healthy, simulator.prometheus.workspaceId)),
      ...APP_EVENT_ROLES,
      ...APP_STORAGE_ROLES,
    ];
    simulator.identity('dockwarden').roleAssignments = fault.roles?.(held) ?? held;
    const functions = functionNames.map((name) => ({ name, isDisabled: false }));
    showApp(simulator, settings, fault.functions?.(functions) ?? functions);
    await fault.plant?.(simulator);
  }

  /** Runs these checks (default: all) on the set-up with this fault. */
  async function check(ids: readonly string[] | undefined, fault: Fault = {}): Promise<DoctorReport> {
    await arrange(fault);
    const { policies = allPolicies } = fault;
    const context = createDeployedContext({
      arm: createArmAccess(clients),
      app,
      now,
      policies,
      remediations,
      parseSettings: (environment) => parseSettings(environment, { policies, remediations, trackers }),
      openStorage: () => ({ ...healthyStorage(), ...fault.storage }),
      functionNames,
      optionalFunctions: ['defenderAlerts'],
      hostJson: async () => fault.hostJson ?? (await readFile(new URL('../../host.json', import.meta.url), 'utf8')),
    });
    const chosen = deployedChecks.filter(({ id }) => ids?.includes(id) ?? true);
    return await runChecks(chosen, { ...context, ...fault.context }, DEPLOYED.site, () => undefined);
  }

  return {
    simulator,
    arrange,
    check,
    /** What one check finds. */
    find: async (id: string, fault?: Fault): Promise<readonly DoctorFinding[]> => (await check([id], fault)).findings,
    stop: async () => await harness.stop(),
  };
}

export type Deployed = Awaited<ReturnType<typeof startDeployed>>;

function requireAppId(text: string): AppId {
  const app = parseAppId(text);
  if (app === undefined) throw new Error(`not the id of an app: ${text}`);
  return app;
}
