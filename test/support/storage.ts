import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenCredential } from '@azure/identity';
import { inject } from 'vitest';

export interface TestStorage {
  /** `https://localhost:<port>/<account>`, as the Azure clients take it. */
  readonly blob: string;
  readonly queue: string;
  readonly table: string;
  /** Signs in at all three. */
  readonly credential: TokenCredential;
}

const tokenLifetimeMs = 3_600_000;

/** A storage account of the emulator that nobody else in this run uses; empty when claimed. */
export function claimStorageAccount(): TestStorage {
  const { accounts, claims } = inject('storage');
  for (const [index, account] of accounts.entries()) {
    if (claim(join(claims, String(index)))) return { ...account, credential: createStorageCredential() };
  }
  throw new Error(
    `all ${accounts.length} storage accounts are taken: raise accountCount in test/support/global-setup.ts`,
  );
}

/** Tokens with the claims that Azurite checks; it checks no signature. */
function createStorageCredential(): TokenCredential {
  return {
    getToken: async () =>
      await Promise.resolve({ token: createStorageToken(), expiresOnTimestamp: Date.now() + tokenLifetimeMs }),
  };
}

function createStorageToken(): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/00000000-0000-0000-0000-000000000001/',
    oid: '00000000-0000-0000-0000-000000000002',
    nbf: now - 300,
    iat: now - 300,
    exp: now + tokenLifetimeMs / 1000,
  };
  return `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}.${encode('not checked')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Making a directory succeeds for exactly one process, so it serves as a lock between the workers. */
function claim(directory: string): boolean {
  try {
    mkdirSync(directory);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
