import type { TicketNotice } from '../../src/tickets/ticket-system.ts';

export const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000000';
export const CLUSTER = `${SUBSCRIPTION}/resourceGroups/rg-aks-prod/providers/Microsoft.ContainerService/managedClusters/aks-prod`;

/** What the published example of an event is about. */
export function notice(change: Partial<TicketNotice> = {}): TicketNotice {
  return {
    change: 'updated',
    key: `dw-${'9f2c'.repeat(8)}`,
    generation: 1,
    sequence: 3,
    time: new Date('2026-08-20T12:00:05.123Z'),
    policyId: 'aks-node-reboot-completed',
    resourceId: CLUSTER,
    part: 'system',
    severity: 'medium',
    evidenceHash: 'c0a8',
    firstSeenAt: new Date('2026-08-17T12:00:00Z'),
    lastSeenAt: new Date('2026-08-20T12:00:00Z'),
    occurrences: 12,
    items: ['aks-system-1', 'aks-system-2'],
    itemCount: 2,
    draft: {
      title: 'AKS node reboot missing: aks-prod / system',
      severity: 'medium',
      body: [{ kind: 'text', text: '2 of 3 nodes wait for a reboot.' }],
    },
    ...change,
  };
}
