import { once } from 'node:events';
import type { Server } from 'node:http';
import { ManagedIdentityCredential } from '@azure/identity';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import type { HttpData, TypedData } from '../../local/host/core-module.ts';
import { hostFunction } from '../../local/host/hosted-function.ts';
import { createHttpServer } from '../../local/host/http-server.ts';
import { listHttpTriggers } from '../../local/host/http-trigger.ts';
import { findingId } from '../../src/findings/finding-id.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import type { Breakers } from '../../src/guards/breaker.ts';
import { createTableBreakers } from '../../src/guards/table-breakers.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableStore, type TableStore } from '../../src/storage/table-store.ts';
import { type FunctionApp, type Settings, startFunctionApp } from './function-app.ts';

type SampleName = Parameters<typeof sampleId>[0];

const ARM_SCOPE = 'https://management.azure.com/.default';
export const FUNCTION_KEY = 'the-function-key-of-this-test';

/** The app's functions with the local host's HTTP front, and what can be found out about them. */
export interface ReviewApp extends Pick<FunctionApp, 'simulator' | 'logged' | 'storage' | 'stop'> {
  /** Base address; functions of level `function` open for {@link FUNCTION_KEY}. */
  readonly url: string;
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
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function startReviewApp(): Promise<ReviewApp> {
  const functions = await startFunctionApp();
  const { simulator, logged, events, registry } = functions;
  let settings: Settings = {};

  async function invoke(name: string, data: TypedData) {
    return await withEnvironment(settings, async () => await functions.invoke(name, data));
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

  function openTable(name: string): TableStore {
    return createTableStore(functions.table(name));
  }

  const app: ReviewApp = {
    simulator,
    url,
    logged,
    storage: () => functions.storage(),
    async reset(changes = {}) {
      settings = functions.reset({
        REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve',
        // Tests break the same registry again and again.
        WAR_REVERTS: '20',
        WAR_REVERTS_TOTAL: '20',
        ...changes,
      });
      await functions.assignRole(settings);
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
      const messages = await functions.take('work');
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
      await functions.stop();
    },
  };
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
