/** `npm run check:az`: the real, unchanged Azure CLI against a running `npm start`. Skipped, and said so, where `az` is missing. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, promisify } from 'node:util';
import { TableClient } from '@azure/data-tables';
import { ManagedIdentityCredential } from '@azure/identity';
import { loginAz } from '../local/az-login.ts';
import { DEPLOYED } from '../local/azure/sample-deployment-ids.ts';
import { createClientEnvironment } from '../local/client-environment.ts';
import { findRun, type RunFile } from '../local/run-file.ts';
import type { AuditRecord } from '../src/audit/audit-log.ts';
import { createTableAuditLog } from '../src/audit/table-audit-log.ts';
import { createTableStore } from '../src/storage/table-store.ts';
import { isInstalled } from './is-installed.ts';

const run = promisify(execFile);
const buildFile = fileURLToPath(new URL('build.ts', import.meta.url));
const startFile = fileURLToPath(new URL('../local/start.ts', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const FIX_TIMEOUT_MS = 30_000;
const POLL_MS = 200;
const IDENTITY = 'operator';

interface Checked {
  readonly run: RunFile;
  readonly startedAt: Date;
}

interface Check {
  readonly what: string;
  readonly holds: (checked: Checked) => Promise<boolean>;
}

const GROUP = ['--resource-group', 'rg-platform-prod'];

const checks: readonly Check[] = [
  {
    what: 'az login: the account is the sample subscription',
    holds: async ({ run: { subscriptionId } }) => (await readText(az('account', 'show'), 'id')) === subscriptionId,
  },
  {
    what: 'az acr list: all six registries',
    holds: async () => (await readList(az('acr', 'list'))).length === 6,
  },
  {
    what: 'az acr show: the registry as it is',
    holds: async () =>
      (await readText(az('acr', 'show', '-n', 'contosoacr'), 'loginServer')) === 'contosoacr.azurecr.io',
  },
  {
    what: 'az acr update --admin-enabled true: applied',
    holds: async () =>
      (await readText(az('acr', 'update', '-n', 'contosoacr', '--admin-enabled', 'true'), 'adminUserEnabled')) ===
      'true',
  },
  {
    what: '… and put right',
    holds: async () =>
      await eventually(
        async () => (await readText(az('acr', 'show', '-n', 'contosoacr'), 'adminUserEnabled')) === 'false',
      ),
  },
  {
    what: '… and the audit names the identity that az used',
    async holds(checked) {
      const actor = await readObjectId(checked.run);
      return await eventually(async () =>
        (await listAudit(checked)).some(
          (row) => row.resourceName === 'contosoacr' && row.outcome === 'fixed' && row.actor === actor,
        ),
      );
    },
  },
  {
    what: 'az acr credential show: both passwords',
    holds: async () =>
      (await readList(readMember(az('acr', 'credential', 'show', '-n', 'contosolegacy'), 'passwords'))).length === 2,
  },
  {
    what: 'az acr credential renew: another password',
    async holds() {
      const read = async () => await readMember(az('acr', 'credential', 'show', '-n', 'contosolegacy'), 'passwords');
      const before = await read();
      await az('acr', 'credential', 'renew', '-n', 'contosolegacy', '--password-name', 'password');
      return !isDeepStrictEqual(before, await read());
    },
  },
  {
    what: 'az aks list: all three clusters',
    holds: async () => (await readList(az('aks', 'list'))).length === 3,
  },
  {
    what: 'az aks show: the cluster as it is',
    holds: async () =>
      (await readText(az('aks', 'show', '-n', 'aks-prod', ...GROUP), 'provisioningState')) === 'Succeeded',
  },
  {
    what: 'az aks nodepool list: both pools',
    holds: async () =>
      (await readList(az('aks', 'nodepool', 'list', '--cluster-name', 'aks-prod', ...GROUP))).length === 2,
  },
  {
    what: 'az tag update and az tag list: a tag is merged, and the required ones stay',
    async holds({ run: { subscriptionId } }) {
      const id = `/subscriptions/${subscriptionId}/resourceGroups/rg-platform-prod/providers/Microsoft.ContainerService/managedClusters/aks-prod`;
      await az('tag', 'update', '--resource-id', id, '--operation', 'merge', '--tags', 'release=42');
      const tags = await readMember(readMember(az('tag', 'list', '--resource-id', id), 'properties'), 'tags');
      return isRecord(tags) && tags['release'] === '42' && tags['env'] === 'prod' && tags['owner'] === 'platform-team';
    },
  },
  {
    what: 'az resource list: finds by type',
    holds: async () =>
      (await readList(az('resource', 'list', '--resource-type', 'Microsoft.ContainerRegistry/registries'))).length ===
      6,
  },
  {
    what: 'az functionapp: shows the deployed app, its settings and its functions',
    holds: async ({ run: { subscriptionId } }) => {
      const app = ['--resource-group', 'rg-dockwarden', '--name', basename(DEPLOYED.site)];
      const settings = await readList(az('functionapp', 'config', 'appsettings', 'list', ...app));
      const functions = await readList(az('functionapp', 'function', 'list', ...app));
      return (
        (await readText(az('functionapp', 'show', ...app), 'state')) === 'Running' &&
        settings.some(
          (setting) => isRecord(setting) && setting['name'] === 'SCOPES' && setting['value'] === subscriptionId,
        ) &&
        functions.some((found) => isRecord(found) && String(found['name']).endsWith('/sweep'))
      );
    },
  },
  {
    what: 'az storage account check-name: the name of the deployed account is taken',
    holds: async () =>
      (await readMember(
        az('storage', 'account', 'check-name', '--name', basename(DEPLOYED.storage)),
        'nameAvailable',
      )) === false,
  },
  {
    what: 'az provider: Event Grid is registered',
    holds: async () =>
      (await readText(az('provider', 'show', '--namespace', 'Microsoft.EventGrid'), 'registrationState')) ===
      'Registered',
  },
];

async function main(): Promise<number> {
  if (!(await isInstalled('az', '--help'))) {
    console.log('skipped: az is not installed (Debian: apt-get install azure-cli)');
    return 0;
  }
  await run(process.execPath, [buildFile, '--quiet']);
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-az-'));
  const child = spawn(process.execPath, [startFile, '--directory', directory], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    return await checkAll(await waitForRun(child, directory), directory);
  } finally {
    await stop(child);
    await rm(directory, { recursive: true, force: true });
  }
}

async function checkAll(found: RunFile, directory: string): Promise<number> {
  const environment = createClientEnvironment(found, IDENTITY, directory) ?? {};
  const startedAt = new Date();
  await loginAz(environment, found.arm);
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), await readFile(found.caFile, 'utf8')]);
  // For az, and for the credential that reads the audit.
  Object.assign(process.env, environment);
  let failed = 0;
  for (const { holds, what } of checks) {
    const problem = await findProblem(holds({ run: found, startedAt }));
    if (problem !== undefined) failed += 1;
    console.log(problem === undefined ? `✓ ${what}` : `✗ ${what}\n${problem}`);
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs az and returns what it printed as JSON. */
async function az(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await run('az', [...args, '--output', 'json', '--only-show-errors']);
  return stdout.trim() === '' ? undefined : JSON.parse(stdout);
}

async function findProblem(check: Promise<boolean>): Promise<string | undefined> {
  try {
    return (await check) ? undefined : '  az answered something else';
  } catch (error) {
    return `  ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}

async function waitForRun(child: ChildProcess, directory: string): Promise<RunFile> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const found = await findRun(directory);
    if (found !== undefined) return found;
    await wait(POLL_MS);
  }
  throw new Error('npm start did not come up');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}

async function eventually(holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + FIX_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (await holds()) return true;
    await wait(POLL_MS);
  }
  return false;
}

async function listAudit({ run: { storage }, startedAt }: Checked): Promise<readonly AuditRecord[]> {
  const table = createTableStore(new TableClient(storage.table, 'audit', new ManagedIdentityCredential()));
  return await Array.fromAsync(createTableAuditLog(table).list(startedAt, new Date(), () => undefined));
}

/** Object id of the identity, as its token says. */
async function readObjectId({ identities }: RunFile): Promise<string> {
  const { endpoint = '', header = '' } = identities[IDENTITY] ?? {};
  const query = 'api-version=2019-08-01&resource=https://management.azure.com';
  const response = await fetch(`${endpoint}?${query}`, { headers: { 'x-identity-header': header } });
  const token = await readText(response.json(), 'access_token');
  return await readText(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()), 'oid');
}

async function readMember(value: unknown, name: string): Promise<unknown> {
  const resolved = await value;
  return isRecord(resolved) ? resolved[name] : undefined;
}

async function readText(value: unknown, name: string): Promise<string> {
  return String(await readMember(value, name));
}

async function readList(value: unknown): Promise<readonly unknown[]> {
  const resolved = await value;
  return Array.isArray(resolved) ? resolved : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
