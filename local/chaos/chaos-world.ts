import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { QueueServiceClient } from '@azure/storage-queue';
import { type AppSettings, createAppSettings, ENFORCE_ALL, type StorageEndpoints } from '../app-settings.ts';
import type { ResourceEvent } from '../azure/events.ts';
import { assignProductRole, createSampleIdentities } from '../azure/sample-subscription.ts';
import { type AzureSimulator, type Seed, startAzureSimulator } from '../azure/simulator.ts';
import { startAzurite } from '../azurite.ts';
import { type Certificates, createCertificates } from '../certificates.ts';
import { readProductPermissions } from '../product-actions.ts';
import type { ScaledClock } from './scaled-clock.ts';

/** What the workers work with. */
export interface ChaosWorld {
  readonly simulator: AzureSimulator;
  readonly storage: StorageEndpoints;
  readonly queues: QueueServiceClient;
  /** Environment of a worker process. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export const QUEUES: readonly string[] = ['resource-events', 'work', 'resource-events-poison', 'work-poison'];

/** Modes and limits: everything is fixed, and the breaker counts without ever being the reason why something waits for hours. */
const SETTINGS: AppSettings = {
  ...ENFORCE_ALL,
  // Its clusters have no nodes.
  POLICY_AKS_NODE_REBOOT_COMPLETED: 'off',
  POLICY_AKS_NODE_IMAGE_CURRENT: 'off',
  POLICY_AKS_WINDOWS_NODE_IMAGE_CURRENT: 'off',
  POLICY_AKS_NODE_REBOOT_COVERAGE_COMPLETE: 'off',
  BREAKER_REMEDIATION_CAP: '400',
  BREAKER_SUBSCRIPTION_CAP: '400',
  BREAKER_WINDOW: '10m',
};

/** Starts storage and the simulated Azure. What had been started is stopped again when a later part fails. */
export async function startWorld(
  seed: Seed,
  clock: ScaledClock,
  onEvent: (event: ResourceEvent) => void,
): Promise<ChaosWorld> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    const directory = await mkdtemp(join(tmpdir(), 'dockwarden-chaos-'));
    stops.push(async () => await rm(directory, { recursive: true, force: true }));
    const certificates = await createCertificates(directory);
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), certificates.ca]);
    const storage = await startStorage(certificates, directory, stops);
    const simulator = await startAzureSimulator({
      certificates,
      clock,
      seed,
      identities: createSampleIdentities([]),
      onEvent,
    });
    stops.push(async () => await simulator.stop());
    const settings = { ...createAppSettings(simulator, storage), ...SETTINGS };
    const { actions, dataActions } = await readProductPermissions(settings);
    simulator.identity('dockwarden').roleAssignments = assignProductRole(actions, dataActions);
    const queues = new QueueServiceClient(storage.queue, simulator.credential('operator'));
    for (const name of QUEUES) await queues.getQueueClient(name).createIfNotExists();
    const environment = { ...settings, NODE_EXTRA_CA_CERTS: certificates.caFile };
    return { simulator, storage, queues, environment, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startStorage(
  { caFile, certFile, keyFile }: Certificates,
  directory: string,
  stops: (() => Promise<void>)[],
): Promise<StorageEndpoints> {
  // In memory the emulator would stand still for minutes, every minute, while it collects the bodies of thousands of deleted messages.
  const azurite = await startAzurite({ caFile, certFile, keyFile, directory });
  stops.push(async () => await azurite.stop());
  return { blob: azurite.blobEndpoint(), queue: azurite.queueEndpoint(), table: azurite.tableEndpoint() };
}
