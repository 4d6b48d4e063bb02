import type { AuditRecord } from '../audit/audit-log.ts';
import type { ReviewAction } from '../engine/review.ts';
import type { Finding } from '../findings/findings.ts';
import { parseResourceId } from '../resources/resource-id.ts';
import { type Accepted, askApp } from './app-access.ts';
import { type Awaited, awaitRows } from './await-rows.ts';
import { formatTable, printable } from './format-table.ts';
import { tabulateAudit } from './list-records.ts';
import type { AppOptions } from './options.ts';
import type { RunFile } from './run-file.ts';
import type { OpenStorage } from './storage-access.ts';
import { note, type Shell } from './terminal.ts';

/** What one command asks of the app. */
export interface AppRequest {
  readonly action: ReviewAction;
  readonly body: Readonly<Record<string, unknown>>;
  readonly options: AppOptions;
  /** The local run, if it is about that. */
  readonly run: RunFile | undefined;
  /** What to wait for; undefined = it is done when the app has answered, or nobody waits. */
  readonly result: AwaitedResult | undefined;
}

/** How a command knows what came of its request. */
export interface AwaitedResult {
  readonly storage: OpenStorage;
  /** The finding that it is about. */
  readonly finding: Pick<Finding, 'resourceId' | 'policyId'> | undefined;
  /** A row after which nothing more comes of it. */
  readonly isLast: (row: AuditRecord) => boolean;
  /** Is the last row what was asked for, or on the way to it? */
  readonly isSuccess: (row: AuditRecord) => boolean;
}

/** Asks, and waits for what comes of it: exit code 1 when that is something else, or does not come in time. */
export async function requestApp(shell: Shell, { action, body, options, run, result }: AppRequest): Promise<void> {
  const { terminal, setExitCode } = shell;
  const { format, timeout } = options;
  const accepted = await askApp(options, run, action, body);
  const { message, requestId } = accepted;
  if (format === 'table') terminal.print(printable(`${message} (request ${requestId})`));
  const awaited = result === undefined ? undefined : await awaitResult(shell, requestId, timeout, result);
  if (format === 'json') terminal.print(toJson(accepted, awaited, options.wait));
  if (awaited === undefined) return;
  const { isFinished, last, rows } = awaited;
  if (format === 'table' && rows.length > 0) {
    const table = tabulateAudit(rows);
    terminal.print(formatTable(table.headings, table.rows));
  }
  if (!isFinished) {
    const where = `look for causeId ${requestId} in "audit list --format json"`;
    note(terminal, `nothing has come of it within ${timeout} s; it is still asked for: ${where}`);
  } else if (last === undefined) note(terminal, 'the finding is closed: there is nothing left to do');
  if (!isFinished || (last !== undefined && result?.isSuccess(last) !== true)) setExitCode(1);
}

async function awaitResult(
  { time }: Shell,
  requestId: string,
  timeout: number,
  { storage, finding, isLast }: AwaitedResult,
): Promise<Awaited> {
  return await awaitRows(storage.audit, time, {
    requestId,
    timeoutMs: timeout * 1000,
    policyId: finding?.policyId,
    isLast,
    // A violation that has gone by itself leaves no row.
    isOver: async () => finding !== undefined && (await isClosed(storage, finding)),
  });
}

async function isClosed(
  { findings }: OpenStorage,
  { resourceId, policyId }: Pick<Finding, 'resourceId' | 'policyId'>,
): Promise<boolean> {
  const present = await findings.ofResource(parseResourceId(resourceId));
  return present.find(({ item }) => item.policyId === policyId)?.item.status === 'closed';
}

/** The rows that a look at a resource ends with; a `retry` is followed by another run. */
export function isLookDone({ stage, decision, outcome }: AuditRecord): boolean {
  return stage === 'outcome' ? outcome !== 'retry' : stage === 'decision' && decision !== 'fix';
}

/** What nobody waits for is done when the app answers, unless nobody was to wait. */
function toJson(accepted: Accepted, awaited: Awaited | undefined, isWaiting: boolean): string {
  const { rows, isFinished } = awaited ?? { rows: [], isFinished: isWaiting };
  return JSON.stringify({ ...accepted, isFinished, rows }, undefined, 2);
}
