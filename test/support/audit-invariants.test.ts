import { ulid } from 'ulid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { mergeTags } from '../../src/azure/tags.ts';
import { AzureCalls } from '../../src/engine/azure-calls.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { runsWith } from '../acceptance/operator-requests.ts';
import { addRequiredTags, startScene } from '../acceptance/remediation-scenes.ts';
import { expectRecordedMutations } from './audit-invariants.ts';
import type { EngineHarness } from './engine-harness.ts';

let engine: EngineHarness;
let runId: string;

beforeEach(async () => {
  engine = await startScene(addRequiredTags);
  addRequiredTags.violate(engine);
  await engine.settle();
  runId = runsWith(engine, 'fixed')[0] ?? '';
});

afterEach(async () => {
  await engine.stop();
});

/** A write of the product, under a run or under none. */
async function write(resourceId: string, run: string | undefined): Promise<void> {
  const target = parseResourceId(resourceId);
  const binding = { writes: 'send', ...(run !== undefined && { runId: run }) } as const;
  await new AzureCalls(engine.context(), target).bind({ mergeTags }, binding).mergeTags(target, { planted: 'yes' });
}

/** Moves the row of the run's intent or outcome in time. */
async function redate(stage: 'intent' | 'outcome', ms: number): Promise<void> {
  const row = engine.tables.audit.rows.find(({ rowKey }) => rowKey.endsWith(`${runId}_${stage}`));
  const time = new Date(engine.clock.now().getTime() + ms).toISOString();
  await engine.tables.audit.putAll(row?.partitionKey ?? '', [
    { rowKey: row?.rowKey ?? '', columns: { ...row?.columns, time } },
  ]);
}

describe('a request that nothing stands behind is found', () => {
  it('and what is recorded is none', () => {
    expect(engine.mutations()).toHaveLength(1);
    expect(() => expectRecordedMutations(engine)).not.toThrow();
  });

  it.each([
    ['no run', () => undefined],
    ['a run without an intent', () => ulid(engine.clock.now().getTime())],
  ])('one of %s', async (_, run) => {
    await write(addRequiredTags.resourceId, run());

    expect(() => expectRecordedMutations(engine)).toThrow('has no intent of its run on record');
  });

  it('one to another resource than its run is about', async () => {
    await write(sampleId('aks-dev'), runId);

    expect(() => expectRecordedMutations(engine)).toThrow('is about');
  });

  it('one after the end of its run', async () => {
    engine.clock.advance(1000);
    await write(addRequiredTags.resourceId, runId);

    expect(() => expectRecordedMutations(engine)).toThrow('is younger than its outcome');
  });

  it('one before its intent', async () => {
    await redate('intent', 1000);
    await redate('outcome', 2000);

    expect(() => expectRecordedMutations(engine)).toThrow('is older than its intent');
  });
});
