import type { ManagedCluster } from '../resources/managed-cluster.ts';

/** Where a cluster's API server is, and whom to trust there. No secret: whoever connects still has to sign in. */
export interface ClusterCredentials {
  /** Origin: `https://<host>` with a port where it is not 443. */
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
}

/** Longest list of authorities in characters: it is kept in one cell of a table. */
const MAX_AUTHORITY = 32_000;
const PEM = /^(?:-----BEGIN CERTIFICATE-----\r?\n(?:[A-Za-z0-9+/=]{1,76}\r?\n)+-----END CERTIFICATE-----\s*)+$/;

/** The address of a server: https, and nothing in it but a host and a port. Undefined for anything else. */
export function parseServer(text: string): URL | undefined {
  // `URL` would forgive blanks, backslashes and tabs, and takes `/.` for nothing.
  if (!/^https:\/\/[A-Za-z0-9.:[\]-]{1,260}\/?$/.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text);
}

/** Is this a list of certificates? An empty one would make the client trust everybody. */
export function isCertificateAuthority(pem: string): boolean {
  return pem.length <= MAX_AUTHORITY && PEM.test(pem);
}

/** Does the cluster itself, as ARM tells it, name this host? Our token opens every cluster that the identity may enter. */
export function isServerOf({ properties }: Pick<ManagedCluster, 'properties'>, server: URL): boolean {
  return [properties.fqdn, properties.privateFQDN].some((host) => host?.toLowerCase() === server.hostname);
}

/** Does the cluster sign people in with Entra? Without it, its "user" credentials are those of a cluster administrator. */
export function isEntraIntegrated({ properties }: Pick<ManagedCluster, 'properties'>): boolean {
  return properties.aadProfile.managed === true;
}
