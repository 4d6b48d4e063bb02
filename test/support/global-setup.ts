import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startAzurite } from '../../local/azurite.ts';
import { createCertificates } from '../../local/certificates.ts';

/** What every test file can `inject`. */
export interface StorageEndpoints {
  /** One per account: base addresses without a slash at the end. */
  readonly accounts: readonly { readonly blob: string; readonly queue: string; readonly table: string }[];
  /** An account is taken by making the directory of its index in here. */
  readonly claims: string;
}

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    storage: StorageEndpoints;
    certificates: CertificateFiles;
  }
}

const accountCount = 260;

/** Once per run: certificates for loopback, and one storage emulator with an account for every test file that asks. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'dockwarden-test-'));
  const claims = join(directory, 'claims');
  await mkdir(claims);
  const { caFile, certFile, keyFile } = await createCertificates(directory);
  // The table client takes any other account on localhost for Cosmos DB, and asks for tokens of that.
  const names = Array.from({ length: accountCount }, (_, index) => `devstoreaccount1t${index}`);
  const azurite = await startAzurite({ caFile, certFile, keyFile, directory, accounts: names, inMemory: true });

  // Node reads this only when it starts: the workers, forked after this function, inherit it.
  process.env['NODE_EXTRA_CA_CERTS'] = caFile;
  project.provide('certificates', { caFile, certFile, keyFile });
  project.provide('storage', {
    accounts: names.map((name) => ({
      blob: azurite.blobEndpoint(name),
      queue: azurite.queueEndpoint(name),
      table: azurite.tableEndpoint(name),
    })),
    claims,
  });

  return async () => {
    await azurite.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
