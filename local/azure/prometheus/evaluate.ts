import type { RebootSeries } from '../kubernetes/reboot-series.ts';
import type { Expression, Matcher, Selector } from './promql.ts';

/** The recorded metric of one cluster. */
export interface RecordedCluster {
  /** Value of the label `cluster`. */
  readonly name: string;
  readonly series: RebootSeries;
}

/** One element of an instant vector. */
export interface Element {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const METRIC = 'kured_reboot_required';

/** Evaluates an expression at an instant (milliseconds) from what was recorded. */
export function evaluatePromql(
  expression: Expression,
  clusters: readonly RecordedCluster[],
  at: number,
): readonly Element[] {
  switch (expression.kind) {
    case 'selector':
      return select(expression, clusters, (series, node) => series.valueAt(node, at - expression.offsetMs));
    case 'over-time': {
      const { pick, selector } = expression;
      const to = at - selector.offsetMs;
      const elements = select(selector, clusters, (series, node) => {
        const values = series.stretches(node, to - (selector.rangeMs ?? 0), to).map(({ value }) => value);
        return values.length === 0 ? undefined : Math[pick](...values);
      });
      return elements.map(({ labels, value }) => ({ labels: pickLabels(labels, ['cluster', 'node']), value }));
    }
    case 'aggregate':
      return aggregate(evaluatePromql(expression.of, clusters, at), expression.by, Math[expression.pick]);
    case 'filter': {
      const holds = COMPARE[expression.operator] ?? (() => false);
      return evaluatePromql(expression.of, clusters, at).filter(({ value }) => holds(value, expression.value));
    }
    case 'and': {
      const { on } = expression;
      const found = new Set(evaluatePromql(expression.right, clusters, at).map(({ labels }) => keyOf(labels, on)));
      return evaluatePromql(expression.left, clusters, at).filter(({ labels }) => found.has(keyOf(labels, on)));
    }
  }
}

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

function select(
  { matchers, metric }: Selector,
  clusters: readonly RecordedCluster[],
  read: (series: RebootSeries, node: string) => number | undefined,
): readonly Element[] {
  if (metric !== METRIC) return [];
  return clusters.flatMap(({ name, series }) =>
    series.nodes().flatMap((node) => {
      const labels: Readonly<Record<string, string>> = { __name__: METRIC, cluster: name, node };
      if (!matchers.every((matcher) => matches(matcher, labels[matcher.label] ?? ''))) return [];
      const value = read(series, node);
      return value === undefined ? [] : [{ labels, value }];
    }),
  );
}

function matches({ operator, value }: Matcher, label: string): boolean {
  switch (operator) {
    case '=':
      return label === value;
    case '!=':
      return label !== value;
    case '=~':
      return new RegExp(`^(?:${value})$`, 's').test(label);
    case '!~':
      return !new RegExp(`^(?:${value})$`, 's').test(label);
  }
}

function aggregate(
  elements: readonly Element[],
  by: readonly string[],
  pick: (...values: number[]) => number,
): readonly Element[] {
  const groups = Map.groupBy(elements, ({ labels }) => keyOf(labels, by));
  return [...groups.values()].map((group) => {
    return { labels: pickLabels(group[0]?.labels ?? {}, by), value: pick(...group.map(({ value }) => value)) };
  });
}

function pickLabels(labels: Readonly<Record<string, string>>, names: readonly string[]): Element['labels'] {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => names.includes(label)));
}

function keyOf(labels: Readonly<Record<string, string>>, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => labels[name] ?? ''));
}
