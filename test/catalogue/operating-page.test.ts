import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { AuditRecord, outcomes } from '../../src/audit/audit-log.ts';
import { ticketEvents } from '../../src/engine/tickets/life-cycle.ts';
import { decisionNames, Finding } from '../../src/findings/findings.ts';
import { healthCodes } from '../../src/health/reasons.ts';
import { InspectionRecord } from '../../src/nodes/node-history.ts';
import { COVERAGE_REASONS } from '../../src/policy/node-health/detection.ts';
import { Ticket, ticketStates } from '../../src/tickets/ticket.ts';
import { toTicketEvent } from '../../src/tickets/webhook-event.ts';
import { WorkItem } from '../../src/work/work-items.ts';
import { projectRoot } from '../architecture/sources.ts';
import { notice } from '../tickets/webhook-notice.ts';

/** These pages are written by hand; what they list has to be what the code has, in both directions. */
const operating = readPage('operating.md');
const tickets = readPage('tickets.md');
const webhook = readPage('tickets/webhook.md');
const nodeReboots = readPage('node-reboots.md');

function readPage(path: string): string {
  return readFileSync(join(projectRoot, 'docs', path), 'utf8');
}

function readSource(path: string): string {
  return readFileSync(join(projectRoot, 'src', path), 'utf8');
}

/** What is between quotes in the first match of a pattern with one group. */
function listQuoted(path: string, pattern: RegExp): readonly string[] {
  const text = pattern.exec(readSource(path))?.[1] ?? '';
  return [...text.matchAll(/'([^']+)'/g)].map(([, code]) => code ?? '');
}

const errorCodes = listQuoted('errors.ts', /export type ErrorCode =([^;]*);/);
const ticketErrorKinds = listQuoted('tickets/ticket-system.ts', /export type TicketErrorKind =([^]*?);\n\n/);
const nodeColumns = [
  ...(/const NodeRow = z\.object\(\{([^}]*)\}/
    .exec(readSource('nodes/table-node-history.ts'))?.[1]
    ?.matchAll(/^ {2}(\w+):/gm) ?? []),
].map(([, column]) => column ?? '');
const bases = [
  ...(/const STRENGTHS[^{]*\{([^}]*)\}/
    .exec(readSource('policy/node-health/detection.ts'))?.[1]
    ?.matchAll(/^ {2}'?([a-z-]+)'?:/gm) ?? []),
].map(([, basis]) => basis ?? '');

/** Every `code` in the first column of the tables of one section. */
function readFirstColumn(page: string, heading: string, table = 0): string[] {
  const section = page.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n\n').filter((block) => block.startsWith('|'))[table] ?? '';
  return rows
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''));
}

interface Section {
  readonly page: string;
  readonly heading: string;
  /** Which of its tables; default the first. */
  readonly table?: number;
  readonly listed: readonly string[];
  readonly atLeast: number;
}

const sections: readonly Section[] = [
  { page: operating, heading: 'Error codes', listed: errorCodes, atLeast: 15 },
  { page: operating, heading: 'Health', listed: healthCodes, atLeast: 15 },
  { page: operating, heading: 'Outcomes', listed: outcomes, atLeast: 10 },
  { page: operating, heading: 'Decisions', listed: decisionNames, atLeast: 6 },
  { page: operating, heading: '`audit`', listed: Object.keys(AuditRecord.shape), atLeast: 30 },
  { page: operating, heading: '`findings`', listed: Object.keys(Finding.shape), atLeast: 15 },
  { page: operating, heading: '`work`', listed: Object.keys(WorkItem.shape), atLeast: 10 },
  { page: operating, heading: '`tickets`', listed: Object.keys(Ticket.shape), atLeast: 40 },
  { page: operating, heading: '`nodes`', listed: nodeColumns, atLeast: 10 },
  { page: operating, heading: '`nodes`', table: 1, listed: Object.keys(InspectionRecord.shape), atLeast: 5 },
  { page: tickets, heading: 'The life of a ticket', listed: ticketStates, atLeast: 5 },
  { page: tickets, heading: 'Kinds of errors', listed: ticketErrorKinds, atLeast: 7 },
  {
    page: tickets,
    heading: 'Following one from detection to closing',
    listed: ticketEvents,
    atLeast: 15,
  },
  {
    page: nodeReboots,
    heading: 'Strength of the evidence',
    listed: bases.filter((basis) => basis !== 'none'),
    atLeast: 10,
  },
  { page: nodeReboots, heading: 'Coverage', listed: COVERAGE_REASONS, atLeast: 15 },
];

describe.each(sections)('section $heading', ({ page, heading, table = 0, listed, atLeast }) => {
  test('lists what the code has, and nothing else', () => {
    expect(listed.length).toBeGreaterThanOrEqual(atLeast);
    expect(readFirstColumn(page, heading, table).toSorted()).toEqual(listed.toSorted());
  });
});

test('every reason of a decision is explained', () => {
  const reasons = [...readSource('engine/decide.ts').matchAll(/reason: '([a-z-]+)'/g)].map(
    ([, reason]) => reason ?? '',
  );

  expect(reasons.length).toBeGreaterThan(7);
  expect(reasons.filter((reason) => !readFirstColumn(operating, 'Decisions', 1).includes(reason))).toEqual([]);
});

/** Code blocks of one language. */
function listBlocks(page: string, language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code ?? '');
}

/** What the example exports. */
const Receiver = z.object({
  isGenuine: z.custom<(header: string | undefined, body: string, secret: string, now: Date) => boolean>(
    (value) => typeof value === 'function',
  ),
});

describe('the page about webhooks', () => {
  const [example, schema, workflow] = listBlocks(webhook, 'json').map((text): unknown => JSON.parse(text));
  const Data = z.fromJSONSchema(z.record(z.string(), z.unknown()).parse(schema));

  test('has a schema that every event meets', () => {
    const events = (['opened', 'updated', 'resolved', 'reopened', 'suppressed'] as const).map((change) =>
      toTicketEvent(notice({ change, confidence: 'certain', resolution: 'fixed' })),
    );

    for (const { data } of events) expect(Data.parse(data)).toEqual(data);
  });

  test('has a schema that names every member, and refuses what is none of ours', () => {
    const { data } = toTicketEvent(notice({ confidence: 'likely', resolution: 'gone' }));
    const { properties } = z.object({ properties: z.record(z.string(), z.unknown()) }).parse(schema);

    expect(Object.keys(properties).toSorted()).toEqual(Object.keys(data).toSorted());
    for (const change of [{ ticketKey: 'dw-1' }, { sequence: 0 }, { state: 'pending' }, { items: [1] }, { title: '' }])
      expect(Data.safeParse({ ...data, ...change }).success).toBe(false);
  });

  test('has an example that meets its schema and has the attributes of an event', () => {
    const event = z.looseObject({ data: z.unknown() }).parse(example);

    expect(Data.safeParse(event.data).success).toBe(true);
    expect(Object.keys(event).toSorted()).toEqual(Object.keys(toTicketEvent(notice())).toSorted());
  });

  test('has a workflow whose actions wait for actions that are there', () => {
    const { actions } = z
      .object({ actions: z.record(z.string(), z.object({ runAfter: z.record(z.string(), z.array(z.string())) })) })
      .parse(workflow);
    const awaited = Object.values(actions).flatMap(({ runAfter }) => Object.keys(runAfter));

    expect(awaited.length).toBe(Object.keys(actions).length - 1);
    expect(awaited.filter((name) => actions[name] === undefined)).toEqual([]);
  });

  test('has example code that believes a signature, and no other', async () => {
    const [code = ''] = listBlocks(webhook, 'js');
    const module: unknown = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    const { isGenuine } = Receiver.parse(module);
    const now = new Date('2026-08-20T12:00:05Z');
    const seconds = now.getTime() / 1000;
    const sign = (body: string, secret: string) =>
      createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
    const header = `t=${seconds},v1=${sign('{}', 'right')}`;
    const later = new Date(now.getTime() + 301_000);

    expect(isGenuine(header, '{}', 'right', now)).toBe(true);
    expect(isGenuine(header, '{} ', 'right', now)).toBe(false);
    expect(isGenuine(header, '{}', 'wrong', now)).toBe(false);
    expect(isGenuine(header, '{}', 'right', later)).toBe(false);
    expect(isGenuine(undefined, '{}', 'right', now)).toBe(false);
  });
});
