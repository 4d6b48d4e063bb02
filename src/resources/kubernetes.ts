import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

/** None = absent. Anything that is no text fails the object: it must not look as if nothing were written there. */
const texts = () =>
  z
    .record(z.string(), z.string())
    .nullish()
    .transform((entries) => entries ?? {});

/** A list that may be absent (empty then); a malformed one reads as `instead`. */
function listOf<T extends z.ZodType>(entry: T, instead: z.output<T>[]) {
  return z
    .array(entry)
    .nullish()
    .transform((list) => list ?? [])
    .catch(instead);
}

/** One entry of `spec.taints`. */
const Taint = lenientObject({ key: lenient(z.string()), value: lenient(z.string()), effect: lenient(z.string()) });
export type Taint = z.infer<typeof Taint>;

/**
 * A Kubernetes node (`v1`), only what the detector reads. Root on a node can write the annotations and labels of its own Node object: all of it
 * is untrusted text.
 */
export const KubernetesNode = z.object({
  metadata: z.object({
    name: z.string().max(253),
    uid: z.string().max(64),
    creationTimestamp: lenient(z.string()),
    annotations: texts(),
    labels: texts(),
  }),
  // Taints that cannot be read are one that nothing tolerates: it is not known then what may run on the node.
  spec: lenientObject({ taints: listOf(Taint, [{}]) }),
  status: lenientObject({
    nodeInfo: lenientObject({
      bootID: lenient(z.string()),
      kernelVersion: lenient(z.string()),
      architecture: lenient(z.string()),
    }),
    conditions: z
      .array(
        lenientObject({
          type: lenient(z.string()),
          status: lenient(z.string()),
          lastTransitionTime: lenient(z.string()),
        }),
      )
      .catch([]),
  }),
});
export type KubernetesNode = z.infer<typeof KubernetesNode>;

/** One container of a DaemonSet's pods: where kured's options are. */
const Container = lenientObject({
  image: lenient(z.string()),
  command: z.array(z.string()).catch([]),
  args: z.array(z.string()).catch([]),
  /** An entry with `valueFrom` has a value that is not told here. */
  env: z
    .array(lenientObject({ name: lenient(z.string()), value: lenient(z.string()), valueFrom: z.unknown().optional() }))
    .catch([]),
  /** Whole sets of variables from elsewhere; their names are not told here. */
  envFrom: z.array(z.unknown()).catch([]),
});
export type Container = z.infer<typeof Container>;

const Toleration = lenientObject({
  key: lenient(z.string()),
  operator: lenient(z.string()),
  value: lenient(z.string()),
  effect: lenient(z.string()),
});

/** One condition on the labels of a node. */
const Requirement = lenientObject({
  key: lenient(z.string()),
  operator: lenient(z.string()),
  values: z.array(z.string()).catch([]),
});
export type Requirement = z.infer<typeof Requirement>;

/** As in Kubernetes: any of the terms is enough, none at all matches no node; so does a list that cannot be read. */
const RequiredAffinity = z
  .object({
    nodeSelectorTerms: listOf(
      lenientObject({
        matchExpressions: listOf(Requirement, [{ values: [] }]),
        matchFields: z.array(z.unknown()).catch([]),
      }),
      [],
    ),
  })
  .nullish()
  .catch({ nodeSelectorTerms: [] });

/** Where the pods of a DaemonSet may run. */
const PodSpec = lenientObject({
  containers: z.array(Container).catch([]),
  // A selector that cannot be read selects by a label that no node can have.
  nodeSelector: z
    .record(z.string(), z.string())
    .nullish()
    .transform((labels) => labels ?? {})
    .catch({ '': '' }),
  affinity: lenientObject({
    nodeAffinity: lenientObject({ requiredDuringSchedulingIgnoredDuringExecution: RequiredAffinity }),
  }),
  tolerations: z.array(Toleration).catch([]),
});
export type PodSpec = z.infer<typeof PodSpec>;

/** A Kubernetes DaemonSet (`apps/v1`), only what the detector reads. */
export const DaemonSet = z.object({
  metadata: z.object({
    name: z.string().max(253),
    namespace: lenient(z.string()),
    annotations: texts(),
    creationTimestamp: lenient(z.string()),
    /** Counts the changes of its specification. */
    generation: lenient(z.number()),
  }),
  spec: lenientObject({ template: lenientObject({ spec: PodSpec }) }),
  status: lenientObject({
    desiredNumberScheduled: lenient(z.number()),
    numberReady: lenient(z.number()),
    /** The generation that the other numbers are about. */
    observedGeneration: lenient(z.number()),
    updatedNumberScheduled: lenient(z.number()),
  }),
});
export type DaemonSet = z.infer<typeof DaemonSet>;
