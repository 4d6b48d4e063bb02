import { DockwardenError, type ErrorDetails } from '../errors.ts';
import type { Answers } from './answers.ts';

/** What to do about a refusal of a vault, by the code inside its answer. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['ForbiddenByRbac', "give Dockwarden's identity the role for it at the vault"],
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

/** A refusal as an error that says what to do; anything else as it can be classified. */
export function explainRefusal(answers: Answers, error: unknown, vaultUri: string): unknown {
  return answers.status === 403 ? refusalOf(answers, vaultUri, { cause: error }) : answers.explain(error);
}

/** The error for a 403 of a vault. The vault's own words name the caller and are left out. */
export function refusalOf({ innerCode }: Answers, vaultUri: string, details: ErrorDetails = {}): DockwardenError {
  const serviceCode = innerCode ?? 'Forbidden';
  const remedy = REMEDIES.get(serviceCode) ?? "see whether Dockwarden's identity has the role for it there";
  return new DockwardenError('AZURE_DENIED', `${new URL(vaultUri).host} refuses (${serviceCode}): ${remedy}`, {
    ...details,
    status: 403,
    serviceCode,
  });
}
