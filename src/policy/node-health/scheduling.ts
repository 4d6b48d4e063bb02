import type { KubernetesNode, PodSpec, Requirement, Taint } from '../../resources/kubernetes.ts';

/** Taints that every DaemonSet tolerates, or that pass by themselves. */
const PASSING =
  /^node\.kubernetes\.io\/(?:not-ready|unreachable|(?:memory|disk|pid)-pressure|unschedulable|network-unavailable)$/;

/** May a pod run on the node? Only what is known to match counts: `false` also where that cannot be told. */
export function canRunOn(pod: PodSpec, { metadata: { labels }, spec: { taints } }: KubernetesNode): boolean {
  const required = pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? undefined;
  return (
    Object.entries(pod.nodeSelector).every(([key, value]) => lookUp(labels, key) === value) &&
    (required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, labels))) &&
    taints.every((taint) => isTolerated(taint, pod.tolerations))
  );
}

/** The value of a key that may be any text, such as `constructor`. */
export function lookUp(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

type Term = NonNullable<
  PodSpec['affinity']['nodeAffinity']['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];

/** A term without conditions matches no node; conditions on fields of the node are not read. */
function matchesTerm({ matchExpressions, matchFields }: Term, labels: Readonly<Record<string, string>>): boolean {
  if (matchExpressions.length === 0 || matchFields.length > 0) return false;
  return matchExpressions.every((requirement) => matches(requirement, labels));
}

function matches({ key = '', operator, values }: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = lookUp(labels, key);
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  if (operator === 'Exists') return value !== undefined;
  return operator === 'DoesNotExist' && value === undefined;
}

function isTolerated(taint: Taint, tolerations: PodSpec['tolerations']): boolean {
  if (taint.effect === 'PreferNoSchedule' || PASSING.test(taint.key ?? '')) return true;
  return tolerations.some(({ key = '', operator = 'Equal', value = '', effect = '' }) => {
    if (effect !== '' && effect !== taint.effect) return false;
    if (operator === 'Exists') return key === '' || key === taint.key;
    return operator === 'Equal' && key === taint.key && value === (taint.value ?? '');
  });
}
