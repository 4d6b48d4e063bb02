import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { APP_EVENT_ROLES } from './app-events.ts';
import type { AppSettings, StorageEndpoints } from './app-settings.ts';
import { APP_STORAGE_ROLES } from './azure/sample-app-roles.ts';
import { showApp } from './azure/sample-deployment.ts';
import { STORED } from './azure/sample-deployment-ids.ts';
import type { AzureSimulator } from './azure/simulator.ts';
import type { Certificates } from './certificates.ts';
import type { HostKeys } from './host/keys.ts';
import type { LogLine } from './host/log.ts';
import { type HostProcess, startHost } from './host/process.ts';
import { readProductRoles } from './product-actions.ts';

/** What the platform adds to the environment of an app by itself. */
const OF_PLATFORM = new Set(['IDENTITY_ENDPOINT', 'IDENTITY_HEADER']);

export interface HostOptions {
  /** The folder that is deployed. */
  readonly app: string;
  /** Where the host's log goes. */
  readonly directory: string;
  readonly settings: AppSettings;
  /** 0 takes a free one. */
  readonly port: number;
  /** Default as in Azure. */
  readonly receiveVisibilitySeconds: number | undefined;
  readonly certificates: Certificates;
  readonly simulator: AzureSimulator;
  readonly storage: StorageEndpoints;
  readonly keys: HostKeys;
  /** Hears when a host ends that nobody has stopped. */
  readonly reportCrash: (what: string) => void;
}

/** New keys of a function app. */
export function createKeys() {
  return { master: createKey(), function: createKey(), eventgrid: createKey() } satisfies HostKeys;
}

/** As long as those that Azure makes. */
function createKey(): string {
  return randomBytes(40).toString('base64url');
}

function withoutPlatform(settings: AppSettings): AppSettings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !OF_PLATFORM.has(name)));
}

/** The app in its host; one at a time. */
export async function startHosts(options: HostOptions) {
  const { app, certificates, directory, keys, receiveVisibilitySeconds, reportCrash, simulator, storage } = options;
  const queues = new QueueServiceClient(storage.queue, simulator.credential('dockwarden'));
  for (const name of STORED.queues) await queues.getQueueClient(name).createIfNotExists();
  const logFile = join(directory, 'host.log');
  const logStream = createWriteStream(logFile);
  let { settings } = options;
  const log = (line: LogLine): void => {
    const { time, level, category, message } = line;
    logStream.write(`${time} ${level} [${category}] ${message}\n`);
  };
  let expected: HostProcess | undefined;

  async function start(port: number): Promise<HostProcess> {
    simulator.identity('dockwarden').roleAssignments = [
      ...(await readProductRoles(settings, simulator.prometheus.workspaceId)),
      ...APP_EVENT_ROLES,
      ...APP_STORAGE_ROLES,
    ];
    const host = await startHost({
      app,
      env: settings,
      port,
      caFile: certificates.caFile,
      keys,
      onLog: log,
      ...(receiveVisibilitySeconds !== undefined && { receiveVisibilitySeconds }),
    });
    expected = host;
    void reportUnexpectedEnd(host);
    const functions = await host.functions();
    showApp(simulator, withoutPlatform(settings), functions);
    if (functions.length > 0) return host;
    expected = undefined;
    await host.kill();
    throw new Error(`the built app has no functions; ${logFile} says why`);
  }

  async function reportUnexpectedEnd(host: HostProcess): Promise<void> {
    const { code, signal } = await host.exited;
    if (expected === host) reportCrash(`the Functions host ended unexpectedly (${String(signal ?? code)})`);
  }

  let current = await start(options.port);
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
