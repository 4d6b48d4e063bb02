import { auditKey } from '../audit/audit-log.ts';
import { findingId } from '../findings/finding-id.ts';
import type { ExemptionRecord } from '../findings/findings.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { resourceColumns } from './audit-rows.ts';
import { describeSource } from './exemptions.ts';
import type { EngineContext } from './ports.ts';

/** Writes one audit row (stage `notice`) about the end of an exemption; twice on the same day is once. */
export async function announceExemptionEnd(
  context: EngineContext,
  target: ResourceId,
  policy: Policy,
  record: ExemptionRecord,
): Promise<void> {
  const { expires = '', reason, ticket, by } = record;
  const now = context.clock.now();
  const today = new Date(`${now.toISOString().slice(0, 10)}T00:00:00Z`);
  const id = findingId({ resourceId: target.id, policyId: policy.id });
  await context.audit.append(auditKey(today, `exemption-${id}-${expires.slice(0, 10)}`, 'notice'), {
    time: now.toISOString(),
    stage: 'notice',
    reason: 'exemption-ending',
    ...resourceColumns(target),
    policyId: policy.id,
    severity: policy.severity,
    ...(by !== undefined && { actor: by }),
    error: `${record.source === 'azure-policy' ? 'the' : 'the exemption by the'} ${describeSource(record)} ends at ${expires}: ${reason}${ticket === undefined ? '' : ` (${ticket})`}`,
    configHash: context.settings.hash,
    version: context.version,
  });
}
