import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../../local/azurite.ts';
import { type Certificates, createCertificates } from '../../local/certificates.ts';
import { storageCredential } from './storage-token.ts';

let directory: string;
let certificates: Certificates;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dockwarden-azurite-'));
  certificates = await createCertificates(directory);
  setDefaultCACertificates([...getCACertificates('default'), certificates.ca]);
});
afterAll(async () => await rm(directory, { recursive: true }));

test('queues, blobs and tables of several accounts take bearer tokens, apart from each other, and survive a restart', async () => {
  const options = { ...certificates, directory: join(directory, 'data'), accounts: ['one', 'two'] };
  const first = await startAzurite(options);
  const queue = new QueueServiceClient(first.queueEndpoint('one'), storageCredential).getQueueClient('work');
  await queue.create();
  await queue.sendMessage('kept');
  const others = new QueueServiceClient(first.queueEndpoint('two'), storageCredential).getQueueClient('work');
  expect(await others.exists()).toBe(false);
  const container = new BlobServiceClient(first.blobEndpoint('one'), storageCredential).getContainerClient('seals');
  await container.create();
  const table = new TableClient(first.tableEndpoint('two'), 'audit', storageCredential);
  await table.createTable();
  await table.createEntity({ partitionKey: 'p', rowKey: 'r', kept: true });
  await first.stop();

  const second = await startAzurite(options);
  const again = new QueueServiceClient(second.queueEndpoint('one'), storageCredential).getQueueClient('work');
  const message = await again.peekMessages();
  const row = await new TableClient(second.tableEndpoint('two'), 'audit', storageCredential).getEntity('p', 'r');
  await second.stop();

  expect(message.peekedMessageItems.map(({ messageText }) => messageText)).toEqual(['kept']);
  expect(row['kept']).toBe(true);
});

test('when Azurite cannot start, the error holds what it said', async () => {
  const broken = join(directory, 'broken.pem');
  await writeFile(broken, 'no certificate');

  const starting = startAzurite({ ...certificates, certFile: broken, directory: join(directory, 'other') });

  await expect(starting).rejects.toThrow(/Azurite ended before it was ready[\s\S]*PEM/u);
});
