import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';
import * as z from 'zod';
import { createConnections, readEnvironment, readSettings } from '../app.ts';
import type { EngineContext } from '../engine/ports.ts';
import { DockwardenError } from '../errors.ts';

/** What a running `npm start` tells about itself. */
const RunFile = z.object({
  arm: z.string(),
  caFile: z.string(),
  identities: z.record(z.string(), z.object({ endpoint: z.string(), header: z.string() })),
  storage: z.object({ blob: z.string(), queue: z.string(), table: z.string() }),
});

/**
 * The tables of the app that is asked about: a named storage account or the one in the environment, signed in as whoever runs the
 * command; else the local run that `npm start` describes in `.dockwarden/run.json`.
 */
export function openStorage(account: string | undefined): Pick<EngineContext, 'audit' | 'findings'> {
  const environment = readEnvironment();
  const settings = readSettings(account === undefined ? environment : { AzureWebJobsStorage__accountName: account });
  if (settings.storage.table !== undefined) return createConnections(new DefaultAzureCredential(), settings);
  const run = readRunFile('.dockwarden/run.json');
  const operator = run.identities['operator'];
  if (operator === undefined)
    throw new DockwardenError('CONFIG_MISSING', '.dockwarden/run.json names no identity "operator"');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(run.caFile, 'utf8')]);
  process.env['IDENTITY_ENDPOINT'] = operator.endpoint;
  process.env['IDENTITY_HEADER'] = operator.header;
  return createConnections(new ManagedIdentityCredential(), {
    ...settings,
    armEndpoint: run.arm,
    storage: run.storage,
  });
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
