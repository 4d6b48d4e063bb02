import { expect, it } from 'vitest';
import { queryAlerts } from '../../src/azure/defender.ts';
import { queryImageFindings } from '../../src/azure/image-findings.ts';
import { findKeyUsers, rotateKey, setKeyRotationPolicy } from '../../src/azure/key-vault.ts';
import { readClusterNodes } from '../../src/azure/kubernetes.ts';
import { rotateAndStorePassword } from '../../src/azure/password-rotation.ts';
import { queryRebootMetrics } from '../../src/azure/prometheus.ts';
import { queryResources } from '../../src/azure/resources.ts';
import { runNodeCommand } from '../../src/azure/run-command.ts';
import { queryUpgradeFailures } from '../../src/azure/upgrade-failures.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { LOOP_READS } from './azure-harness.ts';
import { samples } from './operation-samples.ts';

/** Those that do not fit the form of the samples: the tests beside this one that are named after them call them. */
const others = [
  queryResources,
  queryUpgradeFailures,
  readClusterNodes,
  queryRebootMetrics,
  runNodeCommand,
  queryAlerts,
  queryImageFindings,
  findKeyUsers,
  setKeyRotationPolicy,
  rotateKey,
  rotateAndStorePassword,
];

it('every operation that the product declares is called here', () => {
  const declared = [...LOOP_READS, ...remediations.flatMap(({ uses }) => Object.values(uses))];

  expect(new Set([...samples.map(({ operation }) => operation.id), ...others.map(({ id }) => id)])).toEqual(
    new Set(declared.map(({ id }) => id)),
  );
});

it('every operation of the loop says what it needs, and data actions only where a service checks them by itself', () => {
  const silent = LOOP_READS.filter(({ actions, dataActions = [] }) => actions.length + dataActions.length === 0);
  const ofData = LOOP_READS.filter(({ dataActions = [] }) => dataActions.length > 0);

  expect(silent).toEqual([]);
  expect(new Set(ofData.map(({ id }) => id))).toEqual(new Set([readClusterNodes.id, queryRebootMetrics.id]));
});
