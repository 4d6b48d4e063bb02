import { DockwardenError } from '../errors.ts';
import type { Verdict } from '../policy/define-policy.ts';
import type { JsonPointer, Remediation } from '../remediations/define-remediation.ts';
import type { OpenRun } from '../work/work-items.ts';
import type { Subject } from './audit-rows.ts';
import { readPointers } from './json-pointer.ts';
import type { EngineContext } from './ports.ts';
import type { Snapshot } from './snapshot.ts';

/** What a remediation is given to fix. */
export type Violation = Parameters<Remediation['touches']>[0];

/** Largest before-state that is stored, in characters of JSON; it stands in two table rows beside other columns. */
const MAX_BEFORE = 8000;

/** The paths that a fix may change and their present values; undefined when they are too large to be stored exactly. */
export function touchedBefore(
  remediation: Remediation,
  violation: Violation,
  snapshot: Snapshot,
): Pick<OpenRun, 'touches' | 'before'> | undefined {
  const touches = remediation.touches(violation);
  const before = readPointers(snapshot.raw, touches);
  return JSON.stringify([touches, before]).length > MAX_BEFORE ? undefined : { touches, before };
}

/** The violation that a remediation is given; a verdict that is none cannot be fixed. */
export function violationOf(
  context: EngineContext,
  subject: Pick<Subject, 'target' | 'policy'>,
  snapshot: Snapshot,
  verdict: Verdict,
): Violation {
  if (snapshot.resource === undefined || verdict.verdict !== 'violation') {
    throw new DockwardenError('INTERNAL_INVARIANT', 'only a violation of a readable resource can be fixed');
  }
  const parameters = context.settings.parametersOf(subject.policy.id);
  const [secretVault] = context.remediations
    .filter(({ fixes }) => fixes.id === subject.policy.id)
    .map(({ id }) => context.settings.secretVaultOf(id));
  return {
    target: subject.target,
    resource: snapshot.resource,
    evidence: verdict.evidence,
    parameters,
    ...(secretVault !== undefined && { secretVault }),
  };
}

/** The paths that a fix of this violation may change; none when there is nothing that could be fixed. */
export function touchesOf(
  context: EngineContext,
  subject: Pick<Subject, 'target' | 'policy'>,
  remediation: Remediation | undefined,
  snapshot: Snapshot,
  verdict: Verdict,
): readonly JsonPointer[] {
  if (remediation === undefined || verdict.verdict !== 'violation' || snapshot.resource === undefined) return [];
  return remediation.touches(violationOf(context, subject, snapshot, verdict));
}
