import * as fc from 'fast-check';
import { afterLook, type Sighting, type Step, type TicketContent } from '../../../src/engine/tickets/life-cycle.ts';
import { newTicket } from '../../../src/engine/tickets/ticket-steps.ts';
import { type Ticket, ticketChanges, ticketResolutions, ticketStates } from '../../../src/tickets/ticket.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** How far apart two looks that agree have to be. */
export const GRACE = 15 * MINUTE;

const START = Date.parse('2026-11-23T10:00:00.000Z');
const SUBJECT = {
  policyId: 'aks-node-reboot-completed',
  resourceId:
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-aks-prod/providers/Microsoft.ContainerService/managedClusters/aks-prod',
  discriminator: 'system',
};

/** So many milliseconds after the first look. */
export function at(milliseconds: number): Date {
  return new Date(START + milliseconds);
}

export function item(name: string) {
  return { name, id: `uid-${name}`, detail: 'needs a reboot' };
}

/** What a look says: two nodes wait for a reboot, as they say themselves. */
export function content(change: Partial<TicketContent> = {}): TicketContent {
  const items = change.items ?? [item('node-a'), item('node-b')];
  return {
    remediationId: 'aks-complete-node-reboot',
    title: 'aks-prod / system: not met – No node waits for a reboot',
    severity: 'medium',
    confidence: 'certain',
    strength: 3,
    reason: 'ticket-only',
    evidence: '{"found":"node-a, node-b"}',
    evidenceHash: `hash of ${items.map(({ id }) => id).join()}`,
    items,
    itemCount: items.length,
    actor: 'somebody',
    ...change,
  };
}

export function violation(change: Partial<TicketContent> = {}): Extract<Sighting, { seen: 'violation' }> {
  return { seen: 'violation', content: content(change) };
}

export const clean: Extract<Sighting, { seen: 'clean' }> = { seen: 'clean', strength: 3, resolution: 'fixed' };
export const unclear: Sighting = { seen: 'unclear' };

/** One look, so many milliseconds after the first one. */
export function look(
  known: Ticket | undefined,
  sighting: Sighting,
  milliseconds: number,
  graceMs = GRACE,
): Step | undefined {
  const now = at(milliseconds);
  return afterLook(known, sighting, (seen) => newTicket(SUBJECT, seen, now.toISOString()), graceMs, now);
}

/** The ticket of a step that has one. */
export function ticketOf(step: Step | undefined): Ticket {
  if (step === undefined || step.ticket === 'dropped') throw new Error('a ticket was expected');
  return step.ticket;
}

/** The ticket after these looks, each with its moment; those that say nothing new leave it as it is. */
export function afterLooks(
  known: Ticket | undefined,
  ...looks: readonly (readonly [milliseconds: number, sighting: Sighting])[]
): Ticket {
  let ticket = known;
  for (const [milliseconds, sighting] of looks) {
    const step = look(ticket, sighting, milliseconds);
    if (step !== undefined) ticket = step.ticket === 'dropped' ? undefined : step.ticket;
  }
  if (ticket === undefined) throw new Error('a ticket was expected');
  return ticket;
}

/** Opened at the second look, and known to the other system. */
export function openTicket(change: Partial<Ticket> = {}): Ticket {
  const opened = afterLooks(undefined, [0, violation()], [GRACE, violation()]);
  return {
    ...opened,
    appliedSequence: opened.sequence,
    remoteSystem: 'github',
    remoteId: '7',
    remoteUrl: 'https://github.example/7',
    remoteState: 'open',
    ...change,
  };
}

const moments = fc
  .date({ min: at(-400 * DAY), max: at(400 * DAY), noInvalidDate: true })
  .map((date) => date.toISOString());
export const nows = fc.date({ min: at(-400 * DAY), max: at(400 * DAY), noInvalidDate: true });
export const graces = fc.constantFrom(0, MINUTE, GRACE, HOUR, DAY);

const severities = fc.constantFrom('high', 'medium', 'low', 'info');
const strengths = fc.constantFrom(1, 2, 3);
const names = fc.constantFrom('a', 'b', 'c', 'd');
const items = fc.uniqueArray(names, { maxLength: 4 }).map((some) => some.map(item));
const counts = fc.nat({ max: 60 });

const contentModel = {
  title: fc.string(),
  severity: severities,
  strength: strengths,
  reason: fc.string(),
  evidence: fc.string(),
  evidenceHash: names,
  items,
  itemCount: counts,
  remediationId: fc.string(),
  confidence: fc.constantFrom('certain', 'likely'),
  because: fc.string(),
  actor: fc.string(),
} as const;
const CONTENT_COLUMNS = [
  'title',
  'severity',
  'strength',
  'reason',
  'evidence',
  'evidenceHash',
  'items',
  'itemCount',
] as const;

const contents: fc.Arbitrary<TicketContent> = fc.record(contentModel, { requiredKeys: [...CONTENT_COLUMNS] });

const resolutions = fc.constantFrom(...ticketResolutions);

export const violations = contents.map((seen): Sighting => ({ seen: 'violation', content: seen }));
export const cleans: fc.Arbitrary<Extract<Sighting, { seen: 'clean' }>> = fc.record({
  seen: fc.constant('clean' as const),
  strength: strengths,
  resolution: resolutions,
});
const gones: fc.Arbitrary<Sighting> = fc.record({
  seen: fc.constant('gone' as const),
  resolution: fc.constantFrom('gone', 'policy-off'),
});
const certain: fc.Arbitrary<Sighting> = fc
  .oneof(
    contents.map((seen) => ({ seen: 'violation' as const, content: seen })),
    cleans,
  )
  .map((sighting): Sighting => ({ ...sighting, isCertain: true }));

/** Whatever a look may say. */
export const sightings: fc.Arbitrary<Sighting> = fc.oneof(violations, cleans, gones, fc.constant(unclear), certain);

/** Any row that the table may hold, also one that no life leads to. */
export const storedTickets: fc.Arbitrary<Ticket> = fc.record(
  {
    ...contentModel,
    key: fc.string(),
    state: fc.constantFrom(...ticketStates),
    generation: counts,
    sequence: counts,
    appliedSequence: counts,
    policyId: fc.string(),
    resourceId: fc.string(),
    discriminator: fc.string(),
    firstSeenAt: moments,
    lastSeenAt: moments,
    occurrences: counts,
    attempts: counts,
    humanReopens: fc.nat({ max: 2 }),
    generationSince: moments,
    change: fc.constantFrom(...ticketChanges),
    cleanSince: moments,
    seenAgainAt: moments,
    remoteSystem: fc.string(),
    remoteId: fc.string(),
    remoteUrl: fc.string(),
    remoteState: fc.constantFrom('open', 'closed', 'gone', 'failed'),
    leaseOwner: fc.string(),
    leaseUntil: moments,
    nextAttemptAt: moments,
    failingSince: moments,
    lastError: fc.string(),
    pendingComment: fc.string(),
    lastCommentAt: moments,
    checkedAt: moments,
    missingSince: moments,
    closedByHandAt: moments,
    resolvedAt: moments,
    resolution: resolutions,
    suppressUntil: moments,
    suppressedEvidence: fc.array(
      names.map((name) => `uid-${name}`),
      { maxLength: 4 },
    ),
    suppressedSeverity: severities,
  },
  {
    requiredKeys: [
      ...CONTENT_COLUMNS,
      'key',
      'state',
      'generation',
      'sequence',
      'appliedSequence',
      'policyId',
      'resourceId',
      'discriminator',
      'firstSeenAt',
      'lastSeenAt',
      'occurrences',
      'attempts',
      'humanReopens',
    ],
  },
);
