import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { ArmedFault } from '../../local/azure/faults.ts';
import type { Json, JsonObject } from '../../local/azure/json.ts';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents, type Intake } from '../../src/engine/accept.ts';
import { pollAlerts } from '../../src/engine/poll-alerts.ts';
import { DockwardenError } from '../../src/errors.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const MACHINE = REGISTRY.replace('ContainerRegistry/registries', 'Compute/virtualMachines');
const T0 = '2026-11-23T09:00:00.000Z';
const HOUR = 3_600_000;
const SAMPLE = { AlertDisplayName: '[SAMPLE ALERT] nothing happened' };

let engine: EngineHarness;
/** Rows that somebody tried to write into the audit, and how often a body was handed over to be kept. */
let writes = 0;
let uploads = 0;
/** What storage says of every body. */
let refusal: DockwardenError | undefined;

beforeEach(async () => {
  [writes, uploads, refusal] = [0, 0, undefined];
  engine = await startEngine({
    environment: { ...ENFORCING, DEFENDER_ALERTS_POLLING: 'on' },
    wrapContext: (context) => ({
      ...context,
      audit: {
        ...context.audit,
        async append(key, record) {
          writes += 1;
          return await context.audit.append(key, record);
        },
      },
      poison: {
        ...context.poison,
        async save(queue, id, body) {
          uploads += 1;
          if (refusal !== undefined) throw refusal;
          return await context.poison.save(queue, id, body);
        },
      },
    }),
  });
});

afterEach(async () => {
  await engine.stop();
});

function alert(SystemAlertId: string, change: JsonObject = {}): JsonObject {
  return {
    SystemAlertId,
    AlertType: 'ARM_AnomalousOperation.Impact',
    AlertDisplayName: 'Something odd',
    Severity: 'Low',
    Status: 'New',
    TimeGenerated: T0,
    ProcessingEndTime: T0,
    AzureResourceId: REGISTRY,
    ...change,
  };
}

const ODD = { AzureResourceId: `${REGISTRY}/odd` };

async function accept(message: unknown, intake: Intake = 'defender-alerts') {
  return await acceptEvents(engine.context(), message, intake);
}

/** Resource Graph has these alerts; the answer counts how often it is asked for them. */
function findByPoll(...alerts: readonly JsonObject[]): ArmedFault {
  const data: Json = alerts.map((properties, index) => ({ id: `/alerts/${index}`, name: '', type: 'x', properties }));
  const body = { data, count: data.length, totalRecords: data.length, resultTruncated: 'false', facets: [] };
  return engine.simulator.faults.add({
    path: /ResourceGraph/i,
    times: Infinity,
    effect: { kind: 'answer', status: 200, headers: { 'content-type': 'application/json' }, body },
  });
}

async function poll(times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await pollAlerts(engine.context());
    engine.clock.advance(HOUR);
  }
}

/** Reason and cause of each row; a blob without its name. */
const rows = () =>
  engine
    .audit('input')
    .map(({ causeId = '-', reason }) => `${reason} ${causeId.replace(/[^/]{32}$/, '…')}`)
    .toSorted((one, other) => one.localeCompare(other));

describe('what a poll finds and nobody can act upon', () => {
  test.each([
    ['an odd resource id', alert('a1', ODD), 'invalid-resource-id a1'],
    ['a sample', alert('a1', SAMPLE), 'sample-alert a1'],
    ['a sample without an id', alert('../x', SAMPLE), 'sample-alert -'],
    ['a test', alert('a1', { AlertType: 'VM_EICAR' }), 'test-alert a1'],
    ['no time but when it was processed', alert('a1', { TimeGenerated: 'soon' }), 'missing-field:timeGenerated a1'],
    ['no id', alert('../x'), 'missing-field:systemAlertId -'],
  ])('is on record once a day, however many sweeps find it: %s', async (_what, odd, expected) => {
    const graph = findByPoll(odd, alert('a2'));
    await poll(40);

    // The sweeps of 40 hours.
    expect(rows()).toEqual(Array.from({ length: 3 }, () => expected));
    expect(engine.audit('input').map(({ causeKind }) => causeKind)).toEqual(['alert', 'alert', 'alert']);
    expect(engine.audit('input').map(({ time }) => time)).toContain('2026-11-23T10:00:00.000Z');
    expect([graph.matched, engine.calls().length, writes]).toEqual([40, 0, 40]);
    // It can be asked for again.
    expect(engine.poison).toEqual([]);
  });

  it('says what is wrong', async () => {
    findByPoll(alert('a1', ODD));
    await poll();

    expect(engine.audit('input')[0]?.error).toMatch(/the number of segments is odd/);
  });

  it('has a row for each day where it tells no time at all', async () => {
    findByPoll(alert('a1', { TimeGenerated: null, ProcessingEndTime: null }));
    await poll(39);

    expect(rows()).toEqual(Array.from({ length: 3 }, () => 'missing-field:timeGenerated a1'));
  });

  it('costs nothing where there is none of it: alerts about what is not ours, and those that are over', async () => {
    findByPoll(alert('a1'), alert('a2', { AzureResourceId: MACHINE }), alert('a3', { Status: 'Resolved' }));
    await poll(2);

    expect(writes).toBe(0);
  });

  it('is on record once, too, where an Event Hub brings the same', async () => {
    await accept(alert('a1', SAMPLE));
    findByPoll(alert('a1', SAMPLE));
    await poll(2);

    expect(rows()).toEqual(['sample-alert a1']);
  });
});

describe('a batch that comes again', () => {
  it('leaves one row for each element', async () => {
    const batch = [
      alert('a1', SAMPLE),
      alert('a2', { AlertType: 'K8S.NODE_EICAR' }),
      alert('a3', { AzureResourceId: '' }),
      alert('a4', { Status: 'Dismissed' }),
      alert('a5', ODD),
      alert('a6', { TimeGenerated: 'soon' }),
      alert('../7'),
      alert('../8', SAMPLE),
      alert('../9', SAMPLE),
      { foo: 1 },
    ];
    for (let time = 0; time < 3; time += 1) {
      expect(await accept(batch)).toEqual({ marked: 0, ignored: 6, invalid: 4 });
      engine.clock.advance(HOUR);
    }

    expect(rows()).toEqual([
      'alert-closed a4',
      'invalid-resource-id poison/defender-alerts/…',
      'missing-field:systemAlertId poison/defender-alerts/…',
      'missing-field:timeGenerated poison/defender-alerts/…',
      'no-covered-resource a3',
      'sample-alert -',
      'sample-alert -',
      'sample-alert a1',
      'test-alert a2',
      'unknown-envelope poison/defender-alerts/…',
    ]);
  });

  it('of events leaves one, too, also for those without an id', async () => {
    const event = { specversion: '0.3', type: 'x', source: 'y' };
    for (let time = 0; time < 3; time += 1) await accept([event, event, 'rubbish'], 'resource-events');

    expect(rows()).toEqual([
      'unknown-envelope poison/resource-events/…',
      'unsupported-specversion -',
      'unsupported-specversion -',
    ]);
  });

  it('takes no row from a later one: each id, each message and each closing has its own', async () => {
    await accept(alert('a1', SAMPLE));
    await accept(alert('a2', SAMPLE));
    await accept(alert('a1', { AlertType: 'VM_EICAR' }));
    await accept({ foo: 1 });
    await accept({ foo: 2 });
    await accept([alert('a3', ODD), 1]);
    await accept([alert('a3', ODD), 2]);
    for (const ProcessingEndTime of [T0, '2026-11-23T09:30:00.000Z', '2026-12-24T00:00:00Z', '2026-12-24T00:00:01Z'])
      await accept(alert('a4', { Status: 'Resolved', ProcessingEndTime }));

    expect(rows()).toEqual([
      'alert-closed a4',
      'alert-closed a4',
      'alert-closed a4',
      'alert-closed a4',
      'invalid-resource-id poison/defender-alerts/…',
      'invalid-resource-id poison/defender-alerts/…',
      'sample-alert a1',
      'sample-alert a2',
      'test-alert a1',
      'unknown-envelope poison/defender-alerts/…',
      'unknown-envelope poison/defender-alerts/…',
      'unknown-envelope poison/defender-alerts/…',
      'unknown-envelope poison/defender-alerts/…',
    ]);
  });

  it('without a time has a row for each day', async () => {
    for (const hours of [0, 13, 1]) {
      engine.clock.advance(hours * HOUR);
      await accept({ foo: 1 });
    }

    expect(rows()).toHaveLength(2);
  });
});

const days = () => engine.tables.audit.rows.map(({ partitionKey }) => partitionKey);

describe('the day that a row stands in', () => {
  test.each([
    ['that of the alert', '2026-11-22T23:00:00.000Z', '2026-11-22'],
    ['today where the alert is from the future', '2026-11-24T00:00:00.000Z', '2026-11-23'],
    ['that of an alert of a day ago', '2026-11-22T10:00:00.000Z', '2026-11-22'],
    ['today where it is older than that, so that a list of today finds it', '2026-11-22T09:59:59.999Z', '2026-11-23'],
  ])('is %s', async (_what, TimeGenerated, expected) => {
    await accept(alert('a1', { ...SAMPLE, TimeGenerated }));

    expect(days()).toEqual([expected]);
    expect(engine.audit('input')).toMatchObject([{ time: '2026-11-23T10:00:00.000Z' }]);
  });

  it('is one that a list of the last hour reaches, however old the alert is', async () => {
    await accept(alert('a1', { ...SAMPLE, TimeGenerated: '2026-11-01T00:00:00.000Z' }));
    const now = engine.clock.now();
    const list = engine.context().audit.list(new Date(now.getTime() - HOUR), now, () => undefined);

    expect(await Array.fromAsync(list, ({ reason }) => reason)).toEqual(['sample-alert']);
  });

  it('is that of the closing where an alert is over', async () => {
    await accept(alert('a1', { Status: 'Resolved', ProcessingEndTime: '2026-11-22T23:00:00.000Z' }));

    expect(days()).toEqual(['2026-11-22']);
  });
});

describe('an alert that cannot be understood', () => {
  it('is kept whole, and its row names it and the blob', async () => {
    const message = alert('a1', ODD);
    await accept(message);

    expect(engine.poison).toEqual([
      { name: expect.stringMatching(/^defender-alerts\/[0-9a-f]{32}$/), body: JSON.stringify(message) },
    ]);
    expect(engine.audit('input')).toMatchObject([
      {
        reason: 'invalid-resource-id',
        causeId: `poison/${engine.poison[0]?.name}`,
        error: expect.stringMatching(/^a1: .*odd/),
      },
    ]);
  });

  it('is kept once with all that came with it, and those without an id have one row', async () => {
    const nameless = Array.from({ length: 500 }, () => alert('../x'));
    const odd = Array.from({ length: 3 }, (_, index) => alert(`a${index}`, ODD));
    expect(await accept([...nameless, ...odd, {}])).toMatchObject({ invalid: 504 });

    expect(uploads).toBe(1);
    const errors = engine.audit('input').map(({ error = '' }) => error.replace(/ (?:not|nor) .*/, ''));
    expect(new Set(errors)).toEqual(
      new Set(['a0:', 'a1:', 'a2:', '500 elements: systemAlertId is missing or', 'neither an event']),
    );
    expect(errors).toHaveLength(5);
  });

  it('is not kept where it came with the events, which Event Grid keeps', async () => {
    await accept(alert('a1', ODD), 'resource-events');

    expect(engine.poison).toEqual([]);
    expect(rows()).toEqual(['invalid-resource-id a1']);
  });

  it('is on record with the reason where storage never takes its body', async () => {
    refusal = new DockwardenError(
      'INTERNAL_INVARIANT',
      'blob container poison cannot be used: 413 RequestBodyTooLarge',
    );
    expect(await accept([alert('a1', ODD), 'rubbish', alert('a2')])).toEqual({ marked: 1, ignored: 0, invalid: 2 });

    expect(uploads).toBe(1);
    expect(rows()).toEqual(['invalid-resource-id a1', 'unknown-envelope -']);
    for (const { error } of engine.audit('input'))
      expect(error).toMatch(/; it cannot be kept: blob container poison cannot be used: 413 RequestBodyTooLarge$/);
  });

  it('comes again while storage is away', async () => {
    refusal = new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');

    await expect(accept([alert('a1', ODD), alert('a2')])).rejects.toBe(refusal);
    expect(rows()).toEqual([]);
    expect(engine.work()).toHaveLength(1);
  });
});
