import { createSampleSubscription } from '../../local/azure/sample-subscription.ts';
import type { Seed } from '../../local/azure/simulator.ts';
import type { AuditRecord } from '../../src/audit/audit-log.ts';
import { type Operator, type ReviewAction, type ReviewAnswer, review } from '../../src/engine/review.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { evidenceHash } from '../../src/findings/finding-id.ts';
import type { Finding } from '../../src/findings/findings.ts';
import type { EngineHarness } from '../support/engine-harness.ts';
import type { Scene } from './remediation-scenes.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export const ALICE: Operator = { id: '00000000-0000-4000-8000-00000000a11c', type: 'User' };
export const BOB: Operator = { id: '00000000-0000-4000-8000-000000000b0b', type: 'User' };
export const KEY: Operator = { id: 'key:1a2b3c4d5e6f', type: 'Key' };

/** Only the scene's resource: a sweep finds nothing else to do. */
export function seedOf({ resourceId }: Pick<Scene, 'resourceId'>): Seed {
  const seed = createSampleSubscription();
  return { ...seed, resources: seed.resources.filter(({ id }) => id === resourceId) };
}

/** A person needs a moment: what was there before has happened earlier. */
export async function ask(
  engine: EngineHarness,
  action: ReviewAction,
  body: unknown,
  operator: Operator = ALICE,
): Promise<ReviewAnswer> {
  engine.clock.advance(1000);
  return await review(engine.context(), operator, action, body);
}

/** An hour later the sweep comes, and whatever follows from it happens. */
export async function sweep(engine: EngineHarness): Promise<void> {
  engine.clock.advance(HOUR);
  await sweepResources(engine.context());
  await engine.settle();
}

/** The finding of the scene's policy. */
export function findingOf(engine: EngineHarness, { policyId, resourceId }: Scene): Finding | undefined {
  return engine
    .findings()
    .find((finding) => finding.policyId === policyId && finding.resourceId.toLowerCase() === resourceId.toLowerCase());
}

/** The finding as the body of `approve` and `reject` names it. */
export function asSeen(engine: EngineHarness, scene: Scene) {
  const { policyId, resourceId } = scene;
  const finding = findingOf(engine, scene);
  return { resourceId, policyId, evidence: finding === undefined ? '0'.repeat(16) : evidenceHash(finding) };
}

/** Runs that ended like this, oldest first. */
export function runsWith(engine: EngineHarness, outcome: AuditRecord['outcome']): readonly string[] {
  return engine
    .audit('outcome')
    .flatMap((row) => (row.outcome === outcome && row.remediationRunId !== undefined ? [row.remediationRunId] : []))
    .toSorted();
}

/** What became of requests to undo, in the order in which they were made. */
export function answersOf(engine: EngineHarness): readonly AuditRecord[] {
  return engine.audit('undo').toSorted((a, b) => `${a.causeTime}${a.time}`.localeCompare(`${b.causeTime}${b.time}`));
}

/** How the run ended that began last. */
export function lastOutcome(engine: EngineHarness): AuditRecord | undefined {
  const last = engine
    .audit('intent')
    .toSorted((a, b) => `${a.remediationRunId}`.localeCompare(`${b.remediationRunId}`))
    .at(-1);
  return engine.audit('outcome').find(({ remediationRunId }) => remediationRunId === last?.remediationRunId);
}
