import { createHash } from 'node:crypto';

/** What a ticket is about; one ticket for each. */
export interface TicketSubject {
  readonly policyId: string;
  readonly resourceId: string;
  /** Agent pool, or what else is judged on its own; empty = the whole resource. Never a node: node names come and go. */
  readonly discriminator: string;
}

/**
 * Key of a ticket: `dw-` and 32 hex digits, the same for any letter case. Holds nothing that changes while the problem lasts. Fits a GitHub
 * label (50 characters), an Azure DevOps tag and a Redmine field.
 */
export function ticketKey({ policyId, resourceId, discriminator }: TicketSubject): string {
  const text = ['v1', policyId, resourceId.toLowerCase(), discriminator.toLowerCase()].join('\n');
  return `dw-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}
