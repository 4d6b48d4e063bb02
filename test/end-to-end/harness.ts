import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { inject, vi } from 'vitest';
import { openAudit } from '../../local/audit-watch.ts';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import { type EnvironmentOptions, type LocalEnvironment, startEnvironment } from '../../local/environment.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { claimStorageAccount } from '../support/storage.ts';

export const projectRoot = resolve(import.meta.dirname, '../..');
export const deployFolder = join(projectRoot, 'dist');

/** For what other processes do: their own time, on a busy machine. */
export const patient = { timeout: 20_000, interval: 100 };

export interface EndToEnd extends LocalEnvironment {
  readonly directory: string;
  /** Registries through the real SDK as somebody. */
  registries(name: string): ContainerRegistryManagementClient['registries'];
  /** Audit rows about a resource (all without a name), in the order in which they were written. */
  rows(resourceName?: string): Promise<readonly AuditRecord[]>;
  /** The outcomes of a resource, once there is one. */
  outcomes(resourceName: string): Promise<readonly AuditRecord[]>;
  /** Stops everything and removes the folder. */
  end(): Promise<void>;
}

/** The built app in its host, on storage of its own. */
export async function startEndToEnd(options: Partial<EnvironmentOptions> = {}): Promise<EndToEnd> {
  await ensureBuilt();
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'dockwarden-e2e-')));
  const { blob, queue, table } = claimStorageAccount();
  const environment = await startEnvironment({
    directory,
    certificates: await readCertificates(),
    storage: { blob, queue, table },
    ...options,
  });
  const startedAt = new Date();
  const audit = openAudit(environment);

  async function rows(resourceName?: string): Promise<readonly AuditRecord[]> {
    const invalid: unknown[] = [];
    const all = await Array.fromAsync(audit.list(startedAt, new Date(), (row) => invalid.push(row)));
    if (invalid.length > 0) throw new Error(`unreadable audit rows: ${JSON.stringify(invalid)}`);
    return all
      .filter((row) => resourceName === undefined || row.resourceName === resourceName)
      .toSorted((one, other) => one.time.localeCompare(other.time));
  }

  return {
    ...environment,
    directory,
    registries(name) {
      const { armEndpoint: endpoint } = environment.simulator;
      const credentials = { scopes: ['https://management.azure.com/.default'] };
      return new ContainerRegistryManagementClient(environment.simulator.credential(name), SAMPLE_SUBSCRIPTION_ID, {
        endpoint,
        credentials,
      }).registries;
    },
    rows,
    outcomes: async (resourceName) =>
      await vi.waitFor(async () => {
        const found = (await rows(resourceName)).filter(({ stage }) => stage === 'outcome');
        if (found.length === 0) throw new Error(`no outcome yet for ${resourceName}`);
        return found;
      }, patient),
    async end() {
      await environment.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function readCertificates() {
  const files = inject('certificates');
  const [ca, cert, key] = await Promise.all(
    [files.caFile, files.certFile, files.keyFile].map(async (file) => await readFile(file, 'utf8')),
  );
  if (ca === undefined || cert === undefined || key === undefined) throw new Error('the run has no certificates');
  return { ...files, ca, cert, key };
}

/** Brings `dist/` up to date, once per run: test files run in several processes at once. */
export async function ensureBuilt(): Promise<void> {
  const { claims } = inject('storage');
  const result = join(claims, 'build-result');
  if (claimBuild(join(claims, 'build'))) {
    try {
      await promisify(execFile)(process.execPath, ['scripts/build.ts', '--quiet'], { cwd: projectRoot });
      writeFileSync(result, '');
    } catch (error) {
      writeFileSync(result, String(error));
    }
  }
  await vi.waitFor(
    () => {
      if (!existsSync(result)) throw new Error('the app is not built yet');
    },
    { timeout: 40_000, interval: 50 },
  );
  const problem = await readFile(result, 'utf8');
  if (problem !== '') throw new Error(problem);
}

/** Making a directory succeeds for exactly one process. */
function claimBuild(directory: string): boolean {
  try {
    mkdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
