import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { acceptEvents } from '../../src/engine/accept.ts';
import { MAX_ALERTS } from '../../src/resources/defender.ts';
import { ask } from '../acceptance/operator-requests.ts';
import { ENFORCING, type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const T0 = '2026-11-23T09:00:00.000Z';
const T1 = '2026-11-23T09:10:00.000Z';
const T2 = '2026-11-23T09:20:00.000Z';
/** When the clock of a test starts, and a time that is still to come. */
const START = '2026-11-23T10:00:00.000Z';
const FUTURE = '2026-11-30T09:00:00.000Z';

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

function alert(id: string, Status: string, ProcessingEndTime: string, TimeGenerated = T0) {
  return {
    SystemAlertId: id,
    AlertType: 'ARM_AnomalousOperation.Impact',
    AlertDisplayName: 'Something odd',
    Severity: 'Low',
    Status,
    AzureResourceId: REGISTRY,
    TimeGenerated,
    ProcessingEndTime,
  };
}

async function accept(...messages: readonly object[]): Promise<void> {
  for (const message of messages) {
    await acceptEvents(engine.context(), message, 'defender-alerts');
    await engine.settle(0);
  }
}

async function replay(message: object, observe = false) {
  return await ask(engine, 'replay', { message, observe });
}

/** What is shown of the policy on alerts. */
async function observed(message: object): Promise<unknown> {
  const answer = await replay(message, true);
  const policies = answer.result === 'shown' ? answer.details['policies'] : [];
  return Array.isArray(policies) ? policies.find(({ policyId }) => policyId === 'acr-alerts-closed') : undefined;
}

function active(count: number) {
  return {
    verdict: 'violation',
    evidence: JSON.stringify({ activeAlerts: count, types: 'ARM_AnomalousOperation.Impact' }),
  };
}

/** Somebody edits the row of an alert. */
async function damage(id: string, change: Readonly<Record<string, unknown>>): Promise<void> {
  const row = engine.tables.alerts.rows.find(({ columns }) => columns['id'] === id);
  if (row === undefined) throw new Error(`there is no row of ${id}`);
  await engine.tables.alerts.replace(row, { ...row.columns, ...change }, row.etag);
}

const ticketState = (id: string) => engine.tickets().find(({ discriminator }) => discriminator === id)?.state;
const inputs = () => engine.audit('input').map(({ reason }) => reason);

describe('a replay of an alert', () => {
  test.each([true, false])(
    'that was closed before anybody heard of it takes nothing in (observe: %s)',
    async (only) => {
      const answer = await replay(alert('alert-1', 'Resolved', T1), only);

      expect(answer).toMatchObject({
        result: 'shown',
        message: `event alert-1 closed ${T1}, ignored: alert-closed`,
        details: { requestId: expect.any(String), event: { result: 'ignored', reason: 'alert-closed' } },
      });
      expect(engine.tables.alerts.rows).toEqual([]);
      expect(engine.work()).toEqual([]);
      expect(inputs()).toEqual(only ? [] : ['alert-closed']);
    },
  );

  test.each([true, false])('for which there is no room takes nothing in (observe: %s)', async (only) => {
    for (let index = 0; index < MAX_ALERTS; index += 1)
      await acceptEvents(engine.context(), alert(`noise-${index}`, 'New', T1, T1), 'defender-alerts');
    await engine.settle(0);

    const answer = await replay(alert('alert-1', 'New', T0), only);

    expect(answer).toMatchObject({
      result: 'shown',
      message: 'event alert-1, ignored: alert-forgotten',
      details: { event: { result: 'ignored', reason: 'alert-forgotten' } },
    });
    expect(engine.queue).toEqual([]);
    expect(inputs()).toEqual(only ? [] : ['alert-forgotten']);
  });

  it('that was closed since marks nothing', async () => {
    await accept(alert('alert-1', 'New', T0), alert('alert-1', 'Resolved', T1));

    expect(await replay(alert('alert-1', 'New', T0))).toMatchObject({
      result: 'accepted',
      message: expect.stringContaining('marks nothing'),
      details: { causeId: 'alert-1', isKnown: true },
    });
    expect(engine.queue).toEqual([]);
  });

  it('that is opened again is taken in, as the cause that the audit names', async () => {
    await accept(alert('alert-1', 'New', T0), alert('alert-1', 'Resolved', T1));
    const again = alert('ALERT-1', 'New', T2);

    const first = await replay(again);
    await engine.settle(0);
    const second = await replay(again);

    expect(first).toMatchObject({
      result: 'accepted',
      message: expect.stringMatching(/ is taken in$/),
      details: { causeId: `ALERT-1 again ${T2}`, isKnown: false },
    });
    expect(ticketState('alert-1')).toBe('open');
    expect(engine.audit('ticket').map(({ causeId }) => causeId)).toContain(`ALERT-1 again ${T2}`);
    expect(second).toMatchObject({ message: expect.stringContaining('marks nothing'), details: { isKnown: true } });
  });
});

describe('a replay of an alert that only observes', () => {
  it('does not open again what was closed since', async () => {
    await accept(alert('alert-1', 'New', T0), alert('alert-1', 'Resolved', T1));

    expect(await observed(alert('alert-1', 'New', T0))).toMatchObject({ verdict: 'compliant' });
    expect(await observed(alert('ALERT-1', 'New', T0))).toMatchObject({ verdict: 'compliant' });
    expect(await observed(alert('ALERT-1', 'New', T2))).toMatchObject(active(1));
    // And nothing of that has happened.
    expect(engine.tables.alerts.rows.map(({ columns }) => columns['status'])).toEqual(['closed']);
  });

  it('closes what is known, and adds what is not', async () => {
    await accept(alert('alert-1', 'New', T0));

    expect(await observed(alert('ALERT-1', 'Resolved', T1))).toMatchObject({ verdict: 'compliant' });
    expect(await observed(alert('ALERT-1', 'New', T1))).toMatchObject(active(1));
    expect(await observed(alert('alert-2', 'New', T1))).toMatchObject(active(2));
  });

  it('takes one from the future for one of now', async () => {
    await accept(alert('alert-1', 'New', T0), alert('alert-1', 'Resolved', START));
    // Nobody says when it was closed: it may have been a moment ago.
    await damage('alert-1', { changedAt: '2026-11-23T12:00:00.000Z' });

    expect(await observed(alert('alert-1', 'New', FUTURE))).toMatchObject({ verdict: 'compliant' });
    engine.clock.advance(3 * 3_600_000);
    expect(await observed(alert('alert-1', 'New', FUTURE))).toMatchObject(active(1));
  });

  it('mends what cannot be read of the same one, and of no other', async () => {
    await accept(alert('alert-1', 'New', T0));
    await damage('alert-1', { severity: 'Worst' });

    expect(await observed(alert('alert-2', 'New', T1))).toMatchObject(active(1));
    expect(await observed(alert('ALERT-1', 'Resolved', T1))).toMatchObject({ verdict: 'compliant' });
    expect(await replay(alert('alert-1', 'New', T1))).toMatchObject({ details: { causeId: `alert-1 again ${T1}` } });
  });

  it('leaves what cannot be read at all as unknown as it is', async () => {
    await accept(alert('alert-1', 'New', T0), alert('alert-2', 'New', T0));
    await damage('alert-1', { id: 5 });

    expect(await observed(alert('alert-2', 'Resolved', T1))).toMatchObject({ verdict: 'unknown' });
  });
});
