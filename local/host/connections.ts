import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { Environment } from './settings.ts';

/** The connection the host itself uses, and queue bindings that name none. */
export const hostConnection = 'AzureWebJobsStorage';

type StorageService = 'blob' | 'queue';

/** Queue client of a binding's connection; throws when no setting gives one. */
export function connectQueues(connection: string, environment: Environment): QueueServiceClient {
  const found = findConnection(connection, 'queue', environment);
  if ('connectionString' in found) return QueueServiceClient.fromConnectionString(found.connectionString);
  return new QueueServiceClient(found.endpoint, createCredential(found.prefix, environment));
}

/** Blob client of a connection; throws when no setting gives one. */
export function connectBlobs(connection: string, environment: Environment): BlobServiceClient {
  const found = findConnection(connection, 'blob', environment);
  if ('connectionString' in found) return BlobServiceClient.fromConnectionString(found.connectionString);
  return new BlobServiceClient(found.endpoint, createCredential(found.prefix, environment));
}

/** Where the Event Hubs of a binding's connection are, and whose tokens they take. */
export interface EventHubConnection {
  /** `<namespace>.servicebus.windows.net`; locally `localhost:<port>`. */
  readonly fullyQualifiedNamespace: string;
  readonly credential: TokenCredential;
}

/** Event Hubs of a binding's connection, in its identity form; throws when no setting gives one, or only a connection string does. */
export function connectEventHubs(connection: string, environment: Environment): EventHubConnection {
  const names = [connection, `AzureWebJobs${connection}`];
  for (const prefix of names) {
    const fullyQualifiedNamespace = environment[`${prefix}__fullyQualifiedNamespace`];
    if (fullyQualifiedNamespace === undefined || fullyQualifiedNamespace === '') continue;
    return { fullyQualifiedNamespace, credential: createCredential(prefix, environment) };
  }
  if (names.some((name) => environment[name] !== undefined)) {
    throw new Error(`Event Hub connection '${connection}' is a connection string: only the identity form works here.`);
  }
  throw new Error(`Event Hub connection string '${connection}' does not exist.`);
}

type Connection = { readonly connectionString: string } | { readonly endpoint: string; readonly prefix: string };

/** Connection `C` is setting `C`, else `AzureWebJobsC`, else the identity form `C__…`, else `AzureWebJobsC__…`. */
function findConnection(connection: string, service: StorageService, environment: Environment): Connection {
  const names = [connection, `AzureWebJobs${connection}`];
  for (const name of names) {
    const connectionString = environment[name];
    if (connectionString !== undefined && connectionString !== '') return { connectionString };
  }
  for (const prefix of names) {
    const uri = environment[`${prefix}__${service}ServiceUri`];
    if (uri !== undefined) return { endpoint: uri, prefix };
    const account = environment[`${prefix}__accountName`];
    if (account !== undefined) return { endpoint: `https://${account}.${service}.core.windows.net`, prefix };
  }
  throw new Error(`Storage account connection string '${connection}' does not exist.`);
}

function createCredential(prefix: string, environment: Environment): TokenCredential {
  // Without it the credential would look for a virtual machine's identity on the network.
  if (environment['IDENTITY_ENDPOINT'] === undefined) {
    throw new Error(`The identity-based connection '${prefix}' needs an IDENTITY_ENDPOINT.`);
  }
  const clientId = environment[`${prefix}__clientId`];
  return clientId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId });
}
