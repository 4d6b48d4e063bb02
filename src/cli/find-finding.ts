import { DockwardenError } from '../errors.ts';
import { findingId } from '../findings/finding-id.ts';
import type { Finding, Findings } from '../findings/findings.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';

/** The finding with this id, or the only one whose id begins so. */
export async function findFinding(findings: Findings, start: string, onInvalid: OnInvalidRow): Promise<Finding> {
  const found: Finding[] = [];
  for await (const finding of findings.all(onInvalid)) if (findingId(finding).startsWith(start)) found.push(finding);
  const [finding, ...others] = found;
  if (finding === undefined)
    throw new DockwardenError(
      'INPUT_INVALID_MESSAGE',
      `there is no finding ${start}: "findings list --status all" shows the ids`,
    );
  if (others.length === 0) return finding;
  const ids = found.map((each) => `${findingId(each)} (${each.resourceId.split('/').at(-1) ?? ''}, ${each.policyId})`);
  throw new DockwardenError('INPUT_INVALID_MESSAGE', `several findings begin with ${start}: ${ids.join(', ')}`);
}
