import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { type AuditRecord, auditStages, outcomes } from '../../src/audit/audit-log.ts';
import { ticketEvents } from '../../src/engine/tickets/life-cycle.ts';
import { isDockwardenError } from '../../src/errors.ts';
import { eventFamilies } from '../../src/outbound/event-families.ts';
import { isPublished, type OwnEvent, toOwnEvent } from '../../src/outbound/own-event.ts';
import { projectRoot } from '../architecture/sources.ts';
import { KEY, otherRecord, outcomeRecord, REGISTRY } from './audit-rows.ts';

const TICKET_KEY = `dw-${'9f2c'.repeat(8)}`;

/** A row for every type there is. */
const samples: readonly AuditRecord[] = [
  ...outcomes.filter((outcome) => outcome !== 'retry').map((outcome) => outcomeRecord({ outcome })),
  outcomeRecord({ stage: 'decision', decision: 'quarantine', reason: 'reverted' }),
  ...['opened', 'created', 'updated', 'resolved', 'obsolete', 'reopened', 'suppressed'].map((step) =>
    otherRecord({ stage: 'ticket', reason: `ticket-${step}`, ticketKey: TICKET_KEY, resourceId: REGISTRY }),
  ),
  otherRecord({ stage: 'notice', reason: 'breaker-cap', remediationId: 'acr-disable-admin-user' }),
  otherRecord({ stage: 'notice', reason: 'breaker-open', subscriptionId: '00000000-0000-4000-8000-000000000001' }),
  otherRecord({ stage: 'operator', reason: 'reset-asked', remediationId: 'acr-disable-admin-user' }),
  otherRecord({ stage: 'configuration', reason: 'invalid-value', causeId: 'TICKETS_GRACE' }),
];

const { remediationRunId: _run, ...withoutRun } = outcomeRecord();

/** What no event holds, whatever the row says there. */
const FORBIDDEN = [
  'actor',
  'actorType',
  'actorApplication',
  'actorName',
  'approvedBy',
  'correlationId',
  'causeId',
  'evidence',
  'before',
  'after',
  'operations',
  'armRequestIds',
  'timings',
  'error',
] as const;

function eventOf(record: AuditRecord): OwnEvent {
  const event = toOwnEvent(KEY, record);
  if (event === undefined) throw new Error('the row is no event');
  return event;
}

/** The published schema of the events of a type. */
function schemaOf(type: string): z.ZodType {
  const family = eventFamilies.find(({ types }) => Object.hasOwn(types, type));
  const text = readFileSync(join(projectRoot, `docs/events/${family?.id ?? 'none'}.schema.json`), 'utf8');
  return z.fromJSONSchema(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
}

describe('the table of events', () => {
  test('has a type for every sample, and a sample for every type', () => {
    const types = eventFamilies.flatMap(({ types: known }) => Object.keys(known));

    expect(types.length).toBeGreaterThan(15);
    expect(new Set(types).size).toBe(types.length);
    expect([...new Set(samples.map((record) => eventOf(record).type))].toSorted()).toEqual(types.toSorted());
    for (const type of types) expect(type).toMatch(/^dockwarden\.[a-z-]+\.[a-z-]+\.v1$/);
  });

  test('shares no type with the notices of tickets, whose data is another', () => {
    for (const type of eventFamilies.flatMap(({ types }) => Object.keys(types)))
      expect(type.startsWith('dockwarden.ticket.')).toBe(false);
  });

  test.each([
    ['a run that is tried again', outcomeRecord({ outcome: 'retry' })],
    ['an intent', outcomeRecord({ stage: 'intent' })],
    ['the answer to an undo, whose run has an outcome of its own', outcomeRecord({ stage: 'undo', outcome: 'undone' })],
    ['any other decision', outcomeRecord({ stage: 'decision', decision: 'defer' })],
    ['another notice', otherRecord({ stage: 'notice', reason: 'exemption-ending' })],
    ['an event that was given up', otherRecord({ stage: 'notice', reason: 'event-not-published' })],
    ['another request', otherRecord({ stage: 'operator', reason: 'undo-asked' })],
    ['a refused request', otherRecord({ stage: 'operator', reason: 'refused-unknown-breaker' })],
    ['an approval', otherRecord({ stage: 'approval', reason: 'granted' })],
    ['what came in', otherRecord({ stage: 'input', reason: 'poison' })],
    ['a ticket without a step', otherRecord({ stage: 'ticket' })],
    ['a step that is a name of every object', otherRecord({ stage: 'ticket', reason: 'constructor' })],
    ['a row that is called an outcome and has none', otherRecord({ stage: 'outcome' })],
  ])('does not have %s', (_what, record) => {
    expect(isPublished(record)).toBe(false);
    expect(toOwnEvent(KEY, record)).toBeUndefined();
  });

  test('knows no step of a ticket that there is not, and leaves out what is between us and the ticket system', () => {
    const published = ticketEvents.filter((reason) => isPublished(otherRecord({ stage: 'ticket', reason })));

    expect(published).toEqual([
      'ticket-opened',
      'ticket-updated',
      'ticket-resolved',
      'ticket-obsolete',
      'ticket-reopened',
      'ticket-suppressed',
      'ticket-created',
    ]);
  });
});

describe('an event', () => {
  test('says how a run ended', () => {
    expect(eventOf(outcomeRecord())).toEqual({
      specversion: '1.0',
      id: '2026-11-23/0651234567890123456_01KB_outcome',
      source: '/subscriptions/00000000-0000-4000-8000-000000000001/providers/dockwarden',
      type: 'dockwarden.remediation.fixed.v1',
      subject: REGISTRY,
      time: '2026-11-23T10:00:00.000Z',
      datacontenttype: 'application/json',
      data: {
        remediationRunId: '01KAREPZ000000000000000000',
        resourceId: REGISTRY,
        resourceType: 'Microsoft.ContainerRegistry/registries',
        resourceName: 'contosoacr',
        subscriptionId: '00000000-0000-4000-8000-000000000001',
        resourceGroup: 'rg-containers',
        policyId: 'acr-admin-user-disabled',
        remediationId: 'acr-disable-admin-user',
        severity: 'high',
        mode: 'enforce',
        verdict: 'violation',
        decision: 'fix',
        reason: 'verified',
        outcome: 'fixed',
        causeKind: 'event',
        causeTime: '2026-11-23T09:59:55.000Z',
        latencyMs: 5000,
        durationMs: 2500,
        configHash: '0123456789ab',
        version: '0.1.0',
      },
    });
  });

  test.each([
    ['ticket-resolved', 'fixed'],
    ['ticket-obsolete', 'obsolete'],
  ])('says of %s that the ticket is over: %s', (reason, resolution) => {
    const event = eventOf(otherRecord({ stage: 'ticket', reason, ticketKey: TICKET_KEY, resourceId: REGISTRY }));

    expect(event).toMatchObject({ type: 'dockwarden.ticket-record.resolved.v1', data: { resolution } });
  });

  test('about a breaker names its guard, and the subscription where it is one', () => {
    const [remediation, subscription] = samples.filter(({ stage }) => stage === 'notice').map(eventOf);

    expect(remediation).toMatchObject({
      source: '/providers/dockwarden',
      subject: 'remediation/acr-disable-admin-user',
      data: { guard: 'remediation/acr-disable-admin-user', reason: 'breaker-cap' },
    });
    expect(subscription).toMatchObject({
      source: '/subscriptions/00000000-0000-4000-8000-000000000001/providers/dockwarden',
      subject: 'subscription/00000000-0000-4000-8000-000000000001',
    });
  });

  test('about a setting names it, and none of its values', () => {
    const record = otherRecord({
      stage: 'configuration',
      reason: 'invalid-value',
      causeId: 'TICKETS_GRACE',
      error: 'TICKETS_GRACE is "canary"',
    });

    expect(eventOf(record)).toMatchObject({
      subject: 'TICKETS_GRACE',
      data: { setting: 'TICKETS_GRACE', problem: 'invalid-value' },
    });
    expect(JSON.stringify(eventOf(record))).not.toContain('canary');
  });

  test('about a row that somebody has robbed of its resource is about Dockwarden', () => {
    const { resourceId: _id, subscriptionId: _subscription, ...record } = outcomeRecord();

    expect(eventOf(record)).toMatchObject({ subject: 'dockwarden', source: '/providers/dockwarden' });
  });

  test('leaves out a code that is a sentence, and tells the rest', () => {
    const { data } = eventOf(outcomeRecord({ outcome: 'failed', reason: 'The canary said: no' }));

    expect(data).not.toHaveProperty('reason');
    expect(data['outcome']).toBe('failed');
  });

  test.each([
    ['an outcome without a run', withoutRun, 'remediationRunId'],
    ['a ticket without a key', otherRecord({ stage: 'ticket', reason: 'ticket-opened' }), 'ticketKey'],
    ['a breaker without a guard', otherRecord({ stage: 'notice', reason: 'breaker-cap' }), 'guard'],
    ['a row without a time', outcomeRecord({ time: 'soon' }), 'time'],
  ])('cannot be made of %s', (_what, record, column) => {
    const error = z.instanceof(Error).parse(attempt(record));

    expect(isDockwardenError(error, 'INPUT_INVALID_ROW')).toBe(true);
    expect(error.message).toMatch(new RegExp(`^row 2026-11-23/0651234567890123456_01KB_outcome .*: check ${column}$`));
  });

  test.each(samples.map((record) => [eventOf(record).type, record] as const))(
    'of type %s has no column that is nobody’s business, and meets its schema, whatever is in the row',
    (type, sample) => {
      const schema = schemaOf(type);
      const value = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constant('x'.repeat(32_000)),
        fc.string(),
      );
      const columns = fc.record(
        { resourceName: value, resourceGroup: value, policyId: value, mode: value, ticketUrl: value },
        { requiredKeys: [] },
      );
      fc.assert(
        fc.property(columns, fc.string({ minLength: 1 }), (odd, noise) => {
          const canary = `canary-${noise}`;
          const named =
            type === 'dockwarden.configuration.finding.v1' ? FORBIDDEN.filter((name) => name !== 'causeId') : FORBIDDEN;
          const secret = Object.fromEntries(named.map((name) => [name, canary]));
          const event = eventOf({ ...sample, ...odd, ...secret });
          const text = JSON.stringify(event);

          expect(text).not.toContain('canary');
          expect(Buffer.byteLength(text)).toBeLessThan(100_000);
          expect(schema.safeParse(JSON.parse(text)).error).toBeUndefined();
        }),
        { numRuns: 50 },
      );
    },
  );

  test('is made of every row, or refused as one that cannot be told, whatever is in the table', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('quarantine', 'breaker-cap', 'ticket-opened', 'reset-asked', TICKET_KEY),
    );
    const row = fc.record(
      {
        time: text,
        stage: fc.constantFrom(...auditStages),
        outcome: fc.constantFrom(...outcomes),
        reason: text,
        decision: text,
        ticketKey: text,
        remediationRunId: text,
        causeId: text,
        resourceId: text,
      },
      { requiredKeys: ['time', 'stage'] },
    );
    fc.assert(
      fc.property(row, (record) => {
        const result = attempt(record);
        expect(!(result instanceof Error) || isDockwardenError(result, 'INPUT_INVALID_ROW')).toBe(true);
      }),
    );
  });
});

test('the page about publishing has an example that is an event of ours', () => {
  const page = readFileSync(join(projectRoot, 'docs/publishing.md'), 'utf8');
  const example: unknown = JSON.parse(/^```json\n([^]*?)^```/m.exec(page)?.[1] ?? '');
  const ours = eventOf(outcomeRecord());

  expect(schemaOf(ours.type).safeParse(example).error).toBeUndefined();
  const { data, ...envelope } = z.looseObject({ data: z.record(z.string(), z.unknown()) }).parse(example);
  expect(Object.keys(data).toSorted()).toEqual(Object.keys(ours.data).toSorted());
  expect(Object.keys(envelope).toSorted()).toEqual(
    Object.keys(ours)
      .filter((name) => name !== 'data')
      .toSorted(),
  );
});

test('the page about publishing names no type that there is not', () => {
  const page = readFileSync(join(projectRoot, 'docs/publishing.md'), 'utf8');
  const types = [...page.matchAll(/dockwarden\.[a-z-]+\.[a-z-]+\.v1/g)].map(([type]) => type);
  const known = eventFamilies.flatMap((family) => Object.keys(family.types));

  expect(types.length).toBeGreaterThan(3);
  expect(types.filter((type) => !known.includes(type))).toEqual([]);
});

function attempt(record: AuditRecord): unknown {
  try {
    return toOwnEvent(KEY, record);
  } catch (error) {
    return error;
  }
}
