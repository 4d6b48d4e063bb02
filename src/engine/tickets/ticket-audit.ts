import { auditKey } from '../../audit/audit-log.ts';
import { isAgentPoolName } from '../../resources/managed-cluster.ts';
import { findResourceId } from '../../resources/resource-id.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import type { PendingCause } from '../../work/work-items.ts';
import { causeColumns, resourceColumns } from '../audit-rows.ts';
import type { EngineContext } from '../ports.ts';
import type { TicketEvent } from './life-cycle.ts';

/** What an audit row about a ticket says besides the ticket itself. */
export interface TicketNews {
  readonly event: TicketEvent;
  readonly cause?: PendingCause;
  readonly error?: string;
}

/** Writes the audit row of one step in the life of a ticket, before the step is stored. A step that has to be taken again is recorded again. */
export async function recordTicket(
  context: EngineContext,
  ticket: Ticket,
  { event, cause, error }: TicketNews,
): Promise<void> {
  const now = context.clock.now();
  const { key, remoteUrl, policyId, remediationId, severity, evidence, because, discriminator } = ticket;
  const target = findResourceId(ticket.resourceId);
  const about = discriminator === '' || target === undefined ? undefined : nameOfPart(discriminator);
  const words = [about, error ?? explain(event, ticket) ?? because].filter((part) => part !== undefined).join(': ');
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

/** The part of a resource that a ticket is about, for people. */
function nameOfPart(part: string): string {
  return isAgentPoolName(part) ? `agent pool ${part}` : `alert ${part}`;
}

/** What the step itself has to say. */
function explain(event: TicketEvent, ticket: Ticket): string | undefined {
  const { pendingComment, suppressUntil = 'further notice', resolution } = ticket;
  if (event === 'ticket-suppressed') return `put aside until ${suppressUntil}, unless it gets worse`;
  if (event === 'ticket-reopened' || event === 'ticket-updated') return pendingComment;
  return event === 'ticket-resolved' || event === 'ticket-obsolete' ? resolution : undefined;
}
