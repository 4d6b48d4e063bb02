import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { expect, test } from 'vitest';
import { claimStorageAccount } from './storage.ts';

test('every claim is an account of its own, and all three services take its tokens', async () => {
  const first = claimStorageAccount();
  const second = claimStorageAccount();

  expect(first.table).not.toBe(second.table);
  for (const { table, queue, blob, credential } of [first, second]) {
    await new TableClient(table, 'audit', credential).createTable();
    await new QueueServiceClient(queue, credential).getQueueClient('work').create();
    const container = new BlobServiceClient(blob, credential).getContainerClient('poison');
    await container.create();
    expect(await container.exists()).toBe(true);
  }
});

test('the certificate authority of the run is trusted by the workers', () => {
  expect(process.env['NODE_EXTRA_CA_CERTS']).toMatch(/ca\.pem$/);
});
