import type { NotifiedSystem } from '../../tickets/ticket-system.ts';
import type { Delivery } from './delivery.ts';
import { draftOf } from './draft.ts';

/** Tells a receiver that cannot be asked. It may hear the same twice, never nothing. */
export async function notify(delivery: Delivery, system: NotifiedSystem): Promise<void> {
  const { context, row } = delivery;
  const { ticket } = row;
  const { change = 'opened', confidence, sequence } = ticket;
  const isKnownThere = ticket.remoteSystem === system.place;
  // An earlier try may have got through before its answer was lost.
  const isPerhapsKnown = isKnownThere || ticket.attempts > 1;
  // A problem that was over before this receiver was configured is no news.
  if (isPerhapsKnown || ticket.state === 'open') {
    await delivery.admit('write');
    await system.notify(
      {
        change: isKnownThere || ticket.state !== 'open' ? change : 'opened',
        key: ticket.key,
        generation: ticket.generation,
        sequence,
        time: context.clock.now(),
        policyId: ticket.policyId,
        resourceId: ticket.resourceId,
        part: ticket.discriminator,
        severity: ticket.severity,
        ...(confidence !== undefined && { confidence }),
        evidenceHash: ticket.evidenceHash,
        firstSeenAt: new Date(ticket.firstSeenAt),
        lastSeenAt: new Date(ticket.lastSeenAt),
        occurrences: ticket.occurrences,
        items: ticket.items.map(({ name }) => name),
        itemCount: ticket.itemCount,
        ...(ticket.resolution !== undefined && { resolution: ticket.resolution }),
        draft: draftOf(context, ticket),
      },
      delivery.signal,
    );
  }
  await row.change((fresh) => ({ ...fresh, remoteSystem: system.place, appliedSequence: sequence }));
}
