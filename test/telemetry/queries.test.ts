import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import * as z from 'zod';
import { isAdvice } from '../../src/settings/findings.ts';
import { type MetricDefinition, metrics } from '../../src/telemetry/metrics.ts';
import { projectRoot } from '../architecture/sources.ts';
import { findQueryProblems } from './check-query.ts';

function read(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

const Rule = z.strictObject({
  name: z.string().regex(/^[a-z-]{1,40}$/),
  title: z.string(),
  severity: z.int().min(0).max(4),
  description: z.string().max(1024),
  table: z.string(),
  query: z.array(z.string()),
  operator: z.enum(['GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual', 'Equals']),
  threshold: z.number(),
  // Some of what Azure accepts.
  windowSize: z.enum(['PT15M', 'PT30M', 'PT1H', 'PT6H', 'P1D', 'P2D']),
  frequency: z.enum(['PT5M', 'PT10M', 'PT15M', 'PT30M', 'PT1H']),
});
const rules = z.array(Rule).parse(JSON.parse(read('infra/operating/alert-rules.data.json')));

const Item = z.object({
  type: z.number(),
  name: z.string(),
  content: z.object({
    query: z.string().optional(),
    title: z.string().optional(),
    timeContextFromParameter: z.string().optional(),
    timeContext: z.object({ durationMs: z.number() }).optional(),
    gridSettings: z.object({ labelSettings: z.array(z.object({ columnId: z.string() })) }).optional(),
  }),
});
const { items } = z.object({ items: z.array(Item) }).parse(JSON.parse(read('infra/operating/workbook.data.json')));
const queries = items.flatMap(({ name, content: { query, ...content } }) =>
  query === undefined ? [] : [{ ...content, name, query }],
);

const MINUTES: Readonly<Record<string, number>> = {
  PT5M: 5,
  PT10M: 10,
  PT15M: 15,
  PT30M: 30,
  PT1H: 60,
  PT6H: 360,
  P1D: 1440,
  P2D: 2880,
};

/** As alert-rules.bicep puts it together. */
function queryOf({ table, query }: z.infer<typeof Rule>): string {
  return [table, "where _ResourceId =~ '/subscriptions/x'", ...query].join('\n| ');
}

/** Headings of a page, as GitHub makes anchors of them. */
function anchorsOf(page: string): string[] {
  const headings = page.matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(rules)('alert rule $name', (rule) => {
  test('asks for what is measured', () => {
    expect(findQueryProblems(queryOf(rule))).toEqual([]);
    expect(rule.query.join()).toMatch(/\bValue = /);
  });

  test('says what to do, and where that is explained', () => {
    const [, anchor] = /See docs\/operating\.md#([\w-]+)$/.exec(rule.description) ?? [];

    expect(anchorsOf(read('docs/operating.md'))).toContain(anchor);
    expect(rule.description.length).toBeGreaterThan(100);
  });

  test('looks further back than to where it last looked: values come in some minutes late', () => {
    expect(MINUTES[rule.windowSize]).toBeGreaterThan(MINUTES[rule.frequency] ?? Infinity);
  });
});

test('a setting with a former name is no alarm: nothing is wrong yet', () => {
  const { query = [] } = rules.find(({ name }) => name === 'configuration-finding') ?? {};
  const advice = { setting: 'X', problem: 'former-name', message: '' } as const;

  expect(isAdvice(advice)).toBe(true);
  expect(query).toContain(`where tostring(Properties['problem']) != '${advice.problem}'`);
});

test('every rule has a name of its own', () => {
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
  expect(rules.length).toBeGreaterThan(8);
});

describe.each(queries)('the workbook: $name', ({ query, gridSettings, timeContext, timeContextFromParameter }) => {
  test('asks for what is measured or logged', () => {
    expect(findQueryProblems(query)).toEqual([]);
  });

  test('looks at the time range, or at one of its own', () => {
    expect(timeContextFromParameter ?? timeContext?.durationMs).toBeOneOf(['TimeRange', 172_800_000, 2_592_000_000]);
  });

  test('names the columns that it labels', () => {
    const labelled = gridSettings?.labelSettings.map(({ columnId }) => columnId) ?? [];

    expect(labelled.filter((name) => !new RegExp(`\\b${name}\\b`).test(query))).toEqual([]);
  });
});

describe('the workbook', () => {
  it('shows the metrics and rows that it is asked for', () => {
    expect(queries.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'changes',
        'failures',
        'approvals',
        'quarantines',
        'tickets',
        'breakers',
        'configuration',
        'throttling',
        'latency',
      ]),
    );
  });

  it('is of the form that Azure Monitor documents', () => {
    expect(JSON.parse(read('infra/operating/workbook.data.json'))).toMatchObject({
      version: 'Notebook/1.0',
      $schema: 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json',
    });
  });

  it('leaves nothing to be replaced but what its template replaces', () => {
    const template = read('infra/operating/workbook.bicep');
    const places = new Set(read('infra/operating/workbook.data.json').match(/__\w+__/g));

    expect(places.size).toBe(2);
    expect([...places].filter((place) => !template.includes(`'${place}'`))).toEqual([]);
  });
});

describe('a query that is wrong is found:', () => {
  const planted: readonly (readonly [query: string, problem: string])[] = [
    [
      "AppMetrics\n| where Name == 'dockwarden.outcome'\n| summarize Value = sum(Sum)",
      'there is no metric dockwarden.outcome',
    ],
    ['AppMetrics\n| summarize Value = sum(Sum)', 'it does not name one metric'],
    [
      "AppMetrics\n| where Name == 'dockwarden.outcomes'\n| summarize Value = sum(Sum) by tostring(Properties['result'])",
      'dockwarden.outcomes has no attribute result',
    ],
    [
      "AppMetrics\n| where Name == 'dockwarden.outcomes'\n| summarize Value = sum(Summ)",
      "The name 'Summ' does not refer to any known column, table, variable or function.",
    ],
    [
      "AppMetrics\n| where Name == 'dockwarden.outcomes'\n| summarize Value = sum(value)",
      "The name 'value' does not refer to any known column, table, variable or function.",
    ],
    [
      "AppMetrics\n| where Name == 'dockwarden.messages.kept'\n| summarize Value = sum(Sum)",
      'dockwarden.messages.kept is a gauge: its values are not added up',
    ],
    [
      'customMetrics\n| summarize Value = count()',
      "The name 'customMetrics' does not refer to any known table, tabular variable or function.",
    ],
    [
      'AppTraces\n| extend row = parse_json(Message)\n| project X = row.actor',
      'the log line of an audit row has no actor',
    ],
    [
      "AppTraces\n| extend Outcome = tostring(Message)\n| where Outcome in ('fixed', 'repaired')",
      'Outcome is never repaired',
    ],
    ["AppRequests\n| where OperationName == 'healthy'", 'OperationName is never healthy'],
    ['AppTraces\n| sumarize Value = count()', 'Query operator expected.'],
    ["AppTraces\n| where Message == 'ticket-lost'", 'no ticket takes the step ticket-lost'],
  ];

  it.each(planted)('%s', (query, problem) => {
    expect(findQueryProblems(query)).toContain(problem);
  });
});

describe('docs/telemetry.md', () => {
  const page = read('docs/telemetry.md');

  it.each(Object.values<MetricDefinition>(metrics))(
    'describes $name as it is',
    ({ name, kind, unit, description, attributes }) => {
      const told = Object.entries(attributes).map(([attribute, meaning]) => `\`${attribute}\`: ${meaning}`);
      const row = [`\`${name}\``, kind, `\`${unit}\``, description, told.length === 0 ? '–' : told.join(' · ')].join(
        ' | ',
      );

      expect(page.replaceAll(/ +/g, ' ')).toContain(`| ${row} |`);
    },
  );

  it('shows queries that work', () => {
    const [, query = ''] = /```kusto\n([^`]*)```/.exec(page) ?? [];

    expect(query).toContain('audit');
    expect(findQueryProblems(query)).toEqual([]);
  });

  it('names no other metric, and every alert rule', () => {
    const names = new Set<string>(Object.values<MetricDefinition>(metrics).map(({ name }) => name));
    const named = [...page.matchAll(/`(dockwarden\.[a-z_.]+)`/g)].map(([, name = '']) => name);

    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((name) => !names.has(name))).toEqual([]);
    expect(rules.map(({ name }) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
