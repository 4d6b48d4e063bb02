import { auditStages, outcomes } from '../../src/audit/audit-log.ts';
import { ticketEvents } from '../../src/engine/tickets/life-cycle.ts';
import { decisionNames } from '../../src/findings/findings.ts';
import { functionNames } from '../../src/functions/health.ts';
import { auditLineFields } from '../../src/telemetry/audit-line.ts';
import { type MetricDefinition, metrics } from '../../src/telemetry/metrics.ts';
import { analyze } from './kusto.ts';

/** What a comparison with a word of ours may name, by the column that a query keeps it in. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  Stage: [...auditStages, 'total'],
  Outcome: outcomes,
  Decision: [...decisionNames, 'none'],
  OperationName: functionNames,
};

const known: ReadonlyMap<string, MetricDefinition> = new Map(
  Object.values<MetricDefinition>(metrics).map((metric) => [metric.name, metric]),
);

/** What is wrong with a query, or names what does not exist: one sentence each. */
export function findQueryProblems(query: string): string[] {
  return [
    ...analyze(query),
    ...findUnknownFields(query),
    ...(query.startsWith('AppMetrics') ? findMetricProblems(query) : []),
    ...findUnknownValues(query),
  ];
}

function findUnknownFields(query: string): string[] {
  const fields = new Set<string>(Object.values(auditLineFields));
  return [...query.matchAll(/\brow\.(\w+)/g)]
    .map(([, field = '']) => field)
    .filter((field) => !fields.has(field))
    .map((field) => `the log line of an audit row has no ${field}`);
}

function findMetricProblems(query: string): string[] {
  const names = [...query.matchAll(/Name == '([^']*)'/g)].map(([, name = '']) => name);
  if (names.length !== 1) return ['it does not name one metric'];
  const metric = known.get(names[0] ?? '');
  if (metric === undefined) return [`there is no metric ${names[0]}`];
  const attributes = [...query.matchAll(/Properties\['([^']*)'\]/g)].map(([, name = '']) => name);
  const isSummed = /\bsum(?:if)?\(Sum/.test(query) && !query.includes('arg_max(');
  return [
    ...attributes
      .filter((name) => !(name in metric.attributes))
      .map((name) => `${metric.name} has no attribute ${name}`),
    ...(metric.kind === 'gauge' && isSummed ? [`${metric.name} is a gauge: its values are not added up`] : []),
  ];
}

/** Words that are compared with a stage, an outcome, a decision, a function or a step of a ticket, and that none has. */
function findUnknownValues(query: string): string[] {
  const comparisons = [
    ...query.matchAll(/\b(Stage|Outcome|Decision|OperationName) (?:==|!=|in|!in) (\([^)]*\)|'[^']*')/g),
  ];
  const unknown = comparisons.flatMap(([, column = '', text = '']) =>
    wordsOf(text)
      .filter((word) => !(VALUES[column] ?? []).includes(word))
      .map((word) => `${column} is never ${word}`),
  );
  const steps = new Set<string>(ticketEvents);
  const tickets = wordsOf(query).filter((word) => word.startsWith('ticket-') && !steps.has(word));
  return [...unknown, ...tickets.map((word) => `no ticket takes the step ${word}`)];
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/'([^']*)'/g)].map(([, word = '']) => word);
}
