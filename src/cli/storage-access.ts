import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';
import * as z from 'zod';
import { createConnections, readEnvironment, readSettings } from '../app.ts';
import type { EngineContext } from '../engine/ports.ts';
import { DockwardenError } from '../errors.ts';

/** What a running `npm start` tells about itself. */
const RunFile = z.object({
  pid: z.number(),
  arm: z.string(),
  caFile: z.string(),
  identities: z.record(z.string(), z.object({ endpoint: z.string(), header: z.string() })),
  storage: z.object({ blob: z.string(), queue: z.string(), table: z.string() }),
});

/**
 * The tables of the app that is asked about: a named storage account or the one in the environment, signed in as whoever runs the
 * command; else the local run that `npm start` describes in the `run.json` of its folder.
 */
export function openStorage(account: string | undefined, directory: string): Pick<EngineContext, 'audit' | 'findings'> {
  const environment = readEnvironment();
  const settings = readSettings(account === undefined ? environment : { AzureWebJobsStorage__accountName: account });
  if (settings.storage.table !== undefined) return createConnections(new DefaultAzureCredential(), settings);
  const file = join(directory, 'run.json');
  const run = readRunFile(file);
  if (!isAlive(run.pid)) {
    throw new DockwardenError(
      'CONFIG_MISSING',
      `${file} was left behind by an "npm start" that is gone: start it again, or give --storage-account`,
    );
  }
  const operator = run.identities['operator'];
  if (operator === undefined) throw new DockwardenError('CONFIG_MISSING', `${file} names no identity "operator"`);
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(run.caFile, 'utf8')]);
  process.env['IDENTITY_ENDPOINT'] = operator.endpoint;
  process.env['IDENTITY_HEADER'] = operator.header;
  return createConnections(new ManagedIdentityCredential(), {
    ...settings,
    armEndpoint: run.arm,
    storage: run.storage,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be signalled, but is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function readRunFile(file: string): z.infer<typeof RunFile> {
  try {
    return RunFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new DockwardenError(
      'CONFIG_MISSING',
      'no storage to read: give --storage-account, set AzureWebJobsStorage__accountName, or run "npm start" in this folder',
      { cause: error },
    );
  }
}
