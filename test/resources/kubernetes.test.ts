import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DaemonSet, KubernetesNode } from '../../src/resources/kubernetes.ts';

test('a node without anything but its name and uid reads as one that says nothing', () => {
  expect(KubernetesNode.parse({ metadata: { name: 'n', uid: 'u' } })).toEqual({
    metadata: { name: 'n', uid: 'u', annotations: {}, labels: {} },
    spec: { taints: [] },
    status: { nodeInfo: {}, conditions: [] },
  });
});

const taintsOf = (spec: unknown) => KubernetesNode.parse({ metadata: { name: 'n', uid: 'u' }, spec }).spec.taints;

test('taints that cannot be read are one that nothing tolerates', () => {
  expect([taintsOf({}), taintsOf({ taints: null }), taintsOf({ taints: [] })]).toEqual([[], [], []]);
  expect([taintsOf({ taints: 'none' }), taintsOf({ taints: [7] })]).toEqual([[{}], [{}]]);
  expect(taintsOf({ taints: [{ key: 'k', value: 'v', effect: 'NoSchedule', timeAdded: 'x' }] })).toEqual([
    { key: 'k', value: 'v', effect: 'NoSchedule' },
  ]);
});

test('a DaemonSet without anything but its name reads as one that runs nothing', () => {
  expect(DaemonSet.parse({ metadata: { name: 'd' } })).toEqual({
    metadata: { name: 'd', annotations: {} },
    spec: {
      template: { spec: { containers: [], nodeSelector: {}, affinity: { nodeAffinity: {} }, tolerations: [] } },
    },
    status: {},
  });
});

const podOf = (spec: unknown) =>
  DaemonSet.parse({ metadata: { name: 'd' }, spec: { template: { spec } } }).spec.template.spec;

test('where its pods may run is never read wider than it is written', () => {
  const required = (value: unknown) =>
    podOf({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: value } } }).affinity
      .nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;

  expect(podOf({ nodeSelector: 7 }).nodeSelector).toEqual({ '': '' });
  expect([required(undefined), required(null)]).toEqual([undefined, null]);
  expect([required('x'), required({}), required({ nodeSelectorTerms: 7 })]).toEqual([
    { nodeSelectorTerms: [] },
    { nodeSelectorTerms: [] },
    { nodeSelectorTerms: [] },
  ]);
  expect(required({ nodeSelectorTerms: [7, { matchExpressions: 7 }] })).toEqual({
    nodeSelectorTerms: [
      { matchExpressions: [], matchFields: [] },
      { matchExpressions: [{ values: [] }], matchFields: [] },
    ],
  });
});

test('variables are read with their values, and told from those of elsewhere', () => {
  const env = [{ name: 'A', value: '1' }, { name: 'B', valueFrom: { fieldRef: {} } }, { name: 'C' }, 7];
  const [container] = DaemonSet.parse({
    metadata: { name: 'd' },
    spec: { template: { spec: { containers: [{ env, envFrom: [{ configMapRef: { name: 'x' } }] }] } } },
  }).spec.template.spec.containers;

  expect(container).toEqual({
    command: [],
    args: [],
    env: [{ name: 'A', value: '1' }, { name: 'B', valueFrom: { fieldRef: {} } }, { name: 'C' }, {}],
    envFrom: [{ configMapRef: { name: 'x' } }],
  });
});

test('no reader throws on anything else that has a name and texts', () => {
  const names: string[] = [];
  const texts = fc.option(fc.dictionary(fc.string(), fc.string()));
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), texts, (spec, status, labels) => {
      const metadata = { name: 'n', uid: 'u', labels, annotations: labels };
      names.push(KubernetesNode.parse({ metadata, spec, status }).metadata.name);
      names.push(DaemonSet.parse({ metadata, spec: { template: { spec } }, status }).metadata.name);
    }),
  );

  expect(new Set(names)).toEqual(new Set(['n']));
});

test.each([
  ['a list', ['a']],
  ['a text', 'a'],
  ['a value that is no text', { a: 1 }],
  ['a key with nothing', { a: null }],
])('labels and annotations that are %s are refused: they must not look like none', (_, texts) => {
  const metadata = { name: 'n', uid: 'u' };

  expect(KubernetesNode.safeParse({ metadata: { ...metadata, labels: texts } }).success).toBe(false);
  expect(KubernetesNode.safeParse({ metadata: { ...metadata, annotations: texts } }).success).toBe(false);
  expect(DaemonSet.safeParse({ metadata: { ...metadata, annotations: texts } }).success).toBe(false);
});
