import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { type Azurite, startAzurite } from '../../local/azurite.ts';
import { createCertificates } from '../../local/certificates.ts';
import { createStorageToken, storageCredential } from './storage-token.ts';

export interface TestStorage {
  readonly azurite: Azurite;
  readonly caFile: string;
  readonly queues: (account: string) => QueueServiceClient;
  readonly blobs: (account: string) => BlobServiceClient;
  /** Settings that give an app this storage through a managed identity. */
  readonly settings: (account: string) => Record<string, string>;
  readonly stop: () => Promise<void>;
}

/** Azurite, certificates and an identity endpoint; each test takes an account of its own. */
export async function startTestStorage(accounts: readonly string[]): Promise<TestStorage> {
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-host-'));
  const certificates = await createCertificates(directory);
  setDefaultCACertificates([...getCACertificates('default'), certificates.ca]);
  const azurite = await startAzurite({ ...certificates, directory, accounts, inMemory: true });
  const identity = await startIdentityEndpoint();
  return {
    azurite,
    caFile: certificates.caFile,
    queues: (account) => new QueueServiceClient(azurite.queueEndpoint(account), storageCredential),
    blobs: (account) => new BlobServiceClient(azurite.blobEndpoint(account), storageCredential),
    settings: (account) => ({
      AzureWebJobsStorage__queueServiceUri: azurite.queueEndpoint(account),
      AzureWebJobsStorage__blobServiceUri: azurite.blobEndpoint(account),
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__clientId: '00000000-0000-0000-0000-000000000002',
      IDENTITY_ENDPOINT: identity.url,
      IDENTITY_HEADER: 'test',
    }),
    async stop() {
      await Promise.all([azurite.stop(), identity.stop()]);
      await rm(directory, { recursive: true });
    },
  };
}

/** App Service managed identity endpoint, api-version 2019-08-01. */
async function startIdentityEndpoint() {
  const server = createServer((request, response) => {
    const allowed = request.headers['x-identity-header'] === 'test';
    const body = {
      access_token: createStorageToken(),
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      resource: 'https://storage.azure.com',
      token_type: 'Bearer',
      client_id: '00000000-0000-0000-0000-000000000002',
    };
    response.writeHead(allowed ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/msi/token`,
    async stop() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}
