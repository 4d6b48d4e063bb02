import { randomUUID } from 'node:crypto';
import type { Caller, RoleAssignment } from './identities.ts';
import type { Json, JsonObject } from './json.ts';
import { roleAssignmentName, roleDefinitionName } from './role-view.ts';

/** An event of a system topic – of a subscription, or of one resource such as a key vault – in the EventGridSchema. */
export interface ResourceEvent {
  readonly id: string;
  readonly topic: string;
  readonly subject: string;
  readonly eventType: string;
  /** ISO 8601 with 7 fractional digits. */
  readonly eventTime: string;
  readonly dataVersion: string;
  readonly metadataVersion: string;
  readonly data: JsonObject;
}

/** What happened, as far as the event says. */
export interface EventSource {
  readonly method: string;
  readonly action: string;
  readonly resourceId: string;
  readonly caller: Caller;
  readonly grant: RoleAssignment | undefined;
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly correlationId: string;
  readonly now: Date;
  /** Absent when the call created the resource. */
  readonly httpRequest: { readonly clientRequestId: string; readonly url: string } | undefined;
}

const CLAIM_URIS: Readonly<Record<string, readonly string[]>> = {
  oid: ['http://schemas.microsoft.com/identity/claims/objectidentifier'],
  tid: ['http://schemas.microsoft.com/identity/claims/tenantid'],
  scp: ['http://schemas.microsoft.com/identity/claims/scope'],
  idp: ['http://schemas.microsoft.com/identity/claims/identityprovider'],
  sub: ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier'],
  unique_name: ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'],
  upn: ['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'],
  amr: ['http://schemas.microsoft.com/claims/authnmethodsreferences'],
  acr: ['http://schemas.microsoft.com/claims/authnclassreference'],
};
const TOKEN_ONLY_CLAIMS = new Set(['idtyp', 'xms_mirid']);
let sequence = 0;

/** The `Microsoft.Resources.Resource{Write,Action,Delete}Success` event of a successful call. */
export function createResourceEvent(source: EventSource): ResourceEvent {
  const { action, caller, grant, method, resourceId } = source;
  const kind = method === 'DELETE' ? 'Delete' : method === 'POST' ? 'Action' : 'Write';
  const { identity } = caller;
  const evidence = {
    role: grant?.roleName ?? 'Subscription Admin',
    roleAssignmentScope: grant?.scope || '/',
    roleAssignmentId: grant ? roleAssignmentName(identity, grant).replaceAll('-', '') : '',
    roleDefinitionId: grant ? roleDefinitionName(grant.roleName).replaceAll('-', '') : '',
    principalId: identity.objectId.replaceAll('-', ''),
    principalType: identity.principalType,
  };
  return {
    id: randomUUID(),
    topic: `/subscriptions/${source.subscriptionId}`,
    subject: resourceId,
    eventType: `Microsoft.Resources.Resource${kind}Success`,
    eventTime: formatEventTime(source.now),
    dataVersion: '2',
    metadataVersion: '1',
    data: {
      authorization: { scope: resourceId, action, evidence },
      claims: toEventClaims(caller.claims),
      correlationId: source.correlationId,
      ...(source.httpRequest ? { httpRequest: { ...source.httpRequest, clientIpAddress: '127.0.0.1', method } } : {}),
      resourceProvider: action.split('/')[0],
      resourceUri: resourceId,
      operationName: action,
      status: 'Succeeded',
      subscriptionId: source.subscriptionId,
      tenantId: source.tenantId,
    },
  };
}

/** ISO time with 7 fractional digits; the last four only keep events of one millisecond apart. */
export function formatEventTime(now: Date): string {
  sequence = (sequence + 1) % 10_000;
  return now.toISOString().replace('Z', `${String(sequence).padStart(4, '0')}Z`);
}

/** Token claims under the long names that events use; all values are strings. */
function toEventClaims(claims: JsonObject): JsonObject {
  const entries = Object.entries(claims).filter(([name]) => !TOKEN_ONLY_CLAIMS.has(name));
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (CLAIM_URIS[name] ?? [name]).map((uri) => [uri, toText(value)])),
  );
}

function toText(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.join(',') : JSON.stringify(value);
}
