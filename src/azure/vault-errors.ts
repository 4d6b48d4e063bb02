import { isRestError } from '@azure/core-rest-pipeline';
import { DockwardenError, type ErrorDetails } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';

/** What to do about a refusal of a vault, by the code inside its answer. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['ForbiddenByRbac', "give Dockwarden's identity the role of this remediation at the vault"],
  [
    'AccessDenied',
    "the vault goes by access policies: give Dockwarden's identity the permission in one, or move the vault to Azure RBAC",
  ],
  [
    'ForbiddenByFirewall',
    "the vault's firewall keeps Dockwarden out: let its outbound addresses or its network in, or do this by hand",
  ],
  [
    'ForbiddenByConnection',
    'the vault takes private connections only: connect the app to its network, or do this by hand',
  ],
]);

/** The code inside an error of a vault, which says more than the one outside; undefined when there is none. */
export function innerCodeOf(error: unknown): string | undefined {
  if (!isRestError(error)) return undefined;
  const { details } = error;
  const outer = isPlainObject(details) ? details['error'] : undefined;
  const inner = isPlainObject(outer) ? outer['innerError'] : undefined;
  const code = isPlainObject(inner) ? inner['code'] : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** A refusal as an error that says what to do; anything else as it is. The vault's own words name the caller and are left out. */
export function explainRefusal(error: unknown, vaultUri: string): unknown {
  if (!isRestError(error) || error.statusCode !== 403) return error;
  return refusalOf(error, vaultUri, { cause: error });
}

/** The error for a 403 of a vault. */
export function refusalOf(error: unknown, vaultUri: string, details: ErrorDetails = {}): DockwardenError {
  const serviceCode = innerCodeOf(error) ?? 'Forbidden';
  const remedy = REMEDIES.get(serviceCode) ?? "see whether Dockwarden's identity has the role that it needs there";
  return new DockwardenError('AZURE_DENIED', `${new URL(vaultUri).host} refuses (${serviceCode}): ${remedy}`, {
    ...details,
    status: 403,
    serviceCode,
  });
}
