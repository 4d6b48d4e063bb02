import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { pollAlerts } from '../../src/engine/poll-alerts.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
/** In another group: its alerts come after those of the first. */
const LATER = sampleId('contosoacr');
/** Not covered: its alerts lead to nothing. */
const MACHINE = REGISTRY.replace('ContainerRegistry/registries', 'Compute/virtualMachines');
/** Most rows of one answer of Resource Graph. */
const PAGE = 1000;

let engine: EngineHarness;

beforeEach(async () => {
  engine = await startEngine({ environment: { ...ENFORCING, DEFENDER_ALERTS_POLLING: 'on' } });
});

afterEach(async () => {
  await engine.stop();
});

function raise(resourceId: string, alertType = 'ARM_AnomalousOperation.Impact'): void {
  engine.simulator.defender.raiseAlert({ resourceId, alertType });
}

const marked = () => engine.work().map(({ resourceId }) => resourceId);

describe('the poll for alerts', () => {
  it('reads one page after the other, to the last', async () => {
    raise(REGISTRY);
    for (let count = 1; count < PAGE; count += 1) raise(MACHINE);
    raise(LATER);

    await pollAlerts(engine.context());

    expect(engine.calls()).toHaveLength(2);
    expect(marked().toSorted()).toEqual([REGISTRY, LATER].toSorted());
  });

  it('keeps what it has read when a later page cannot be, and that is on record', async () => {
    raise(REGISTRY);
    for (let count = 1; count < PAGE; count += 1) raise(MACHINE);
    raise(LATER);
    const body = { error: { code: 'AuthorizationFailed', message: 'no' } };
    engine.simulator.faults.add({
      path: /ResourceGraph/i,
      skip: 1,
      times: Infinity,
      effect: { kind: 'answer', status: 403, body },
    });

    await pollAlerts(engine.context());

    expect(marked()).toEqual([REGISTRY]);
    expect(engine.audit('input')).toMatchObject([{ reason: 'alerts-not-polled', causeKind: 'sweep' }]);
  });

  it.each([
    ['without scopes', { SCOPES: '' }],
    ['while it is switched off', { DEFENDER_ALERTS_POLLING: 'off' }],
  ])('asks nothing %s', async (_when, settings) => {
    raise(REGISTRY);
    engine.setEnvironment(settings);

    await pollAlerts(engine.context());

    expect(engine.calls()).toEqual([]);
    expect(engine.audit()).toEqual([]);
    expect(marked()).toEqual([]);
  });
});
