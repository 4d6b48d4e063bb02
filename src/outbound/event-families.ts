import * as z from 'zod';
import { type AuditRecord, type Outcome, outcomes } from '../audit/audit-log.ts';
import { lenient } from '../resources/lenient.ts';

/**
 * Events that are alike: the same rows of the audit, the same data. The data's schema is the list of what may leave: no name, no claim, no
 * value from before or after a fix, no words of Azure. What is not in it is not published.
 */
export interface EventFamily {
  readonly id: string;
  /** What the events are about, for people. */
  readonly title: string;
  /** Every type and what it means. */
  readonly types: Readonly<Record<string, string>>;
  readonly Data: z.ZodObject;
  /** The type of the event that a row is; undefined = none of this family. */
  typeOf(record: AuditRecord): string | undefined;
  /** What the schema picks from. Default: the row as it is. */
  readonly toData?: (record: AuditRecord) => Readonly<Record<string, unknown>>;
}

// What may be absent and is not as it should be is left out: an odd code of Azure is no reason to keep silent about an outcome.
/** A word of ours, or a code of Azure: no sentence. */
const code = (description: string) => lenient(z.string().regex(/^[\w.:-]{1,200}$/)).describe(description);
const text = (longest: number, description: string) => lenient(z.string().max(longest)).describe(description);
const name = (description: string) => text(300, description);
const milliseconds = (description: string) => lenient(z.number().int().min(0)).describe(description);

const written = {
  configHash: code('Fingerprint of the settings in force, without secrets'),
  version: code('Version of Dockwarden'),
};
const about = {
  resourceId: text(2048, 'ARM id of the resource; of a ticket about a breaker, the guard'),
  resourceType: name('For example Microsoft.ContainerRegistry/registries'),
  resourceName: name('Name of the resource'),
  subscriptionId: name('Id of its subscription'),
  resourceGroup: name('Its resource group'),
  policyId: code('The policy that it violates'),
  remediationId: code('The remediation, or the tracker of a ticket'),
  severity: code('high, medium, low or info'),
};
const judged = {
  mode: code('Mode of the remediation: observe, approve or enforce'),
  verdict: code('What the policy says: violation, compliant, not-applicable or unknown'),
  reason: code('Code that explains it; the operating manual lists those of ours, all others are of Azure'),
  causeKind: code('Why it was looked at: event, notification, alert, sweep or operator'),
  causeTime: code('When the cause happened'),
};

const OUTCOMES = {
  fixed: 'the fix was made, and read back',
  'already-compliant': 'somebody else had done it meanwhile; nothing was changed',
  'not-effective': 'the fix was made and does not show',
  denied: 'Azure refused: a permission is missing',
  'denied-by-policy': 'an Azure Policy refused',
  locked: 'a lock on the resource refused',
  gone: 'the resource is not there any more',
  failed: 'the fix failed for good',
  abandoned: 'a run that had begun was not to go on',
  'gave-up': 'tried for 24 hours without success',
  undone: 'a fix was taken back, as an operator had asked',
} as const satisfies Record<Exclude<Outcome, 'retry'>, string>;

/** Steps in the life of a ticket, by the reason of their row. Others are between Dockwarden and the ticket system. */
const TICKET_STEPS: Readonly<
  Record<string, { readonly step: TicketStep; readonly resolution?: 'fixed' | 'obsolete' }>
> = {
  'ticket-opened': { step: 'opened' },
  'ticket-created': { step: 'created' },
  'ticket-updated': { step: 'updated' },
  'ticket-resolved': { step: 'resolved', resolution: 'fixed' },
  'ticket-obsolete': { step: 'resolved', resolution: 'obsolete' },
  'ticket-reopened': { step: 'reopened' },
  'ticket-suppressed': { step: 'suppressed' },
};

const TICKET_MEANINGS = {
  opened: 'confirmed, and open from now on',
  created: 'the ticket system has it: ticketUrl',
  updated: 'what it is about has changed',
  resolved: 'over: fixed, or obsolete as resolution says',
  reopened: 'the problem is back',
  suppressed: 'people have put it aside for some time',
} as const;
type TicketStep = keyof typeof TICKET_MEANINGS;

const TRIPS = new Set<string | undefined>(['breaker-cap', 'breaker-open']);

/** Every event there is. A type means one schema for ever; changes that are none for receivers are additions to it. */
export const eventFamilies: readonly EventFamily[] = [
  {
    id: 'remediation',
    title: 'How a run ended',
    types: Object.fromEntries(
      Object.entries(OUTCOMES).map(([outcome, meaning]) => [`dockwarden.remediation.${outcome}.v1`, meaning]),
    ),
    typeOf: ({ stage, outcome }) =>
      stage === 'outcome' && outcome !== undefined && outcome !== 'retry'
        ? `dockwarden.remediation.${outcome}.v1`
        : undefined,
    Data: z.object({
      remediationRunId: z.string().max(100).describe('Id of the run; its rows in the audit have the same'),
      previousRunId: code('The attempt before it'),
      ...about,
      ...judged,
      decision: code('fix; absent where a fix was taken back'),
      outcome: z.enum(outcomes).exclude(['retry']).describe('How it ended, as in the type'),
      latencyMs: milliseconds('From the cause to the end'),
      durationMs: milliseconds('From the start of the run to its end'),
      ticketKey: code('The ticket about it'),
      ticketUrl: text(2048, 'Where the ticket system shows it'),
      ...written,
    }),
  },
  {
    id: 'finding-quarantined',
    title: 'Somebody keeps undoing a fix',
    types: {
      'dockwarden.finding.quarantined.v1': 'left alone for some time, because somebody keeps undoing the fix',
    },
    typeOf: ({ stage, decision }) =>
      stage === 'decision' && decision === 'quarantine' ? 'dockwarden.finding.quarantined.v1' : undefined,
    Data: z.object({ ...about, ...judged, decision: code('quarantine'), ...written }),
  },
  {
    id: 'ticket-record',
    title: 'Steps in the life of a ticket',
    types: Object.fromEntries(
      Object.entries(TICKET_MEANINGS).map(([step, meaning]) => [`dockwarden.ticket-record.${step}.v1`, meaning]),
    ),
    typeOf(record) {
      const known = stepOf(record);
      return known === undefined ? undefined : `dockwarden.ticket-record.${known.step}.v1`;
    },
    toData: (record) => ({ ...record, resolution: stepOf(record)?.resolution }),
    Data: z.object({
      ticketKey: z
        .string()
        .regex(/^dw-[0-9a-f]{32}$/)
        .describe('Key of the ticket: the same as long as the problem is the same'),
      ticketUrl: text(2048, 'Where the ticket system shows it'),
      resolution: lenient(z.enum(['fixed', 'obsolete'])).describe('How it ended'),
      ...about,
      causeKind: judged.causeKind,
      causeTime: judged.causeTime,
      ...written,
    }),
  },
  {
    id: 'breaker',
    title: 'The breaker',
    types: {
      'dockwarden.breaker.tripped.v1':
        'as many changes as allowed within the window (breaker-cap, ends by itself), or too many fixes failed (breaker-open, until an operator resets it)',
      'dockwarden.breaker.reset.v1': 'an operator resets it',
    },
    typeOf({ stage, reason }) {
      if (stage === 'notice' && TRIPS.has(reason)) return 'dockwarden.breaker.tripped.v1';
      return stage === 'operator' && reason === 'reset-asked' ? 'dockwarden.breaker.reset.v1' : undefined;
    },
    toData: (record) => ({ ...record, guard: guardOf(record) }),
    Data: z.object({
      guard: z.string().max(300).describe('remediation/<id> or subscription/<id>'),
      remediationId: about.remediationId,
      subscriptionId: about.subscriptionId,
      reason: code('breaker-cap, breaker-open or reset-asked'),
      ...written,
    }),
  },
  {
    id: 'configuration-finding',
    title: 'Settings that are wrong',
    types: {
      'dockwarden.configuration.finding.v1': 'a setting is wrong; once a day for each state of the settings',
    },
    typeOf: ({ stage }) => (stage === 'configuration' ? 'dockwarden.configuration.finding.v1' : undefined),
    toData: ({ causeId, reason, configHash, version }) => ({ setting: causeId, problem: reason, configHash, version }),
    Data: z.object({
      setting: z.string().max(300).describe('Name of the setting'),
      problem: z
        .enum([
          'unknown-setting',
          'invalid-value',
          'unresolved-reference',
          'missing',
          'former-name',
          'schema-behind',
          'schema-newer',
          'schema-unreadable',
        ])
        .describe('What is wrong with it'),
      ...written,
    }),
  },
];

function stepOf({ stage, reason = '' }: AuditRecord) {
  return stage === 'ticket' && Object.hasOwn(TICKET_STEPS, reason) ? TICKET_STEPS[reason] : undefined;
}

function guardOf({ remediationId, subscriptionId }: AuditRecord): string | undefined {
  if (remediationId !== undefined) return `remediation/${remediationId}`;
  return subscriptionId === undefined ? undefined : `subscription/${subscriptionId}`;
}
