import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

const texts = () => z.record(z.string(), z.string()).catch({});

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
  spec: lenientObject({ taints: z.array(Taint).catch([]) }),
  status: lenientObject({
    nodeInfo: lenientObject({ bootID: lenient(z.string()), kernelVersion: lenient(z.string()) }),
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
  env: z.array(lenientObject({ name: lenient(z.string()), value: lenient(z.string()) })).catch([]),
});

/** A Kubernetes DaemonSet (`apps/v1`), only what the detector reads. */
export const DaemonSet = z.object({
  metadata: z.object({ name: z.string().max(253), namespace: lenient(z.string()), annotations: texts() }),
  spec: lenientObject({
    template: lenientObject({
      spec: lenientObject({
        containers: z.array(Container).catch([]),
        nodeSelector: texts(),
        tolerations: z
          .array(
            lenientObject({
              key: lenient(z.string()),
              operator: lenient(z.string()),
              value: lenient(z.string()),
              effect: lenient(z.string()),
            }),
          )
          .catch([]),
      }),
    }),
  }),
  status: lenientObject({
    desiredNumberScheduled: lenient(z.number()),
    numberReady: lenient(z.number()),
  }),
});
export type DaemonSet = z.infer<typeof DaemonSet>;
