import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { QueueServiceClient } from '@azure/storage-queue';
import { type AppSettings, createAppSettings, ENFORCE_ALL, type StorageEndpoints } from './app-settings.ts';
import type { IdentityDefinition } from './azure/identities.ts';
import { assignProductRole, createSampleIdentities, createSampleSubscription } from './azure/sample-subscription.ts';
import { type AzureSimulator, startAzureSimulator } from './azure/simulator.ts';
import { type Azurite, startAzurite } from './azurite.ts';
import { type Certificates, createCertificates } from './certificates.ts';
import { createQueueDestination, createWebhookDestination } from './event-grid/destinations.ts';
import { createEventGrid, type EventGrid } from './event-grid/event-grid.ts';
import type { HostKeys } from './host/keys.ts';
import type { LogLine } from './host/log.ts';
import { type HostProcess, startHost } from './host/process.ts';
import { readProductPermissions } from './product-actions.ts';

export interface EnvironmentOptions {
  /** Where certificates and the host's log go; created when missing. */
  readonly directory: string;
  /** Changes to the app's settings; default: all remediations act. */
  readonly settings?: AppSettings;
  /** Port of the Functions host; 0 (default) takes a free one. */
  readonly functionsPort?: number;
  /** Port of the simulated ARM; 0 (default) takes a free one. */
  readonly armPort?: number;
  /** Certificates that this process trusts already; default: new ones, trusted from here on. */
  readonly certificates?: Certificates;
  /** A storage account that is there already; default: an emulator of its own. */
  readonly storage?: StorageEndpoints;
  /** How Event Grid hands over events; default `queue`. */
  readonly delivery?: 'queue' | 'webhook';
  /** Seconds a queue message is held while its function runs; default as in Azure, 600. */
  readonly receiveVisibilitySeconds?: number;
  /** NDJSON file of all requests to the simulated Azure. */
  readonly recordTo?: string;
  /** Hears what is being started, before it is. */
  readonly onProgress?: (what: string) => void;
}

/** The whole of it, running on loopback: simulated Azure, Event Grid, storage and the built app in the local Functions host. */
export interface LocalEnvironment {
  readonly simulator: AzureSimulator;
  readonly eventGrid: EventGrid;
  readonly storage: StorageEndpoints;
  readonly caFile: string;
  /** Opens the app's functions of level `function`. */
  readonly functionKey: string;
  /** The present one: `restartHost` makes another. */
  readonly host: () => HostProcess;
  /** Ends the host if it still runs, and starts it again with these changes to the settings: what a changed app setting does in Azure. */
  restartHost(changes?: AppSettings): Promise<void>;
  /** `POST /admin/functions/sweep`. */
  sweep(): Promise<void>;
  /** Settles, with what happened in words, when a process ends that nobody has stopped. */
  readonly crashed: Promise<string>;
  stop(): Promise<void>;
}

/** Identity of the system topic, which may put messages into the queue and knows nothing of ARM. */
const EVENT_GRID: IdentityDefinition = {
  name: 'event-grid',
  objectId: '00000000-0000-4000-8000-000000000091',
  clientId: '00000000-0000-4000-8000-000000000092',
  principalType: 'ServicePrincipal',
  displayName: 'evgt-platform',
  roleAssignments: [],
};
/** Name of the event subscription that feeds the app. */
export const EVENT_SUBSCRIPTION = 'dockwarden-resource-events';
const EVENT_TYPES = ['Write', 'Action', 'Delete'].map((kind) => `Microsoft.Resources.Resource${kind}Success`);
const EVENT_QUEUE = 'resource-events';
const QUEUES = [EVENT_QUEUE, 'work', 'tickets', 'events'];

const deployFolder = fileURLToPath(new URL('../dist', import.meta.url));

/** Starts everything. What had been started is stopped again when a later part fails. */
export async function startEnvironment(options: EnvironmentOptions): Promise<LocalEnvironment> {
  const { directory, onProgress = () => undefined } = options;
  await access(join(deployFolder, 'main.cjs')).catch(() => {
    throw new Error('there is no built app: run "npm run build" first');
  });
  await mkdir(directory, { recursive: true });
  const stops: (() => Promise<void>)[] = [];
  const crash = Promise.withResolvers<string>();
  let isStopping = false;
  const stop = async (): Promise<void> => {
    isStopping = true;
    const failures: unknown[] = [];
    // One part that cannot be stopped must not keep the others running.
    for (const end of stops.splice(0).toReversed()) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be stopped');
  };
  const reportCrash = (what: string): void => {
    if (!isStopping) crash.resolve(what);
  };

  try {
    onProgress('certificates');
    const certificates = options.certificates ?? (await createTrustedCertificates(join(directory, 'certificates')));
    onProgress('storage emulator (queues, tables, blobs)');
    const storage = options.storage ?? (await startStorage(certificates, directory, stops, reportCrash));
    onProgress('simulated Azure (ARM, managed identity)');
    const eventGrid = createEventGrid();
    const { armPort, recordTo } = options;
    const simulator = await startAzureSimulator({
      certificates,
      seed: createSampleSubscription(),
      // The product gets its role with its settings, before the host starts.
      identities: [...createSampleIdentities([]), EVENT_GRID],
      onEvent: (event) => eventGrid.publish(event),
      ...(armPort !== undefined && { port: armPort }),
      ...(recordTo !== undefined && { recordTo }),
    });
    stops.push(async () => await simulator.stop());

    onProgress('Functions host with the built app');
    const keys = { master: createKey(), function: createKey(), eventgrid: createKey() };
    const hosts = await startHosts(options, { certificates, simulator, storage, keys, reportCrash });
    stops.push(async () => await hosts.stop());

    onProgress('Event Grid subscription');
    const webhook = `${hosts.current().url}/runtime/webhooks/eventgrid?functionName=resourceEventsWebhook&code=${keys.eventgrid}`;
    await subscribe(eventGrid, simulator, storage, options.delivery === 'webhook' ? webhook : undefined);
    stops.push(async () => {
      eventGrid.close();
      await eventGrid.idle();
    });
    return {
      simulator,
      eventGrid,
      storage,
      caFile: certificates.caFile,
      functionKey: keys.function,
      host: () => hosts.current(),
      restartHost: async (changes) => await hosts.restart(changes),
      sweep: async () => await startSweep(hosts.current().url, keys.master),
      crashed: crash.promise,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createTrustedCertificates(directory: string): Promise<Certificates> {
  const certificates = await createCertificates(directory);
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), certificates.ca]);
  return certificates;
}

async function startStorage(
  { caFile, certFile, keyFile }: Certificates,
  directory: string,
  stops: (() => Promise<void>)[],
  reportCrash: (what: string) => void,
): Promise<StorageEndpoints> {
  const azurite: Azurite = await startAzurite({ caFile, certFile, keyFile, directory, inMemory: true });
  stops.push(async () => await azurite.stop());
  void azurite.exited.then(() => reportCrash('the storage emulator ended unexpectedly'));
  return { blob: azurite.blobEndpoint(), queue: azurite.queueEndpoint(), table: azurite.tableEndpoint() };
}

interface HostParts {
  readonly certificates: Certificates;
  readonly simulator: AzureSimulator;
  readonly storage: StorageEndpoints;
  readonly keys: HostKeys;
  readonly reportCrash: (what: string) => void;
}

/** As long as those that Azure makes. */
function createKey(): string {
  return randomBytes(40).toString('base64url');
}

/** The app in its host; one at a time. */
async function startHosts(options: EnvironmentOptions, parts: HostParts) {
  const { certificates, simulator, storage, keys, reportCrash } = parts;
  const { directory, functionsPort = 0, receiveVisibilitySeconds } = options;
  const queues = new QueueServiceClient(storage.queue, simulator.credential('dockwarden'));
  for (const name of QUEUES) await queues.getQueueClient(name).createIfNotExists();
  const logFile = join(directory, 'host.log');
  const logStream = createWriteStream(logFile);
  let settings: AppSettings = {
    ...createAppSettings(simulator, storage),
    ...ENFORCE_ALL,
    ...options.settings,
  };
  const log = (line: LogLine): void => {
    const { time, level, category, message } = line;
    logStream.write(`${time} ${level} [${category}] ${message}\n`);
  };
  let expected: HostProcess | undefined;

  async function start(port: number): Promise<HostProcess> {
    const { actions, dataActions } = await readProductPermissions(settings);
    simulator.identity('dockwarden').roleAssignments = assignProductRole(actions, dataActions);
    const host = await startHost({
      app: deployFolder,
      env: settings,
      port,
      caFile: certificates.caFile,
      keys,
      onLog: log,
      ...(receiveVisibilitySeconds !== undefined && { receiveVisibilitySeconds }),
    });
    expected = host;
    void reportUnexpectedEnd(host);
    const { length } = await host.functions();
    if (length > 0) return host;
    expected = undefined;
    await host.kill();
    throw new Error(`the built app has no functions; ${logFile} says why`);
  }

  async function reportUnexpectedEnd(host: HostProcess): Promise<void> {
    const { code, signal } = await host.exited;
    if (expected === host) reportCrash(`the Functions host ended unexpectedly (${String(signal ?? code)})`);
  }

  let current = await start(functionsPort);
  const port = Number(new URL(current.url).port);
  const stopCurrent = async (): Promise<void> => {
    expected = undefined;
    await current.stop();
  };
  return {
    current: () => current,
    async stop() {
      await stopCurrent();
      await finished(logStream.end());
    },
    async restart(changes: AppSettings = {}) {
      await stopCurrent();
      settings = { ...settings, ...changes };
      current = await start(port);
    },
  };
}

async function subscribe(
  eventGrid: EventGrid,
  simulator: AzureSimulator,
  storage: StorageEndpoints,
  webhook: string | undefined,
): Promise<void> {
  const queue = new QueueServiceClient(storage.queue, simulator.credential(EVENT_GRID.name)).getQueueClient(
    EVENT_QUEUE,
  );
  const destination =
    webhook === undefined
      ? createQueueDestination({ queue, messageTimeToLiveSeconds: -1 })
      : createWebhookDestination({ url: webhook });
  await eventGrid.subscribe({ name: EVENT_SUBSCRIPTION, destination, filter: { includedEventTypes: EVENT_TYPES } });
}

async function startSweep(functionsUrl: string, masterKey: string): Promise<void> {
  const response = await fetch(`${functionsUrl}/admin/functions/sweep`, {
    method: 'POST',
    headers: { 'x-functions-key': masterKey },
    body: '{"input":""}',
  });
  if (response.status !== 202) throw new Error(`the sweep was not started: ${response.status}`);
}
