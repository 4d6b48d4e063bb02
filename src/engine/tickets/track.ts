import { isDockwardenError } from '../../errors.ts';
import type { Ticket } from '../../tickets/ticket.ts';
import { type CloseReason, type RemoteTicket, TicketError, type TrackingSystem } from '../../tickets/ticket-system.ts';
import type { EngineContext } from '../ports.ts';
import { type Delivery, NotNow } from './delivery.ts';
import { draftOf } from './draft.ts';
import { afterMissing, afterRemote, type RemoteStep } from './remote-life.ts';
import { readSummary, SUMMARY } from './summaries.ts';
import { recordTicket } from './ticket-audit.ts';
import { forgetRemote, isActive, without } from './ticket-columns.ts';

/** How long a ticket waits before it looks again whether a summary stands for it, in milliseconds. */
const SUMMARY_WAIT = 3_600_000;

/** Brings one ticket of a tracking system to what its row says, and takes over what people did there. */
export async function track(delivery: Delivery, system: TrackingSystem): Promise<void> {
  const { row } = delivery;
  const { remoteId, remoteSystem } = row.ticket;
  // Tickets of a system, or of a repository or project of it, that was configured before stay there: its numbers mean others here.
  if (remoteId !== undefined && remoteSystem !== system.place) await row.change(forgetRemote);
  if (row.ticket.remoteId === undefined) await bringAbout(delivery, system);
  else await follow(delivery, system, row.ticket.remoteId);
}

/** There is none yet, as far as the row knows: finds it, or creates it exactly once. */
async function bringAbout(delivery: Delivery, system: TrackingSystem): Promise<void> {
  const { context, row, signal } = delivery;
  const { key, sequence, state, generationSince } = row.ticket;
  const isWanted = state === 'open';
  if (isWanted) {
    await awaitSummary(delivery);
    await delivery.ensurePlace('create');
  }
  // An empty answer proves nothing unless the same credential has just shown what it can see.
  await system.probe(signal);
  const hits = await system.findByKey(key, new Date(generationSince ?? 0), signal);
  // What is over may be there all the same, if the answer to its create was lost: it is to be closed.
  const adopted = isWanted ? choose(hits) : hits.find(isOpen);
  if (adopted !== undefined) {
    await closeDuplicates(delivery, system, hits, adopted);
    await recordTicket(context, { ...row.ticket, remoteUrl: adopted.url }, { event: 'ticket-adopted' });
    // How it stands there is taken over like any other change: a person may have closed it before we knew of it.
    await row.change((fresh) => ({
      ...withRemote(without(fresh, 'remoteState'), system, adopted),
      // Nobody knows what it says.
      appliedSequence: Math.min(fresh.appliedSequence, fresh.sequence - 1),
    }));
    await follow(delivery, system, adopted.id);
    return;
  }
  if (!isWanted) {
    await row.change((fresh) => ({ ...fresh, appliedSequence: Math.max(fresh.appliedSequence, sequence) }));
    return;
  }
  await delivery.admit('create');
  await row.renew(system.settleMs);
  // It may be over by now: the next round sees to that.
  if (row.ticket.state !== 'open') return;
  const created = await system.create(draftOf(context, row.ticket), key, signal);
  await keep(delivery, system, created, sequence);
}

/** While a summary stands for many tickets of the policy, none of them is created on its own. */
async function awaitSummary({ context, row }: Delivery): Promise<void> {
  const { policyId, discriminator } = row.ticket;
  if (discriminator === SUMMARY) return;
  const summary = await readSummary(context, policyId);
  // Also one that people have put aside: they do not want all the others instead.
  if (summary === undefined || summary === 'damaged' || !isActive(summary.ticket)) return;
  const until = new Date(context.clock.now().getTime() + SUMMARY_WAIT);
  throw new NotNow('one summary stands for the many tickets of this policy that wait', until);
}

function isOpen({ state }: RemoteTicket): boolean {
  return state === 'open';
}

/** The oldest open one, else the closed one that was touched last. */
function choose(hits: readonly RemoteTicket[]): RemoteTicket | undefined {
  const open = hits.find(isOpen);
  return open ?? hits.toSorted((one, other) => other.updatedAt.getTime() - one.updatedAt.getTime())[0];
}

function withRemote(ticket: Ticket, { place }: TrackingSystem, remote: RemoteTicket): Ticket {
  return { ...without(ticket, 'missingSince'), remoteSystem: place, remoteId: remote.id, remoteUrl: remote.url };
}

async function closeDuplicates(
  delivery: Delivery,
  system: TrackingSystem,
  hits: readonly RemoteTicket[],
  kept: RemoteTicket,
): Promise<void> {
  const { context, row, signal } = delivery;
  for (const { id, state, url } of hits) {
    if (id === kept.id || state === 'closed') continue;
    await delivery.admit('write');
    await recordTicket(context, { ...row.ticket, remoteUrl: url }, { event: 'ticket-duplicate-closed' });
    await system.close(id, 'duplicate', `Duplicate of ${kept.url}`, signal);
  }
}

/** Stores what was just created. If another worker has stored another one meanwhile, ours is the duplicate. */
async function keep(
  delivery: Delivery,
  system: TrackingSystem,
  created: RemoteTicket,
  sequence: number,
): Promise<void> {
  const { context, row } = delivery;
  await recordTicket(context, { ...row.ticket, remoteUrl: created.url }, { event: 'ticket-created' });
  const stored = (ticket: Ticket): Ticket => ({
    ...withRemote(without(ticket, 'pendingComment'), system, created),
    remoteState: 'open',
    appliedSequence: sequence,
    checkedAt: context.clock.now().toISOString(),
  });
  try {
    await row.changeUnlessKnown(stored);
  } catch (error) {
    if (isDockwardenError(error, 'LEASE_LOST')) await makeKnown(delivery, system, created, stored);
    throw error;
  }
}

/** Another worker has taken over while this one was creating: only one of their tickets may stay. */
async function makeKnown(
  { context, row, signal }: Delivery,
  system: TrackingSystem,
  created: RemoteTicket,
  stored: (ticket: Ticket) => Ticket,
): Promise<void> {
  for (;;) {
    const fresh = await context.tickets.get(row.ticket.key);
    const other = fresh?.ticket.remoteId;
    if (fresh === undefined || other === created.id) return;
    if (other !== undefined) {
      await recordTicket(context, { ...row.ticket, remoteUrl: created.url }, { event: 'ticket-duplicate-closed' });
      await system.close(created.id, 'duplicate', `Duplicate of ${fresh.ticket.remoteUrl ?? other}`, signal);
      return;
    }
    // Whoever took over has created none yet: its renewal before the create sees this.
    if ((await context.tickets.replace(stored(fresh.ticket), fresh.etag)) !== undefined) return;
  }
}

/** It is there: takes over what people did, then makes the calls that are missing. */
async function follow(delivery: Delivery, system: TrackingSystem, id: string): Promise<void> {
  const { context, row, signal } = delivery;
  const remote = await system.get(id, signal);
  if (remote === undefined) {
    // Deleted, or hidden from us? A credential that is not in order cannot tell.
    await system.probe(signal);
    await take(delivery, afterMissing(row.ticket, context.clock.now()));
    return;
  }
  const checkedAt = context.clock.now().toISOString();
  await row.change((fresh) => ({ ...without(fresh, 'missingSince'), checkedAt, remoteUrl: remote.url }));
  const step = afterRemote(row.ticket, remote, context.clock.now());
  if (step !== undefined) await take(delivery, step);
  await apply(delivery, system, remote);
}

/** Records and stores what people did in the other system. */
async function take({ context, row }: Delivery, { ticket, event }: RemoteStep): Promise<void> {
  const before = row.ticket;
  // One that is gone is named by the address that it had.
  const known = ticket.remoteUrl ?? before.remoteUrl;
  if (event !== undefined)
    await recordTicket(context, known === undefined ? ticket : { ...ticket, remoteUrl: known }, { event });
  await row.change((fresh) => (fresh === before ? ticket : mergeStep(fresh, before, ticket)));
}

/** A look wrote the row meanwhile: what changed by this step is changed there, too. */
function mergeStep(fresh: Ticket, before: Ticket, after: Ticket): Ticket {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => Reflect.get(before, name) !== Reflect.get(after, name),
  );
  const merged = { ...fresh };
  for (const name of names) {
    const value: unknown = Reflect.get(after, name);
    if (value === undefined) Reflect.deleteProperty(merged, name);
    else Reflect.set(merged, name, value);
  }
  return { ...merged, sequence: Math.max(fresh.sequence + (after.sequence - before.sequence), fresh.sequence) };
}

async function apply(delivery: Delivery, system: TrackingSystem, remote: RemoteTicket): Promise<void> {
  const { ticket } = delivery.row;
  if (ticket.state === 'open' && ticket.closedByHandAt === undefined) await applyOpen(delivery, system, remote);
  if (ticket.state === 'resolved' || ticket.state === 'obsolete') await applyClosed(delivery, system, remote);
  await delivery.row.change((fresh) => ({
    ...fresh,
    remoteSystem: system.place,
    appliedSequence: Math.max(fresh.appliedSequence, ticket.sequence),
  }));
}

async function applyOpen(delivery: Delivery, system: TrackingSystem, { id, state }: RemoteTicket): Promise<void> {
  const { context, row, signal } = delivery;
  const { key, pendingComment, sequence, appliedSequence } = row.ticket;
  const isReopened = state === 'closed';
  if (isReopened) {
    await delivery.admit('write');
    await system.reopen(id, pendingComment ?? 'The problem is still there.', signal);
    await row.change((fresh) => ({ ...withoutComment(fresh, pendingComment, context), remoteState: 'open' }));
  }
  if (sequence > appliedSequence) {
    await delivery.admit('write');
    await system.update(id, draftOf(context, row.ticket), key, signal);
  }
  if (pendingComment === undefined || isReopened) return;
  await delivery.admit('write');
  await comment(delivery, system, id, pendingComment);
}

/** Counts as sent before it is: one that is lost is better than one that comes again and again. Unless it was refused for certain. */
async function comment(
  { context, row, signal }: Delivery,
  system: TrackingSystem,
  id: string,
  text: string,
): Promise<void> {
  await row.change((fresh) => withoutComment(fresh, text, context));
  try {
    await system.comment(id, text, signal);
  } catch (error) {
    if (error instanceof TicketError && error.kind !== 'outcome-unknown') {
      await row.change((fresh) => ({ ...fresh, pendingComment: [text, fresh.pendingComment ?? ''].join(' ').trim() }));
    }
    throw error;
  }
}

/** The ticket without what was said just now; what a look has added meanwhile is still to be said. */
function withoutComment(ticket: Ticket, said: string | undefined, { clock }: EngineContext): Ticket {
  const { pendingComment } = ticket;
  if (said === undefined || pendingComment === undefined) return ticket;
  const rest = pendingComment.startsWith(said) ? pendingComment.slice(said.length).trim() : pendingComment;
  const spoken = { ...without(ticket, 'pendingComment'), lastCommentAt: clock.now().toISOString() };
  return rest === '' ? spoken : { ...spoken, pendingComment: rest };
}

async function applyClosed(delivery: Delivery, system: TrackingSystem, { id, state }: RemoteTicket): Promise<void> {
  const { context, row, signal } = delivery;
  const { appliedSequence, resolution, sequence } = row.ticket;
  if (sequence <= appliedSequence) return;
  if (state === 'open') {
    await delivery.admit('write');
    // Known as closed before it is: should the answer be lost, our closing must not be taken for a person's.
    await row.change((fresh) => ({ ...fresh, remoteState: 'closed' }));
    const how: CloseReason = resolution === 'fixed' || resolution === 'not-applicable' ? 'fixed' : 'obsolete';
    await system.close(id, how, closingWords(row.ticket), signal);
  }
  await recordTicket(context, row.ticket, { event: 'ticket-closed' });
}

const CLOSING: Readonly<Record<NonNullable<Ticket['resolution']>, string>> = {
  fixed: 'Two checks in a row have proven that this is in order again.',
  'not-applicable': 'Two checks in a row have shown that this does not apply any more.',
  exempt: 'An exemption says that this is accepted.',
  gone: 'What this was about does not exist any more.',
  'policy-off': 'The policy was switched off.',
  'breaker-closed': 'The breaker lets changes pass again.',
  'fewer-waiting': 'The tickets that this one stood for are created one by one.',
  'closed-at-source': 'It was closed where it came from.',
};

function closingWords({ resolution = 'fixed', resolvedAt }: Ticket): string {
  return `${CLOSING[resolution]} Closed by Dockwarden${resolvedAt === undefined ? '' : ` at ${resolvedAt}`}.`;
}
