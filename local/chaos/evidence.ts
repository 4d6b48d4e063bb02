import { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { AuditRecord } from '../../src/audit/audit-log.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { FindingRow } from '../../src/findings/table-findings.ts';
import { parseRow } from '../../src/storage/parse-row.ts';
import { createTableStore, type StoredRow } from '../../src/storage/table-store.ts';
import { WorkItem } from '../../src/work/work-items.ts';
import type { RawResource } from '../azure/resource-store.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { Member } from './estate.ts';
import type { Violation } from './guarantees.ts';

/** What the tables hold. A row that cannot be read is an error here: nobody but the product has written any. */
export interface Tables {
  readonly audit: readonly AuditRecord[];
  readonly findings: readonly Finding[];
  readonly work: readonly WorkItem[];
}

const ADMIN_USER = 'acr-admin-user-disabled';
const REQUIRED_TAGS = 'aks-required-tags-present';
/** The policies whose verdict is plain to see in the resource. */
export const JUDGED: readonly string[] = [ADMIN_USER, REQUIRED_TAGS];

export async function readTables(endpoint: string, credential: TokenCredential): Promise<Tables> {
  const read = async <T>(name: string, parse: (row: StoredRow) => T): Promise<readonly T[]> =>
    await Array.fromAsync(createTableStore(new TableClient(endpoint, name, credential)).all(), parse);
  return {
    audit: await read('audit', (row) => parseRow(AuditRecord, row)),
    findings: await read('findings', (row) => parseRow(FindingRow, row)),
    work: await readWork(endpoint, credential),
  };
}

export async function readWork(endpoint: string, credential: TokenCredential): Promise<readonly WorkItem[]> {
  const rows = createTableStore(new TableClient(endpoint, 'work', credential)).all();
  return await Array.fromAsync(rows, ({ columns }) => WorkItem.parse(readJsonCells(columns)));
}

/** Lists and the run are stored as JSON; no other column starts like it. */
function readJsonCells(columns: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [
      name,
      typeof value === 'string' && /^[[{]/.test(value) ? JSON.parse(value) : value,
    ]),
  );
}

/** Violations as they stand in Azure, judged without the product. */
export function findViolations(
  { state }: Pick<AzureSimulator, 'state'>,
  members: readonly Member[],
): readonly Violation[] {
  return members.flatMap(({ id, kind }) => {
    const resource = state.get(id);
    const policyId = kind === 'registry' ? ADMIN_USER : REQUIRED_TAGS;
    return resource !== undefined && isViolated(kind, resource) ? [{ resourceId: id, policyId }] : [];
  });
}

function isViolated(kind: Member['kind'], { properties, tags }: RawResource): boolean {
  if (kind === 'registry') return properties?.['adminUserEnabled'] === true;
  const { owner, costCenter, env } = tags ?? {};
  return owner === undefined || costCenter === undefined || (env !== 'prod' && env !== 'dev');
}
