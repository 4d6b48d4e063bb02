import { type AuditRecord, type AuditStage, auditKey } from '../audit/audit-log.ts';
import type { Cause } from '../events/cause.ts';
import type { Finding } from '../findings/findings.ts';
import { findResourceId, type ResourceId } from '../resources/resource-id.ts';
import type { EngineContext } from './ports.ts';

/** Who asks: a person whom the platform has verified, or the function key that was used. */
export interface Operator {
  /** Object id, or `key:<name>`. */
  readonly id: string;
  readonly type: 'User' | 'ServicePrincipal' | 'Key';
  /** Only with `AUDIT_ACTOR_NAMES=on`. */
  readonly name?: string;
}

/** The answer to an operator's request. */
export type ReviewAnswer =
  /** Recorded and asked for; what comes of it is in the audit rows whose `causeId` is this id. */
  | {
      readonly result: 'accepted';
      readonly requestId: string;
      readonly message: string;
      readonly details?: Readonly<Record<string, unknown>>;
    }
  /** Nothing was asked for but an answer, and this is it. */
  | { readonly result: 'shown'; readonly message: string; readonly details: Readonly<Record<string, unknown>> }
  | { readonly result: 'refused'; readonly status: 400 | 404 | 409; readonly code: string; readonly message: string };

/** A request that is not obeyed. */
export type Refused = Extract<ReviewAnswer, { result: 'refused' }>;

/** One request while it is handled. */
export interface ReviewRequest {
  readonly context: EngineContext;
  readonly operator: Operator;
  readonly requestId: string;
  readonly now: Date;
}

export function refused(status: Refused['status'], code: string, message: string): Refused {
  return { result: 'refused', status, code, message };
}

/** The open finding that a request is about. */
export async function findOpen(
  context: EngineContext,
  { resourceId, policyId }: { readonly resourceId: string; readonly policyId: string },
): Promise<{ readonly finding: Finding; readonly target: ResourceId } | Refused> {
  const target = findResourceId(resourceId);
  if (target === undefined) return refused(400, 'invalid-request', 'check resourceId');
  const findings = await context.findings.ofResource(target);
  const finding = findings.find(({ item }) => item.policyId === policyId)?.item;
  if (finding?.status !== 'open')
    return refused(404, 'no-open-finding', 'there is no open finding of this policy on this resource');
  return { finding, target };
}

/** The cause that the request is from now on. */
export function operatorCause({ operator, requestId, now }: ReviewRequest): Cause {
  return { kind: 'operator', id: requestId, time: now.toISOString(), actor: actorOf(operator) };
}

function actorOf({ id, type, name }: Operator): NonNullable<Cause['actor']> {
  return { id, ...(type !== 'Key' && { type }), ...(name !== undefined && { name }) };
}

/** Writes the row about the request itself; its answer, if it has one, is another row. */
export async function record(
  { context, operator, requestId, now }: ReviewRequest,
  stage: Extract<AuditStage, 'approval' | 'operator'>,
  columns: Partial<Omit<AuditRecord, 'error'>> & { readonly error?: string | undefined },
  suffix = 'asked',
): Promise<void> {
  const { error, ...others } = columns;
  await context.audit.append(auditKey(now, `${requestId}-${suffix}`, stage), {
    time: now.toISOString(),
    stage,
    causeKind: 'operator',
    causeId: requestId,
    causeTime: now.toISOString(),
    actor: operator.id,
    actorType: operator.type,
    ...(operator.name !== undefined && { actorName: operator.name }),
    ...others,
    ...(error !== undefined && error !== '' && { error }),
    configHash: context.settings.hash,
    version: context.version,
  });
}
