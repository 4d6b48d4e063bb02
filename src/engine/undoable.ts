import { isDeepStrictEqual } from 'node:util';
import { type AuditRecord, auditKey, runStart } from '../audit/audit-log.ts';
import { isDockwardenError } from '../errors.ts';
import type { Policy } from '../policy/define-policy.ts';
import type { JsonPointer, Remediation, TouchedValues } from '../remediations/define-remediation.ts';
import { isPlainObject } from '../resources/lenient.ts';
import type { EngineContext } from './ports.ts';
import type { ResourcePass } from './resource-pass.ts';

/** Largest values that an undo can carry in its row, in characters of JSON. */
const MAX_VALUES = 16_000;

/** Why a fix is not taken back: a stable code, and a sentence for whoever asked. */
export interface Refusal {
  readonly refused: string;
  readonly because: string;
}

/** A fix that can be taken back. */
export interface Undoable {
  readonly policyId: string;
  readonly remediation: Remediation;
  readonly before: TouchedValues;
  readonly after: TouchedValues;
  readonly record: AuditRecord;
}

/** Looks up a run and whether it can be taken back at all; the state of the resource is another question. */
export async function findUndoable(context: EngineContext, runId: string): Promise<Undoable | Refusal> {
  let record: AuditRecord | undefined;
  try {
    record = await context.audit.find(auditKey(runStart(runId), runId, 'outcome'));
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    return { refused: 'values-not-recorded', because: error.message };
  }
  if (record?.policyId === undefined)
    return { refused: 'run-not-found', because: `there is no outcome of run ${runId}` };
  const { policyId, remediationId, outcome } = record;
  if (outcome !== 'fixed')
    return { refused: 'nothing-to-undo', because: `run ${runId} ended as ${outcome}, so it left nothing to take back` };
  const remediation = context.remediations.find(({ id }) => id === remediationId);
  if (remediation === undefined)
    return { refused: 'unknown-remediation', because: `this version does not know ${remediationId}` };
  if (remediation.undo === undefined)
    return { refused: 'irreversible', because: `${remediation.id} cannot be undone: ${remediation.irreversible}` };
  const [before, after] = [readValues(record.before), readValues(record.after)];
  if (before === undefined || after === undefined)
    return { refused: 'values-not-recorded', because: `the values before and after run ${runId} cannot be read` };
  if (JSON.stringify([before, after]).length > MAX_VALUES)
    return { refused: 'values-too-large', because: `the values of run ${runId} are too large to be put back safely` };
  return { policyId, remediation, before, after, record };
}

/** Values of touched paths as an audit cell holds them; undefined when it does not. */
function readValues(cell: string | undefined): TouchedValues | undefined {
  try {
    const values: unknown = cell === undefined ? undefined : JSON.parse(cell);
    if (!isPlainObject(values)) return undefined;
    const entries = Object.entries(values);
    return entries.every((entry): entry is [JsonPointer, unknown] => entry[0].startsWith('/'))
      ? Object.fromEntries(entries)
      : undefined;
  } catch {
    return undefined;
  }
}

/** What speaks against it before the resource is even looked at. */
export function checkUndo(
  pass: ResourcePass,
  policy: Policy | undefined,
  { record }: Undoable,
  runId: string,
): Refusal | undefined {
  if (policy === undefined) return undefined;
  const { target, context } = pass;
  if (record.resourceId?.toLowerCase() !== target.key)
    return { refused: 'other-resource', because: `run ${runId} was about another resource` };
  if (pass.memoryOf(policy).undoneRunId === runId)
    return { refused: 'already-undone', because: `run ${runId} was undone before` };
  const { cap } = context.settings;
  if (cap === 'off' || cap === 'observe') {
    const because = `DOCKWARDEN_MODE is ${cap}, or counts as ${cap} because of what audit rows of stage configuration name, so nothing is changed: mend that, or set it to approve, and undo then`;
    return { refused: 'kill-switch', because };
  }
  return undefined;
}

/** Why the resource is not as the fix left it. */
export function describeDrift(current: TouchedValues, { before, after }: Undoable): Refusal {
  if (isDeepStrictEqual(current, before))
    return { refused: 'nothing-to-undo', because: 'the resource is as it was before the fix already' };
  const differing = pathsOf(current, after).filter((path) => !isDeepStrictEqual(current[path], after[path]));
  const diff = differing.map((path) => `${path} is ${show(current[path])}, the fix left ${show(after[path])}`);
  return { refused: 'drifted', because: `somebody has changed it since: ${diff.join('; ')}` };
}

/** All paths that any of the values name, sorted. */
export function pathsOf(...values: readonly TouchedValues[]): readonly JsonPointer[] {
  const paths = values.flatMap((value) => Object.keys(value));
  return [...new Set(paths)].filter((path): path is JsonPointer => path.startsWith('/')).toSorted();
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 200);
}
