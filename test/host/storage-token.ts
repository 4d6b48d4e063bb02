import type { TokenCredential } from '@azure/identity';

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A bearer token whose claims Azurite accepts; it checks no signature. */
export function createStorageToken(): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/00000000-0000-0000-0000-000000000001/',
    nbf: now - 60,
    iat: now - 60,
    exp: now + 3600,
  };
  return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.x`;
}

export const storageCredential: TokenCredential = {
  getToken: async () =>
    await Promise.resolve({ token: createStorageToken(), expiresOnTimestamp: Date.now() + 3_600_000 }),
};
