import type { ReviewAction } from '../../../src/events/review-body.ts';
import { evidenceHash } from '../../../src/findings/finding-id.ts';
import { sampleId } from '../../azure/sample-ids.ts';
import type { LocalEnvironment } from '../../environment.ts';
import { readFinding } from '../read-tables.ts';

/** Asks the app as an operator does; the function key stands for a person here. Throws when the app refuses. */
export async function askApp(
  { functionKey, host }: LocalEnvironment,
  action: ReviewAction,
  body: Readonly<Record<string, string>>,
): Promise<void> {
  const response = await fetch(`${host().url}/api/review/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': functionKey },
    body: JSON.stringify(body),
  });
  if (response.status !== 202) throw new Error(`the app refused to ${action}: ${await response.text()}`);
}

/** Approves the tags of `aks-prod` as somebody who has looked at the finding. Throws when there is none. */
export async function approveTags(environment: LocalEnvironment): Promise<void> {
  const [resourceId, policyId] = [sampleId('aks-prod'), 'aks-required-tags-present'];
  const finding = await readFinding(environment, resourceId, policyId);
  if (finding === undefined) throw new Error('there is no finding about the tags of aks-prod');
  await askApp(environment, 'approve', { resourceId, policyId, evidence: evidenceHash(finding) });
}
