import type { Command } from 'commander';
import { findAuditKey } from '../../audit/audit-log.ts';
import { findReplayed } from '../../engine/replay.ts';
import { DockwardenError } from '../../errors.ts';
import { RUN_ID } from '../../events/cause.ts';
import { describeCalls } from '../describe-calls.ts';
import { formatTable, printable } from '../format-table.ts';
import { readInput } from '../input-file.ts';
import { tabulateAudit } from '../list-records.ts';
import { addAppOptions } from '../options.ts';
import { parseArrived, type Replayed, type ReplayPlace, type ReplayResult, replayOne } from '../replay.ts';
import type { Difference } from '../replay-difference.ts';
import { findLocalRun, type OpenStorage, openStorage } from '../storage-access.ts';
import { note, type Shell, type Terminal } from '../terminal.ts';

type ReplayOptions = ReplayPlace['options'];

export function addReplay(program: Command, shell: Shell): void {
  const { setExitCode, terminal, time } = shell;
  const replay = program
    .command('replay')
    .description('look again at what an audit row or an event is about, and compare it with what is on record')
    .argument(
      '<audit id or file>',
      'row key or run id that "audit list --format json" shows, or a file of events as they arrived (- for standard input)',
    )
    .option('--observe', 'only show what would be done: nothing is changed, and no message is sent')
    .option('--reason <text>', 'kept in the audit');
  addAppOptions(replay).action(async (subject: string, options: ReplayOptions) => {
    const isRow = RUN_ID.test(subject.toUpperCase()) || findAuditKey(subject) !== undefined;
    // First: what is wrong with a file is so wherever the app keeps its tables.
    const events = isRow ? [] : await readEvents(terminal, subject);
    const isStorageNeeded = isRow || (options.wait && options.observe !== true);
    const storage = isStorageNeeded ? openStorage(options) : undefined;
    const all = isRow ? [await findRow(storage, subject)] : events;
    const run = storage === undefined ? findLocalRun(options) : storage.run;
    const place = { options, run, storage: options.wait ? storage : undefined, time };
    const results: ReplayResult[] = [];
    for (const replayed of all) {
      const result = await replayOne(place, replayed);
      if (!result.isFine) setExitCode(1);
      if (options.format === 'table') showResult(terminal, result, options.timeout);
      results.push(result);
    }
    if (options.format === 'json') terminal.print(JSON.stringify(isRow ? results[0] : results, undefined, 2));
  });
}

async function findRow(storage: OpenStorage | undefined, id: string): Promise<Replayed> {
  const row = storage && (await findReplayed(storage.audit, id));
  if (row !== undefined) return { kind: 'row', id: row.rowKey, row };
  throw new DockwardenError(
    'INPUT_INVALID_MESSAGE',
    `there is no audit row ${id}: "audit list --format json" shows them`,
  );
}

async function readEvents(terminal: Terminal, file: string): Promise<readonly Replayed[]> {
  const elements = parseArrived(await readInput(terminal, file));
  if (elements.length === 0) throw new DockwardenError('INPUT_INVALID_MESSAGE', `${file} holds no event`);
  return elements.map((message) => ({ kind: 'event', message }));
}

function showResult(terminal: Terminal, result: ReplayResult, timeout: number): void {
  const { difference, isFinished, message, policies = [], requestId, rows = [] } = result;
  terminal.print(printable(requestId === undefined ? message : `${message} (request ${requestId})`));
  const plan = policies.flatMap((policy) =>
    describeCalls(JSON.stringify(policy.plan)).map((call) => [policy.policyId, call]),
  );
  if (plan.length > 0) terminal.print(formatTable(['POLICY', 'WOULD CALL'], plan));
  if (rows.length > 0) {
    const table = tabulateAudit(rows);
    terminal.print(formatTable(table.headings, table.rows));
  }
  if (difference.length > 0) {
    const lines = difference.map((line) => [
      line.policyId,
      line.what,
      shorten(line.onRecord),
      shorten(line.now),
      describeDifference(line),
    ]);
    terminal.print(formatTable(['POLICY', 'WHAT', 'ON RECORD', 'NOW', 'DIFFERENCE'], lines));
  }
  if (isFinished === false)
    note(terminal, `the look is not over within ${timeout} s: "audit list" and "findings list" show what comes of it`);
}

function describeDifference({ isChanged, now, onRecord }: Difference): string {
  if (isChanged) return 'changed';
  return now === onRecord ? 'unchanged' : 'not on record';
}

/** Longest text of a column. */
const MAX_TEXT = 100;

function shorten(text: string): string {
  if (text === '') return '-';
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 3)}...` : text;
}
