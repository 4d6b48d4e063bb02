import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { pollAlerts } from '../../src/engine/poll-alerts.ts';
import { sweepResources } from '../../src/engine/sweep.ts';
import { MAX_ALERTS } from '../../src/resources/defender.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let engine: EngineHarness;

beforeEach(async () => {
  engine = await startEngine({
    environment: {
      ...ENFORCING,
      REMEDIATE_ACR_TRACK_ALERTS: 'enforce',
      REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe',
      REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'observe',
    },
  });
});

afterEach(async () => {
  await engine.stop();
});

/** Defender tells of an alert that it raised so many minutes after nine o'clock. */
async function tell(id: string, minutes: number, change: Readonly<Record<string, string>> = {}) {
  const time = new Date(Date.parse('2026-11-23T09:00:00.000Z') + minutes * MINUTE).toISOString();
  const alert = {
    SystemAlertId: id,
    AlertType: 'ARM_AnomalousOperation.Impact',
    AlertDisplayName: 'Something odd',
    Severity: 'Low',
    Status: 'New',
    AzureResourceId: REGISTRY,
    TimeGenerated: time,
    ProcessingEndTime: time,
    ...change,
  };
  return await acceptEvents(engine.context(), alert, 'defender-alerts');
}

/** As many alerts as are remembered, all of them raised later than the first. */
async function flood(): Promise<void> {
  for (let index = 0; index < MAX_ALERTS; index += 1) await tell(`noise-${index}`, 1 + index / 1000);
  await engine.settle(0);
}

/** One that had its ticket before the others came. */
async function floodAfterFirst(): Promise<void> {
  await tell('first', 0);
  await engine.settle(0);
  await flood();
}

/** So many alerts, each of which has a ticket before it gives way to others. */
async function passBy(count: number, idOf: (index: number) => string): Promise<readonly string[]> {
  for (let index = 0; index < count; index += 1) {
    await tell(idOf(index), index / 100);
    if (index % 50 === 49) await engine.settle(0);
  }
  return engine.tickets().flatMap(({ discriminator, state }) => (state === 'open' ? [discriminator] : []));
}

const forgotten = () =>
  engine
    .audit('input')
    .filter(({ reason }) => reason === 'alert-forgotten')
    .map(({ causeId }) => causeId);
const stored = () => engine.tables.alerts.rows.map(({ columns }) => String(columns['id']));
const ticketOf = (id: string) => engine.tickets().find(({ discriminator }) => discriminator === id);
const partsOf = () => engine.findings().find(({ policyId }) => policyId === 'acr-alerts-closed')?.ticketParts ?? [];

describe('an active alert that gives way to so many others', () => {
  it('is on record, and keeps its ticket', async () => {
    await floodAfterFirst();

    expect(stored()).not.toContain('first');
    expect(engine.audit('input')).toMatchObject([
      { reason: 'alert-forgotten', causeKind: 'alert', causeId: 'first', resourceId: REGISTRY },
    ]);
    expect(ticketOf('first')).toMatchObject({ state: 'open' });
    expect(partsOf()).toContain('first');

    // However often somebody looks, and however long.
    await sweepResources(engine.context());
    await engine.settle(DAY);
    expect(ticketOf('first')).toMatchObject({ state: 'open' });
  });

  it('has a ticket that ends with it once there is room for it again', async () => {
    await floodAfterFirst();
    await tell('noise-0', 1, { Status: 'Resolved', ProcessingEndTime: '2026-11-23T09:30:00Z' });

    expect(await tell('first', 0)).toMatchObject({ marked: 1 });
    await engine.settle(0);
    expect(stored()).toContain('first');
    expect(ticketOf('first')).toMatchObject({ state: 'open' });
    await tell('first', 0, { Status: 'Resolved', ProcessingEndTime: '2026-11-23T09:40:00Z' });
    await engine.settle(0);

    expect(ticketOf('first')).toMatchObject({ state: 'resolved', resolution: 'closed-at-source' });
  });

  it('has a ticket that ends when there are fewer again, and nobody has told of it', async () => {
    await floodAfterFirst();
    const closed = { Status: 'Resolved', ProcessingEndTime: '2026-11-23T09:30:00Z' };
    for (let index = 0; index < 10; index += 1) await tell(`noise-${index}`, 1, closed);
    await engine.settle(0);
    expect(ticketOf('first')).toMatchObject({ state: 'open' });

    engine.clock.advance(15 * DAY);
    await sweepResources(engine.context());
    await engine.settle(0);

    expect(ticketOf('first')).toMatchObject({ state: 'obsolete', resolution: 'gone' });
    expect(ticketOf('noise-199')).toMatchObject({ state: 'open' });
  });
});

describe('an alert for which there is no room', () => {
  it('leads to no look, and is on record once a day, however often it is told', async () => {
    await flood();
    const calls = engine.calls().length;

    for (let time = 0; time < 3; time += 1)
      expect(await tell('late', 0)).toEqual({ marked: 0, ignored: 1, invalid: 0 });
    expect(engine.queue).toEqual([]);
    expect(engine.audit('input').map(({ reason, causeId }) => [reason, causeId])).toEqual([
      ['alert-forgotten', 'late'],
    ]);

    engine.clock.advance(DAY);
    await tell('late', 0);
    expect(forgotten()).toEqual(['late', 'late']);
    await engine.settle(0);
    expect(engine.calls()).toHaveLength(calls);
    expect(stored()).toHaveLength(MAX_ALERTS);
  });

  it('stays where it is until that is on record', async () => {
    await flood();
    const { audit } = engine.tables;
    audit.insert = async () => await Promise.reject(new Error('no answer'));
    await expect(tell('late', 0)).rejects.toThrow('no answer');
    expect(stored()).toContain('late');
    Reflect.deleteProperty(audit, 'insert');

    await tell('later', 0);

    expect(new Set(forgotten())).toEqual(new Set(['late', 'later']));
    expect(stored()).toHaveLength(MAX_ALERTS);
  });
});

describe('tickets of alerts that are forgotten', () => {
  it('stay open as far as a finding can remember them', async () => {
    const open = await passBy(350, (index) => `2517184898549829577_b8c5eab1-d4e8-4afe-8a2b-24d2b30a${1000 + index}`);

    expect(open).toHaveLength(350);
    expect(partsOf()).toHaveLength(350);
  });

  it('are closed beyond that, and those of alerts that are remembered stay', async () => {
    const open = await passBy(350, (index) => `${'x'.repeat(120)}${10_000_000 + index}`);

    expect(open.length).toBeLessThan(350);
    expect(open).toEqual(expect.arrayContaining(stored()));
    expect(JSON.stringify(partsOf()).length).toBeLessThan(32_768);
    const gone = engine.tickets().filter(({ resolution }) => resolution === 'gone');
    expect(gone).toHaveLength(350 - open.length);
    expect(forgotten()).toEqual(expect.arrayContaining(gone.map(({ discriminator }) => discriminator)));
  });
});

describe('a poll', () => {
  it.each([
    [66, 1],
    [MAX_ALERTS, 1],
    // Of more than are remembered some were marked before they gave way.
    [MAX_ALERTS + 5, 2],
  ])('that tells of %i alerts leads to looks %i times, and then to nothing', async (count, times) => {
    engine.setEnvironment({ DEFENDER_ALERTS_POLLING: 'on' });
    for (let index = 0; index < count; index += 1)
      engine.simulator.defender.raiseAlert({ resourceId: REGISTRY, alertType: 'ARM_AnomalousOperation.Impact' });
    engine.exported.length = 0;
    const looks: boolean[] = [];
    for (let poll = 0; poll < times + 3; poll += 1) {
      await pollAlerts(engine.context());
      looks.push(engine.queue.length > 0);
      await engine.settle(0);
    }

    expect(looks[0]).toBe(true);
    expect(looks.slice(times)).toEqual([false, false, false]);
    expect(stored()).toHaveLength(Math.min(count, MAX_ALERTS));
  });
});
