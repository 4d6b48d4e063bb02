import type { TokenCredential } from '@azure/identity';
import type { KeyClient } from '@azure/keyvault-keys';
import type { SecretClient } from '@azure/keyvault-secrets';
import { DockwardenError } from '../errors.ts';
import { refuseOtherHosts } from './refuse-other-hosts.ts';

/** Whose data planes get a token of ours, and which; both are settings and never taken from an answer. */
export interface VaultAudience {
  /** Hosts of vaults lie below it, for example `vault.azure.net`. */
  readonly dnsSuffix: string;
  /** Scope of the tokens, for example `https://vault.azure.net/.default`. */
  readonly scope: string;
}

/** Data planes of vaults. Throws `AZURE_INVALID` for an address that may not get a token. */
export interface VaultClients {
  keys(vaultUri: string): Promise<KeyClient>;
  secrets(vaultUri: string): Promise<SecretClient>;
}

interface VaultClientOptions {
  readonly credential: TokenCredential;
  readonly audience: VaultAudience;
  /** Extra certificate authority, for a vault that is not publicly trusted. */
  readonly ca?: string;
}

/**
 * Each call gets a client of its own: while one waits for the first challenge, the client keeps the body of that request, and would send it along
 * with another one that has none. Tokens are kept by the credential. The packages are loaded at their first use: few workers need them.
 */
export function createVaultClients({ credential, audience, ca }: VaultClientOptions): VaultClients {
  const fixed = fixScope(credential, audience.scope);
  const optionsFor = (address: string) => ({
    // The client would check that the host lies below the challenge's own resource. The host is checked here against the settings, and the scope is
    // not the challenge's: a vault that names another one gets no other token. (Locally the host is `localhost`, which no resource ends with.)
    disableChallengeResourceVerification: true,
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    userAgentOptions: { userAgentPrefix: 'dockwarden' },
    additionalPolicies: [{ policy: refuseOtherHosts(address, 'the vault'), position: 'perRetry' as const }],
    ...(ca !== undefined && { tlsOptions: { ca } }),
  });
  return {
    async keys(vaultUri) {
      const address = checkAddress(vaultUri, audience.dnsSuffix);
      const { KeyClient } = await import('@azure/keyvault-keys');
      return new KeyClient(address, fixed, optionsFor(address));
    },
    async secrets(vaultUri) {
      const address = checkAddress(vaultUri, audience.dnsSuffix);
      const { SecretClient } = await import('@azure/keyvault-secrets');
      return new SecretClient(address, fixed, optionsFor(address));
    },
  };
}

/** Tokens for one scope, whatever is asked for; a challenge does not choose the tenant either. */
function fixScope(credential: TokenCredential, scope: string): TokenCredential {
  return {
    getToken: async (_scopes, { tenantId: _tenant, ...options } = {}) => await credential.getToken(scope, options),
  };
}

/** `https://host[:port]` of a vault. */
function checkAddress(vaultUri: string, suffix: string): string {
  const url = URL.parse(vaultUri);
  const isBelow = url?.hostname === suffix || url?.hostname.endsWith(`.${suffix}`) === true;
  if (url !== null && url.protocol === 'https:' && isBelow) return url.origin;
  const shown = url === null ? 'what is no address' : `${url.protocol}//${url.host}`;
  throw new DockwardenError(
    'AZURE_INVALID',
    `refused to send a token to ${shown.slice(0, 200)}: DOCKWARDEN_VAULT_DNS_SUFFIX names ${suffix}, over https`,
  );
}
