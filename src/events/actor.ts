import * as z from 'zod';
import { lenient, lenientObject } from '../resources/lenient.ts';
import type { Actor } from './cause.ts';

const CLAIM_OBJECT_ID = 'http://schemas.microsoft.com/identity/claims/objectidentifier';
const CLAIM_UPN = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn';
const CLAIM_NAME = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name';

/** The claims that are read; every other one (IP address, SIDs, groups) is dropped here and exists nowhere else. */
const Claims = lenientObject({
  [CLAIM_OBJECT_ID]: lenient(z.string()),
  [CLAIM_UPN]: lenient(z.string()),
  [CLAIM_NAME]: lenient(z.string()),
  appid: lenient(z.string()),
});

/** Who called ARM, as far as an event says so: parts of `data.claims` and `data.authorization.evidence`, all of them optional. */
export const Writer = lenientObject({
  claims: Claims,
  authorization: lenientObject({
    evidence: lenientObject({ principalId: lenient(z.string()), principalType: lenient(z.string()) }),
  }),
});
export type Writer = z.infer<typeof Writer>;

/** Ids of the identity that Dockwarden itself acts with. */
export interface OwnIdentity {
  readonly ownPrincipalId?: string;
  readonly ownClientId?: string;
}

/** Longest name that is kept, in characters; a user principal name has at most 113. */
const MAX_NAME = 256;

/** The writer in the three words that the audit knows, and the name only where the operator asked for it; undefined = the event names nobody. */
export function readActor(writer: Writer, actorNames: boolean): Actor | undefined {
  const id = readId(writer.claims[CLAIM_OBJECT_ID]) ?? readId(writer.authorization.evidence.principalId);
  const type = readType(writer, id);
  const application = readId(writer.claims.appid);
  const name = actorNames ? readName(writer) : undefined;
  const actor: Actor = {
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type }),
    ...(application !== undefined && { application }),
    ...(name !== undefined && { name }),
  };
  return Object.keys(actor).length === 0 ? undefined : actor;
}

/**
 * Was this write ours? The object id decides when the event has one. Only without it do the client id and the principal of the role
 * assignment count (the latter may be a group that holds the role for us, hence last).
 */
export function isOwnWrite(writer: Writer, own: OwnIdentity): boolean {
  const principal = readId(own.ownPrincipalId);
  const client = readId(own.ownClientId);
  const objectId = readId(writer.claims[CLAIM_OBJECT_ID]);
  if (objectId !== undefined && principal !== undefined) return objectId === principal;
  const application = readId(writer.claims.appid);
  if (application !== undefined && client !== undefined) return application === client;
  return principal !== undefined && readId(writer.authorization.evidence.principalId) === principal;
}

/** The evidence describes the role assignment that allowed the call, so its type is the writer's only if it is about the writer (and not about a group). */
function readType(writer: Writer, id: string | undefined): Actor['type'] {
  const { principalId, principalType } = writer.authorization.evidence;
  const evidenceId = readId(principalId);
  const type = PRINCIPAL_TYPES.find((known) => known.toLowerCase() === principalType?.trim().toLowerCase());
  if (type !== undefined && (evidenceId === undefined || evidenceId === id)) return type;
  if (writer.claims[CLAIM_UPN] !== undefined) return 'User';
  return writer.claims.appid !== undefined && writer.claims[CLAIM_NAME] === undefined ? 'ServicePrincipal' : undefined;
}

const PRINCIPAL_TYPES = ['User', 'ServicePrincipal', 'Group'] as const;

/** An id in one spelling: Azure prints principal ids with and without dashes and in either case. Text that cannot be an id is dropped. */
function readId(text: string | undefined): string | undefined {
  const trimmed = text?.trim().toLowerCase() ?? '';
  const compact = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(trimmed);
  if (compact !== null) return compact.slice(1).join('-');
  return /^[\w-]{1,64}$/.test(trimmed) ? trimmed : undefined;
}

function readName(writer: Writer): string | undefined {
  const name = writer.claims[CLAIM_UPN] ?? writer.claims[CLAIM_NAME];
  const cleaned = name?.replaceAll(/\p{C}/gu, '').trim().slice(0, MAX_NAME).toWellFormed();
  return cleaned === '' ? undefined : cleaned;
}
