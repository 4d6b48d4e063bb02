import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { TableClient } from '@azure/data-tables';
import { ManagedIdentityCredential } from '@azure/identity';
import { QueueClient } from '@azure/storage-queue';
import { inject } from 'vitest';
import type { ResourceEvent } from '../../local/azure/events.ts';
import {
  assignProductRole,
  createSampleIdentities,
  createSampleSubscription,
  SAMPLE_SUBSCRIPTION_ID,
  sampleId,
} from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, startAzureSimulator } from '../../local/azure/simulator.ts';
import { createRegistry, type HttpData, provideCoreModule, type TypedData } from '../../local/host/core-module.ts';
import { hostFunction } from '../../local/host/hosted-function.ts';
import { createHttpServer } from '../../local/host/http-server.ts';
import { listHttpTriggers } from '../../local/host/http-trigger.ts';
import { createInvoker } from '../../local/host/invocation.ts';
import { readProductPermissions } from '../../local/product-actions.ts';
import { findingId } from '../../src/findings/finding-id.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import type { Breakers } from '../../src/guards/breaker.ts';
import { createTableBreakers } from '../../src/guards/table-breakers.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { claimStorageAccount, type TestStorage } from './storage.ts';

type SampleName = Parameters<typeof sampleId>[0];
type Settings = Readonly<Record<string, string | undefined>>;

const ARM_SCOPE = 'https://management.azure.com/.default';
export const FUNCTION_KEY = 'the-function-key-of-this-test';

/** The app's functions over the simulated Azure and the storage emulator, with the local host's HTTP front, in this process. */
export interface ReviewApp {
  readonly simulator: AzureSimulator;
  /** Base address; functions of level `function` open for {@link FUNCTION_KEY}. */
  readonly url: string;
  /** What the app has logged since the last reset. */
  readonly logged: string[];
  storage(): TestStorage;
  /** Storage of its own for the next test, with these changes to the settings: registries are fixed after approval. */
  reset(changes?: Settings): Promise<void>;
  changeSettings(changes: Settings): void;
  /** One request as the host hands it over. */
  request(http: HttpData): Promise<Answer>;
  /** Switches the admin user of a sample registry on, and takes the event in. */
  violate(registry?: SampleName): Promise<Finding>;
  /** Handles every message that waits for the function `reconcile`; how many there were. */
  work(): Promise<number>;
  findings(): Promise<readonly Finding[]>;
  /** Puts findings into the table as they are. */
  save(findings: readonly Finding[]): Promise<void>;
  breakers(): Breakers;
  /** Rows of a table, in the order in which they were written. */
  rows(table: 'audit' | 'guards'): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Makes every row of a table one that cannot be read. */
  corrupt(table: 'findings'): Promise<void>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function startReviewApp(): Promise<ReviewApp> {
  const logged: string[] = [];
  const events: ResourceEvent[] = [];
  const registry = createRegistry((_level, _category, message) => logged.push(message));
  provideCoreModule(registry);
  await import('../../src/main.ts');
  const invoker = createInvoker({
    registry,
    log: (_level, _category, message) => logged.push(message),
    timeoutMs: 30_000,
    writeOutputs: async () => await Promise.resolve(),
    onTimeout: (error) => {
      throw error;
    },
  });
  const { certFile, keyFile } = inject('certificates');
  const simulator = await startAzureSimulator({
    certificates: { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') },
    seed: createSampleSubscription(),
    identities: createSampleIdentities([]),
    onEvent: (event) => events.push(event),
  });
  let storage: TestStorage;
  let settings: Settings = {};

  async function invoke(name: string, data: TypedData) {
    const target = registry.functions.get(name);
    if (target === undefined) throw new Error(`no function ${name}`);
    return await withEnvironment(settings, async () => await invoker.invoke(target, { data }));
  }

  const server = createHttpServer({
    admin: { functions: [], loadError: undefined, hostVersion: '', run: () => undefined },
    triggers: listHttpTriggers(
      [...registry.functions.values()].map((registered) => hostFunction(registered, { SWEEP_SCHEDULE: '0 0 * * * *' })),
      'api',
    ),
    keys: { function: FUNCTION_KEY },
    isAuthenticationOn: false,
    invoke: async (hosted, { data }) => await invoke(hosted.name, data),
    log: () => undefined,
  });
  const url = await listen(server);

  async function takeWork(): Promise<readonly string[]> {
    const queue = new QueueClient(`${storage.queue}/work`, storage.credential);
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
    for (const { messageId, popReceipt } of receivedMessageItems) await queue.deleteMessage(messageId, popReceipt);
    return receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString());
  }

  function openTable(name: string): TableStore {
    return createTableStore(new TableClient(storage.table, name, storage.credential));
  }

  const app: ReviewApp = {
    simulator,
    url,
    logged,
    storage: () => storage,
    async reset(changes = {}) {
      storage = claimStorageAccount();
      logged.length = 0;
      const { endpoint, header } = simulator.identityEndpoint('dockwarden');
      settings = {
        IDENTITY_ENDPOINT: endpoint,
        IDENTITY_HEADER: header,
        AzureWebJobsStorage__blobServiceUri: storage.blob,
        AzureWebJobsStorage__queueServiceUri: storage.queue,
        AzureWebJobsStorage__tableServiceUri: storage.table,
        DOCKWARDEN_ARM_ENDPOINT: simulator.armEndpoint,
        DOCKWARDEN_PRINCIPAL_ID: simulator.identity('dockwarden').objectId,
        SCOPES: SAMPLE_SUBSCRIPTION_ID,
        SWEEP_SCHEDULE: '0 0 * * * *',
        REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve',
        // Tests break the same registry again and again.
        WAR_REVERTS: '20',
        WAR_REVERTS_TOTAL: '20',
        ...changes,
      };
      await assignRole();
      // The first managed identity of a process is the one of all: it has to be the app's, not that of the command line beside it.
      await withEnvironment(settings, async () => await new ManagedIdentityCredential().getToken(ARM_SCOPE));
    },
    changeSettings(changes) {
      settings = { ...settings, ...changes };
    },
    async request(http) {
      const response = await invoke('review', { http: { method: 'POST', url: `${url}/api/review/x`, ...http } });
      const { statusCode, headers = {}, body } = response.returnValue?.http ?? {};
      const text = body?.bytes === undefined ? '' : Buffer.from(body.bytes).toString();
      return { status: Number(statusCode), headers, text, body: text === '' ? {} : JSON.parse(text) };
    },
    async violate(name = 'contosoacr') {
      events.length = 0;
      simulator.as('operator').patch(sampleId(name), { properties: { adminUserEnabled: true } });
      for (const event of events.splice(0)) await invoke('resourceEvents', { string: JSON.stringify(event) });
      await app.work();
      const finding = (await app.findings()).find(
        ({ policyId, resourceId }) => policyId === 'acr-admin-user-disabled' && resourceId === sampleId(name),
      );
      if (finding === undefined) throw new Error(`no finding about ${name}`);
      return finding;
    },
    async work() {
      const messages = await takeWork();
      for (const text of messages) await invoke('reconcile', { string: text });
      return messages.length;
    },
    findings: async () => {
      const findings = createTableFindings(openTable('findings'));
      return await Array.fromAsync(
        findings.all((error) => {
          throw error;
        }),
      );
    },
    async save(findings) {
      const table = createTableFindings(openTable('findings'));
      for (const item of findings) {
        const resource = parseResourceId(item.resourceId);
        const stored = (await table.ofResource(resource)).find((row) => findingId(row.item) === findingId(item));
        const saved = await table.save(resource, [{ item, ...(stored && { etag: stored.etag }) }]);
        if (saved === undefined) throw new Error(`the finding about ${item.resourceId} was written by somebody else`);
      }
    },
    breakers: () => createTableBreakers(openTable('guards')),
    async rows(table) {
      const rows = await Array.fromAsync(openTable(table).all(), ({ columns }) => columns);
      return rows.toSorted((one, other) => String(one['time']).localeCompare(String(other['time'])));
    },
    async corrupt(name) {
      const table = openTable(name);
      for await (const { partitionKey, rowKey, columns } of table.all())
        await table.putAll(partitionKey, [{ rowKey, columns: { ...columns, verdict: 'perhaps' } }]);
    },
    async stop() {
      server.close();
      await simulator.stop();
    },
  };

  async function assignRole(): Promise<void> {
    const present = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    const { actions, dataActions } = await readProductPermissions(Object.fromEntries(present));
    simulator.identity('dockwarden').roleAssignments = assignProductRole(actions, dataActions);
  }
  return app;
}

/** The app has its own settings, and the command line in the same process others. */
async function withEnvironment<T>(settings: Settings, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
  try {
    return await work();
  } finally {
    for (const name of Object.keys(settings)) {
      const value = before[name];
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}
