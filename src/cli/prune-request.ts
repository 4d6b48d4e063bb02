import { parseResourceId } from '../resources/resource-id.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';
import type { PrunableTableStore, TableStore } from '../storage/table-store.ts';
import type { OpenRun } from '../work/work-items.ts';

export const prunedTables = ['audit', 'findings', 'tickets'] as const;
export type PrunedTable = (typeof prunedTables)[number];

/** The tables with everything that may be done to them. Only the command line has them: the app's own store of the audit cannot delete. */
export type PrunableTables = Readonly<Record<PrunedTable | 'work', PrunableTableStore>> & {
  readonly guards: Pick<TableStore, 'get'>;
};

/** A run that is not over, with what it is about. */
export interface RunInProgress extends Pick<OpenRun, 'runId' | 'policyId'> {
  /** In lower case. */
  readonly resourceId: string;
}

export interface PruneRequest {
  readonly table: PrunedTable;
  /** Rows that nothing has been written to since then are old. */
  readonly before: Date;
  /** False = only counted. */
  readonly isForReal: boolean;
  readonly now: Date;
  /** For the row in the audit that tells of it. */
  readonly newId: (time: Date) => string;
  readonly version: string;
  /** Hears how far it is. */
  readonly tell: (text: string) => void;
  readonly onInvalid: OnInvalidRow;
}

/** What goes, or would go: one line for each day, subscription or policy. */
export interface PrunedPart {
  /** A day of the audit; a subscription of findings; a policy of tickets. */
  readonly part: string;
  /** Old rows that go … */
  readonly rows: number;
  /** … and those that stay because they are still needed. */
  readonly kept: number;
}

/** The id in the form in which runs are compared; of a type that is not covered any more as it stands. */
export function resourceKey(resourceId: string): string {
  try {
    return parseResourceId(resourceId).key;
  } catch {
    return resourceId.toLowerCase();
  }
}
