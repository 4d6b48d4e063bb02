import { TableClient } from '@azure/data-tables';
import { DefaultAzureCredential } from '@azure/identity';
import { createConnections, readSettings } from '../app.ts';
import type { EngineContext } from '../engine/ports.ts';
import { DockwardenError } from '../errors.ts';
import { createTableStore } from '../storage/table-store.ts';
import { signInToRun } from './local-sign-in.ts';
import type { StorageOptions } from './options.ts';
import { readAppEnvironment } from './own-environment.ts';
import type { PrunableTables } from './prune-request.ts';
import { type RunFile, readRun } from './run-file.ts';

/** The tables of the app that is asked about. */
export interface OpenStorage
  extends Pick<EngineContext, 'audit' | 'findings' | 'breakers' | 'tickets' | 'work' | 'poison'> {
  /** The local run that they belong to; undefined = a storage account in Azure. */
  readonly run: RunFile | undefined;
}

type Place = Pick<StorageOptions, 'directory' | 'storageAccount'>;

/**
 * The tables of a named storage account or the one in the environment, signed in as whoever runs the command; else those of the local
 * run.
 */
export function openStorage(place: Place): OpenStorage {
  const { credential, run, settings } = findStorage(place);
  return { ...createConnections(credential, settings), run };
}

/** The same tables with everything that may be done to them: for the owner's retention, and for nothing else. */
export function openPrunableTables(place: Place): PrunableTables {
  const { credential, settings } = findStorage(place);
  const { table: endpoint } = settings.storage;
  if (endpoint === undefined) throw new DockwardenError('CONFIG_MISSING', 'run.json names no tables');
  const table = (name: string) => createTableStore(new TableClient(endpoint, name, credential));
  return {
    audit: table('audit'),
    findings: table('findings'),
    tickets: table('tickets'),
    work: table('work'),
    guards: table('guards'),
  };
}

function findStorage(place: Place) {
  const settings = readPlace(place);
  if (settings.storage.table !== undefined)
    return { credential: new DefaultAzureCredential(), settings, run: undefined };
  const run = readRun(place.directory);
  if (run === undefined) {
    throw new DockwardenError(
      'CONFIG_MISSING',
      'no storage to read: give --storage-account, set AzureWebJobsStorage__accountName, or run "npm start" (--directory, if it keeps its files elsewhere)',
    );
  }
  return { credential: signInToRun(run), settings: { ...settings, armEndpoint: run.arm, storage: run.storage }, run };
}

/** The local run, if the tables would be those of it. */
export function findLocalRun(place: Place): RunFile | undefined {
  return readPlace(place).storage.table === undefined ? readRun(place.directory) : undefined;
}

function readPlace({ storageAccount }: Place) {
  return readSettings(
    storageAccount === undefined ? readAppEnvironment() : { AzureWebJobsStorage__accountName: storageAccount },
  );
}
