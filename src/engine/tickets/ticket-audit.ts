import { auditKey } from '../../audit/audit-log.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import type { PendingCause } from '../../work/work-items.ts';
import { causeColumns, resourceColumns } from '../audit-rows.ts';
import type { EngineContext } from '../ports.ts';
import type { TicketEvent } from './life-cycle.ts';

/** What an audit row about a ticket says besides the ticket itself. */
export interface TicketNews {
  readonly event: TicketEvent;
  /** Absent for tickets that are about no single resource. */
  readonly target?: ResourceId;
  readonly cause?: PendingCause;
  readonly error?: string;
}

/** Writes the audit row of one step in the life of a ticket, before the step is stored. A step that has to be taken again is recorded again. */
export async function recordTicket(
  context: EngineContext,
  ticket: Ticket,
  { event, target, cause, error }: TicketNews,
): Promise<void> {
  const now = context.clock.now();
  const { key, remoteUrl, policyId, remediationId, severity, evidence, because, discriminator } = ticket;
  const about = discriminator === '' ? undefined : `agent pool ${discriminator}`;
  const words = [about, error ?? because].filter((part) => part !== undefined).join(': ');
  await context.audit.append(auditKey(now, context.newRunId(now), 'ticket'), {
    time: now.toISOString(),
    stage: 'ticket',
    ...(target === undefined ? { resourceId: ticket.resourceId } : resourceColumns(target)),
    policyId,
    ...(remediationId !== undefined && { remediationId }),
    severity,
    reason: event,
    evidence,
    ...(cause !== undefined && causeColumns(cause)),
    ticketKey: key,
    ...(remoteUrl !== undefined && { ticketUrl: remoteUrl }),
    ...(words !== '' && { error: words.slice(0, 2000) }),
    configHash: context.settings.hash,
    version: context.version,
  });
  context.log.info('ticket', { ticketKey: key, event, resourceId: ticket.resourceId, policyId });
}
