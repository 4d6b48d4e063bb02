import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SAMPLE_SUBSCRIPTION_ID } from '../../local/azure/sample-subscription.ts';
import { askAdmission, countFailure, givePlaceBack } from '../../src/engine/breaking.ts';
import { DockwardenError } from '../../src/errors.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { fleetId } from '../acceptance/registry-fleet.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

let engine: EngineHarness;

beforeEach(async () => {
  engine = await startEngine();
});

afterEach(async () => {
  await engine.stop();
});

const REMEDIATION = 'acr-disable-admin-user';
const GUARD = `remediation/${REMEDIATION}`;
const ROW = { partitionKey: 'breaker', rowKey: `remediation:${REMEDIATION}` };

function registry(index: number) {
  return parseResourceId(fleetId(index));
}

async function admit(index: number): Promise<string> {
  return (await askAdmission(engine.context(), registry(index), REMEDIATION)).result;
}

function failing(code: 'STORAGE_UNAVAILABLE' | 'INTERNAL_INVARIANT') {
  const context = engine.context();
  const reject = async () => await Promise.reject(new DockwardenError(code, 'planted'));
  return { ...context, breakers: { ...context.breakers, withdraw: reject, noteFailure: reject } };
}

describe('two trips of one guard in the same millisecond', () => {
  it('are two notices', async () => {
    engine.setEnvironment({
      BREAKER_REMEDIATION_CAP: '3',
      BREAKER_SUBSCRIPTION_CAP: 'off',
      BREAKER_FLEET_SHARE: 'off',
      BREAKER_FAILURE_MINIMUM: '3',
    });
    for (const index of [0, 1, 2]) expect(await admit(index)).toBe('admitted');

    expect(await admit(3)).toBe('later');
    for (const index of [0, 1, 2]) await countFailure(engine.context(), registry(index), REMEDIATION);
    expect(await admit(4)).toBe('open');

    const notices = engine.audit('notice').filter(({ causeId }) => causeId === GUARD);
    expect(new Set(notices.map(({ reason }) => reason))).toEqual(new Set(['breaker-cap', 'breaker-open']));
    expect(notices).toHaveLength(2);
    expect(new Set(notices.map(({ time }) => time)).size).toBe(1);
  });
});

describe('a fix that has failed', () => {
  it.each(['STORAGE_UNAVAILABLE', 'INTERNAL_INVARIANT'] as const)(
    'is counted before its outcome is written: %s leaves the run open for the next worker',
    async (code) => {
      await expect(countFailure(failing(code), registry(0), REMEDIATION)).rejects.toMatchObject({ code });
    },
  );
});

describe('a row of the breaker that was damaged', () => {
  it('takes the outcome of a failed fix from nobody: it is not counted, and nothing is let through', async () => {
    await engine.tables.guards.insert(ROW, { slots: 'x' });

    await countFailure(engine.context(), registry(0), REMEDIATION);

    expect(await admit(1)).toBe('unavailable');
    expect(engine.tables.guards.rows).toMatchObject([{ columns: { slots: 'x' } }]);
  });
});

describe('a place that was booked', () => {
  it('stays where it is when the row is damaged, and the pass goes on', async () => {
    await engine.tables.guards.insert(ROW, { slots: 'x' });
    const errors: unknown[] = [];
    const context = engine.context();
    const log = { ...context.log, error: (message: string, details?: unknown) => errors.push([message, details]) };

    await givePlaceBack({ ...context, log }, registry(0), REMEDIATION);

    expect(errors).toEqual([
      [expect.stringContaining('cannot be given back'), expect.objectContaining({ remediationId: REMEDIATION })],
    ]);
    expect(engine.tables.guards.rows).toMatchObject([{ columns: { slots: 'x' } }]);
  });

  it.each(['STORAGE_UNAVAILABLE', 'INTERNAL_INVARIANT'] as const)(
    'is given back later when storage fails: %s is for the host',
    async (code) => {
      await expect(givePlaceBack(failing(code), registry(0), REMEDIATION)).rejects.toMatchObject({ code });
    },
  );

  it('is given back in both guards', async () => {
    engine.setEnvironment({ BREAKER_REMEDIATION_CAP: '1', BREAKER_SUBSCRIPTION_CAP: '1' });
    expect([await admit(0), await admit(1), await admit(2)]).toEqual(['admitted', 'later', 'later']);

    await givePlaceBack(engine.context(), registry(1), REMEDIATION);

    const guards = await Array.fromAsync(
      engine.context().breakers.list(engine.clock.now(), () => undefined),
      ({ guard, admitted, booked }) => [guard, admitted, booked],
    );
    expect(guards).toEqual([
      [GUARD, 1, 1],
      [`subscription/${SAMPLE_SUBSCRIPTION_ID}`, 1, 1],
    ]);
  });
});
