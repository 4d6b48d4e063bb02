import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { measureSweep } from '../../src/engine/sweep-metrics.ts';
import { DockwardenError } from '../../src/errors.ts';
import { Finding } from '../../src/findings/findings.ts';
import type { Measurement, MetricId } from '../../src/telemetry/metrics.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';
import { throttle } from '../support/throttle.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

function measured(metric: MetricId): readonly Measurement[] {
  return engine.measured.filter((measurement) => measurement.metric === metric);
}

const registry = sampleId('contosoacr');

async function breakRegistry(): Promise<void> {
  engine.simulator.as('operator').patch(registry, { properties: { adminUserEnabled: true } });
  await engine.deliverEvents();
  await engine.drain();
}

describe('calls to Azure', () => {
  it('are counted as operations, with what came of them', async () => {
    engine = await startEngine({ environment: ENFORCING });

    await breakRegistry();

    expect(measured('calls')).toContainEqual({
      metric: 'calls',
      value: 1,
      attributes: { operation: 'registries.update', effect: 'write', result: 'done' },
    });
    const writes = measured('calls').filter(
      ({ attributes }) => 'effect' in attributes && attributes.effect === 'write',
    );
    expect(writes).toHaveLength(engine.mutations().length);
    expect(measured('throttled')).toEqual([]);
  });

  it('that Azure puts off are counted as such, besides', async () => {
    engine = await startEngine({ environment: ENFORCING });
    throttle(engine, { method: 'GET', path: /registries\/contosoacr\?/, caller: 'dockwarden' });

    await breakRegistry();

    const [call] = measured('calls').filter(({ attributes }) => 'result' in attributes && attributes.result !== 'done');
    expect(call?.attributes).toMatchObject({ effect: 'read', result: 'AZURE_TRANSIENT' });
    const [throttled] = measured('throttled');
    expect(throttled?.attributes).toEqual({
      operation: call !== undefined && 'operation' in call.attributes ? call.attributes.operation : 'none',
    });
  });

  it('that are only planned are not counted: nothing was sent', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, DOCKWARDEN_MODE: 'observe' } });

    await breakRegistry();

    expect(measured('calls').length).toBeGreaterThan(0);
    expect(
      measured('calls').filter(({ attributes }) => 'effect' in attributes && attributes.effect === 'write'),
    ).toEqual([]);
  });
});

describe('a sweep', () => {
  it('tells how it went, and what waits', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' } });
    await breakRegistry();
    const open = engine.findings().filter(({ status }) => status === 'open');
    const waiting = open.filter(({ decision }) => decision === 'await-approval');
    expect(waiting).toHaveLength(1);
    engine.poison.push({ name: 'work/a', body: 'x' }, { name: 'work/b', body: 'x' });
    engine.deadLetters.push({ name: 'c', body: 'x' });

    const record = await sweepResources(engine.context());

    expect(measured('sweeps')).toEqual([{ metric: 'sweeps', value: 1, attributes: { result: 'complete' } }]);
    expect(measured('sweepDuration')).toEqual([
      { metric: 'sweepDuration', value: 0, attributes: { result: 'complete' } },
    ]);
    expect(measured('sweepResources')).toEqual([{ metric: 'sweepResources', value: record.resources, attributes: {} }]);
    expect(measured('sweepQueued')).toEqual([{ metric: 'sweepQueued', value: record.queued, attributes: {} }]);
    expect(measured('findingsOpen')).toContainEqual({
      metric: 'findingsOpen',
      value: 1,
      attributes: { decision: 'await-approval' },
    });
    expect(measured('findingsOpen')).toContainEqual({
      metric: 'findingsOpen',
      value: 0,
      attributes: { decision: 'quarantine' },
    });
    expect(measured('findingsOpen').reduce((sum, { value }) => sum + value, 0)).toBe(open.length);
    expect(measured('messagesKept')).toEqual([
      { metric: 'messagesKept', value: 2, attributes: { container: 'poison' } },
      { metric: 'messagesKept', value: 1, attributes: { container: 'dead-letter' } },
    ]);
  });

  it('tells how full each queue is, and each of those that nobody reads', async () => {
    engine = await startEngine({
      environment: ENFORCING,
      wrapContext: (context) => ({
        ...context,
        queueDepths: { of: async (name) => await Promise.resolve(name.length) },
      }),
    });

    await sweepResources(engine.context());

    const depths = measured('queueMessages').map(({ attributes, value }) => [Object.values(attributes)[0], value]);
    expect(depths).toEqual([
      ['resource-events', 15],
      ['resource-events-poison', 22],
      ['work', 4],
      ['work-poison', 11],
      ['tickets', 7],
      ['tickets-poison', 14],
      ['events', 6],
      ['events-poison', 13],
    ]);
  });

  it('that cannot ask one queue tells of the others', async () => {
    const warned: unknown[] = [];
    engine = await startEngine({
      environment: ENFORCING,
      wrapContext: (context) => ({
        ...context,
        log: { ...context.log, warn: (message, details) => void warned.push([message, details?.['queue']]) },
        queueDepths: {
          of: async (name) => {
            if (name === 'work') throw new DockwardenError('STORAGE_UNAVAILABLE', 'no queue');
            return await Promise.resolve(0);
          },
        },
      }),
    });

    expect((await sweepResources(engine.context())).complete).toBe(true);
    expect(measured('queueMessages')).toHaveLength(7);
    expect(warned).toEqual([['messages of a queue cannot be counted', 'work']]);
  });

  it('that could not read everything says so', async () => {
    engine = await startEngine({ environment: ENFORCING });
    throttle(engine, { method: 'POST', path: /Microsoft\.ResourceGraph/, caller: 'dockwarden' });

    await sweepResources(engine.context());

    expect(measured('sweeps')).toEqual([{ metric: 'sweeps', value: 1, attributes: { result: 'incomplete' } }]);
  });

  it('counts no more messages than it takes to know that there are too many', async () => {
    let listed = 0;
    engine = await startEngine({
      environment: ENFORCING,
      wrapContext: (context) => ({
        ...context,
        poison: {
          ...context.poison,
          async *list(kind) {
            for (;;) {
              listed += 1;
              yield await Promise.resolve({ kind, name: `x/${listed}`, id: `${kind}/x`, size: 1, keptAt: '' });
            }
          },
        },
      }),
    });

    await sweepResources(engine.context());

    expect(measured('messagesKept').map(({ value }) => value)).toEqual([1000, 1000]);
    expect(listed).toBe(2000);
  });

  it('that cannot count them goes on, and tells no number', async () => {
    const warned: string[] = [];
    engine = await startEngine({
      environment: ENFORCING,
      wrapContext: (context) => ({
        ...context,
        log: { ...context.log, warn: (message) => void warned.push(message) },
        poison: {
          ...context.poison,
          list: (kind) => {
            if (kind === 'poison') throw new DockwardenError('STORAGE_UNAVAILABLE', 'no blobs');
            return context.poison.list(kind);
          },
        },
      }),
    });

    expect((await sweepResources(engine.context())).complete).toBe(true);
    expect(warned).toEqual(['kept messages cannot be counted']);
    expect(measured('messagesKept').map(({ attributes }) => attributes)).toEqual([{ container: 'dead-letter' }]);
  });

  it('counts an open finding that nothing was decided about, too', async () => {
    engine = await startEngine({ environment: { ...ENFORCING, REMEDIATE_ACR_DISABLE_ADMIN_USER: 'approve' } });
    await breakRegistry();
    const { decision, ...undecided } = engine.findings().find(({ status }) => status === 'open') ?? {};
    expect(decision).toBe('await-approval');
    const at = engine.clock.now().toISOString();
    const record = { startedAt: at, finishedAt: at, complete: true, resources: 1, queued: 0 };

    await measureSweep(engine.context(), record, new Map([['x', [Finding.parse(undecided)]]]));

    expect(measured('findingsOpen')).toContainEqual({
      metric: 'findingsOpen',
      value: 1,
      attributes: { decision: 'none' },
    });
  });
});
