import { TableClient } from '@azure/data-tables';
import type { Finding } from '../../src/findings/findings.ts';
import { createTableFindings } from '../../src/findings/table-findings.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { createTableStore, type PrunableTableStore } from '../../src/storage/table-store.ts';
import { createTableWorkItems } from '../../src/work/table-work-items.ts';
import type { WorkItem } from '../../src/work/work-items.ts';
import type { LocalEnvironment } from '../environment.ts';

/** What the app has found out about a policy of a resource. */
export async function readFinding(
  environment: LocalEnvironment,
  resourceId: string,
  policyId: string,
): Promise<Finding | undefined> {
  const findings = await createTableFindings(openTable(environment, 'findings')).ofResource(
    parseResourceId(resourceId),
  );
  return findings.find(({ item }) => item.policyId === policyId)?.item;
}

/** What the app has done with a resource lately, and what it is still to do. */
export async function readWork(environment: LocalEnvironment, resourceId: string): Promise<WorkItem | undefined> {
  return (await createTableWorkItems(openTable(environment, 'work')).get(parseResourceId(resourceId)))?.item;
}

/** A table of the app, read as the operator. */
export function openTable({ simulator, storage }: LocalEnvironment, name: string): PrunableTableStore {
  return createTableStore(new TableClient(storage.table, name, simulator.credential('operator')));
}
