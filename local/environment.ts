import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { startAppEventServices, subscribeApp } from './app-events.ts';
import { createKeys, startHosts } from './app-hosts.ts';
import { type AppSettings, createAppSettings, ENFORCE_ALL, type StorageEndpoints } from './app-settings.ts';
import { exportTo } from './azure/defender.ts';
import { DEFENDER, EVENT_GRID } from './azure/sample-app-roles.ts';
import { addSampleDeployment } from './azure/sample-deployment.ts';
import { DEFENDER_HUB } from './azure/sample-deployment-ids.ts';
import { createSampleIdentities, createSampleSubscription } from './azure/sample-subscription.ts';
import { addSampleVault } from './azure/sample-vault.ts';
import { type AzureSimulator, startAzureSimulator } from './azure/simulator.ts';
import { type Azurite, startAzurite } from './azurite.ts';
import { type Certificates, createCertificates } from './certificates.ts';
import type { CustomTopic } from './event-grid/custom-topic.ts';
import { createEventGrid, type EventGrid } from './event-grid/event-grid.ts';
import { EventHub } from './event-hub/event-hub.ts';
import type { HostProcess } from './host/process.ts';

export interface EnvironmentOptions {
  /** Where certificates and the host's log go; created when missing. */
  readonly directory: string;
  /** The folder that is deployed; default `dist/`. */
  readonly app?: string;
  /** Changes to the app's settings, or what makes them once the simulated Azure runs; default: all remediations act. */
  readonly settings?: AppSettings | ((simulator: AzureSimulator) => AppSettings);
  /** Adds the vault of `sample-vault.ts` with its keys and who uses them to the sample. Default false. */
  readonly hasVault?: boolean;
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
  /** Takes the events that the app publishes about itself. */
  readonly topic: CustomTopic;
  readonly storage: StorageEndpoints;
  readonly caFile: string;
  /** Of the app, as it was started first. */
  readonly settings: AppSettings;
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

const deployFolder = fileURLToPath(new URL('../dist', import.meta.url));

/** Starts everything. What had been started is stopped again when a later part fails. */
export async function startEnvironment(options: EnvironmentOptions): Promise<LocalEnvironment> {
  const { app = deployFolder, directory, onProgress = () => undefined } = options;
  await access(join(app, 'main.cjs')).catch(() => {
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
    const defenderHub = new EventHub({ name: DEFENDER_HUB });
    const { armPort, recordTo } = options;
    const simulator = await startAzureSimulator({
      certificates,
      seed: createSampleSubscription(),
      // The product gets its role with its settings, before the host starts.
      identities: [...createSampleIdentities([]), EVENT_GRID, DEFENDER],
      onEvent: (event) => eventGrid.publish(event),
      onExport: exportTo(defenderHub),
      ...(armPort !== undefined && { port: armPort }),
      ...(recordTo !== undefined && { recordTo }),
    });
    stops.push(async () => await simulator.stop());
    if (options.hasVault === true) addSampleVault(simulator);

    onProgress('Event Hub (alerts of Defender for Cloud), topic (own events)');
    const events = await startAppEventServices(simulator, certificates, defenderHub, stops);
    addSampleDeployment(simulator, { storage, eventHub: events.namespace.fullyQualifiedNamespace });

    onProgress('Functions host with the built app');
    const given = typeof options.settings === 'function' ? options.settings(simulator) : options.settings;
    const settings = { ...createAppSettings(simulator, storage), ...events.settings, ...ENFORCE_ALL, ...given };
    const keys = createKeys();
    const hosts = await startHosts({
      app,
      directory,
      settings,
      port: options.functionsPort ?? 0,
      receiveVisibilitySeconds: options.receiveVisibilitySeconds,
      certificates,
      simulator,
      storage,
      keys,
      reportCrash,
    });
    stops.push(async () => await hosts.stop());

    onProgress('Event Grid subscription');
    const webhook = `${hosts.current().url}/runtime/webhooks/eventgrid?functionName=resourceEventsWebhook&code=${keys.eventgrid}`;
    await subscribeApp(eventGrid, simulator, storage, options.delivery === 'webhook' ? webhook : undefined);
    stops.push(async () => {
      eventGrid.close();
      await eventGrid.idle();
    });
    return {
      simulator,
      eventGrid,
      topic: events.topic,
      storage,
      caFile: certificates.caFile,
      settings,
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

async function startSweep(functionsUrl: string, masterKey: string): Promise<void> {
  const response = await fetch(`${functionsUrl}/admin/functions/sweep`, {
    method: 'POST',
    headers: { 'x-functions-key': masterKey },
    body: '{"input":""}',
  });
  if (response.status !== 202) throw new Error(`the sweep was not started: ${response.status}`);
}
