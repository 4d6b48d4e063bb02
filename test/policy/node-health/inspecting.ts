import { clusterOn, nodeHealth } from '../../../src/policy/aks/node-example.ts';
import { type CollectedHealth, detect } from '../../../src/policy/node-health/detect.ts';
import type { Detection, Thresholds } from '../../../src/policy/node-health/detection.ts';
import { toThresholds } from '../../../src/policy/node-health/parameters.ts';
import { ManagedCluster } from '../../../src/resources/managed-cluster.ts';

/** When the examples are judged. */
export const now = new Date('2026-11-02T12:00:00Z');
/** The name of the node of the examples. */
export const nodeName = 'aks-system-25481572-vmss000000';

/** What a test may say of an inspection. */
export interface InspectionExample {
  readonly channel?: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly thresholds?: Partial<Thresholds>;
  readonly now?: Date;
}

/** Runs the detector on the healthy example with some differences. */
export function inspect(health: Partial<CollectedHealth> = {}, example: InspectionExample = {}): Detection {
  const { channel = 'Unmanaged', cluster = {} } = example;
  return detect(
    ManagedCluster.parse(clusterOn(channel, cluster)),
    nodeHealth(health),
    toThresholds(example.thresholds),
    example.now ?? now,
  );
}

/** The verdict on the node of the examples. */
export function judge(health: Partial<CollectedHealth> = {}, example: InspectionExample = {}) {
  const verdict = inspect(health, example).nodes.get(nodeName);
  if (verdict === undefined) throw new Error('there is no such node');
  return verdict;
}
