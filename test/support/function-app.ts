import { readFileSync } from 'node:fs';
import { TableClient, type TableEntityResult } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { inject } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import type { RoleAssignment } from '../../local/azure/identities.ts';
import {
  assignProductRole,
  createSampleIdentities,
  createSampleSubscription,
  SAMPLE_SUBSCRIPTION_ID,
} from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, startAzureSimulator } from '../../local/azure/simulator.ts';
import {
  createRegistry,
  type InvocationResponse,
  provideCoreModule,
  type RegisteredFunction,
  type Registry,
  type TypedData,
} from '../../local/host/core-module.ts';
import { createInvoker, type Invoker, type InvokerOptions } from '../../local/host/invocation.ts';
import { readProductPermissions } from '../../local/product-actions.ts';
import { claimStorageAccount, type TestStorage } from './storage.ts';

export type Settings = Readonly<Record<string, string | undefined>>;

/** The app's functions over the simulated Azure and the storage emulator, in this process. They read the environment as it is. */
export interface FunctionApp {
  readonly registry: Registry;
  readonly simulator: AzureSimulator;
  /** What the app has logged since the last reset. */
  readonly logged: string[];
  /** Events that the simulated Azure has raised since the last reset. */
  readonly events: ResourceEvent[];
  /** Storage of its own for the next test; settings for it, as Azure would give them (identities, no secret), with these changes. */
  reset(changes?: Settings): Settings;
  /** Gives the app's identity what these settings call for, and nothing but these besides. */
  assignRole(settings: Settings, ...others: readonly RoleAssignment[]): Promise<void>;
  functionNamed(name: string): RegisteredFunction;
  invoke(name: string, data: TypedData): Promise<InvocationResponse>;
  storage(): TestStorage;
  queue(name: string): QueueClient;
  table(name: string): TableClient;
  container(name: string): ContainerClient;
  /** Texts of the messages that can be seen in a queue, taken out of it. */
  take(queue: string): Promise<string[]>;
  /** Rows of the audit. */
  auditRows(): Promise<readonly TableEntityResult<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

export async function startFunctionApp(options: Pick<InvokerOptions, 'delay'> = {}): Promise<FunctionApp> {
  const logged: string[] = [];
  const events: ResourceEvent[] = [];
  const registry = createRegistry((_level, _category, message) => logged.push(message));
  provideCoreModule(registry);
  await import('../../src/main.ts');
  const invoker = createAppInvoker(registry, { log: registry.log, ...options });
  const { certFile, keyFile } = inject('certificates');
  const simulator = await startAzureSimulator({
    certificates: { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') },
    seed: createSampleSubscription(),
    identities: createSampleIdentities([]),
    onEvent: (event) => events.push(event),
  });
  let storage: TestStorage;

  const app: FunctionApp = {
    registry,
    simulator,
    logged,
    events,
    reset(changes = {}) {
      storage = claimStorageAccount();
      logged.length = 0;
      events.length = 0;
      const { endpoint, header } = simulator.identityEndpoint('dockwarden');
      return {
        IDENTITY_ENDPOINT: endpoint,
        IDENTITY_HEADER: header,
        AzureWebJobsStorage__blobServiceUri: storage.blob,
        AzureWebJobsStorage__queueServiceUri: storage.queue,
        AzureWebJobsStorage__tableServiceUri: storage.table,
        DOCKWARDEN_ARM_ENDPOINT: simulator.armEndpoint,
        DOCKWARDEN_PRINCIPAL_ID: simulator.identity('dockwarden').objectId,
        SCOPES: SAMPLE_SUBSCRIPTION_ID,
        SWEEP_SCHEDULE: '0 0 * * * *',
        ...changes,
      };
    },
    async assignRole(settings, ...others) {
      const present = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
      const { actions, dataActions } = await readProductPermissions(Object.fromEntries(present));
      simulator.identity('dockwarden').roleAssignments = [...assignProductRole(actions, dataActions), ...others];
    },
    functionNamed(name) {
      const target = registry.functions.get(name);
      if (target === undefined) throw new Error(`no function ${name}`);
      return target;
    },
    invoke: async (name, data) => await invoker.invoke(app.functionNamed(name), { data }),
    storage: () => storage,
    queue: (name) => new QueueClient(`${storage.queue}/${name}`, storage.credential),
    table: (name) => new TableClient(storage.table, name, storage.credential),
    container: (name) => new ContainerClient(`${storage.blob}/${name}`, storage.credential),
    async take(name) {
      const queue = app.queue(name);
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      for (const { messageId, popReceipt } of receivedMessageItems) await queue.deleteMessage(messageId, popReceipt);
      return receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString());
    },
    auditRows: async () => await Array.fromAsync(app.table('audit').listEntities()),
    async stop() {
      await simulator.stop();
    },
  };
  return app;
}

/** Invokes functions as the host does; none of them has output bindings, and none may exceed its time. */
export function createAppInvoker(registry: Registry, options: Partial<InvokerOptions> = {}): Invoker {
  return createInvoker({
    registry,
    log: () => undefined,
    timeoutMs: 30_000,
    writeOutputs: async () => await Promise.resolve(),
    onTimeout: (error) => {
      throw error;
    },
    ...options,
  });
}
