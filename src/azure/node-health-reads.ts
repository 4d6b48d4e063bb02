import { readClusterCredentials } from './kubeconfig.ts';
import { readClusterNodes } from './kubernetes.ts';
import { listPoolMachines, readLatestNodeImage, readNodeOsMaintenance } from './node-upgrades.ts';
import type { Read } from './operation.ts';
import { queryRebootMetrics } from './prometheus.ts';
import { queryUpgradeFailures } from './upgrade-failures.ts';

/** What the detector of missed node reboots reads besides the cluster and its agent pools. `runNodeCommand` is not among them: it is opt-in. */
export const nodeHealthReads: readonly Read[] = [
  readLatestNodeImage,
  readNodeOsMaintenance,
  listPoolMachines,
  readClusterCredentials,
  readClusterNodes,
  queryRebootMetrics,
  queryUpgradeFailures,
];
