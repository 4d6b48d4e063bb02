import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../local/azure/sample-subscription.ts';
import { giveUp, keepPoison } from '../../src/engine/poison.ts';
import { DockwardenError } from '../../src/errors.ts';
import { ALICE, ask } from '../acceptance/operator-requests.ts';
import { type EngineHarness, startEngine } from '../support/engine-harness.ts';

const REGISTRY = sampleId('contosobuild');
const ALERT = {
  SystemAlertId: 'alert-ü',
  AlertType: 'ACR_Example',
  AlertDisplayName: 'Bösartig',
  Severity: 'High',
  Status: 'New',
  TimeGenerated: '2026-11-23T09:00:00.000Z',
  AzureResourceId: REGISTRY,
};

let engine: EngineHarness;
/** What storage says of every body. */
let refusal: DockwardenError | undefined;

beforeEach(async () => {
  refusal = undefined;
  engine = await startEngine({
    wrapContext: (context) => ({
      ...context,
      poison: {
        ...context.poison,
        async save(queue, id, body) {
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

describe('a message of bytes', () => {
  const text = JSON.stringify({ ...ALERT, SystemAlertId: 'alert-1' });

  it('is kept as what they say, and can be handled again', async () => {
    const bytes = new TextEncoder().encode(text);
    const id = `poison/${await keepPoison(engine.context(), 'defender-alerts', bytes, 'a row is damaged')}`;

    expect(engine.poison.map(({ body }) => body)).toEqual([text]);
    expect(await ask(engine, 'message-replay', { id, reason: 'mended' })).toMatchObject({
      message: 'events taken in: 1, ignored: 0; the message is removed',
    });
    expect(engine.audit('operator')).toMatchObject([{ actor: ALICE.id }]);
    expect(engine.tables.alerts.rows).toHaveLength(1);
  });

  it('is the same message as its text, with all that stands before it', async () => {
    const names = [`\uFEFF${text}`, Buffer.from(`\uFEFF${text}`)].map(
      async (message) => await keepPoison(engine.context(), 'defender-alerts', message, 'x'),
    );

    expect(new Set(await Promise.all(names)).size).toBe(1);
  });
});

describe('a message of a batch that is given up', () => {
  it('is kept and on record once a day, however often the batch comes', async () => {
    await giveUp(engine.context(), 'defender-alerts', { ...ALERT, Severity: 'Low' }, 'row damaged');
    for (const hours of [1, 1, 13]) {
      engine.clock.advance(hours * 3_600_000);
      await giveUp(engine.context(), 'defender-alerts', ALERT, 'row damaged');
    }

    const kept = engine.poison.find(({ body }) => body === JSON.stringify(ALERT));
    const rows = engine.audit('input');
    expect(rows.map(({ error, reason }) => `${reason}: ${error}`)).toEqual(
      Array.from({ length: 3 }, () => 'poison: row damaged'),
    );
    expect(rows.filter(({ causeId }) => causeId === `poison/${kept?.name}`)).toHaveLength(2);
  });

  it('is on record with the reason where storage never takes it', async () => {
    refusal = new DockwardenError('INTERNAL_INVARIANT', '400 InvalidInput');
    await giveUp(engine.context(), 'defender-alerts', ALERT, 'row damaged');

    expect(engine.audit('input')).toMatchObject([
      { reason: 'poison', error: 'row damaged; it cannot be kept: 400 InvalidInput' },
    ]);
    expect(engine.audit('input')[0]).not.toHaveProperty('causeId');
  });

  it('waits for storage that is away', async () => {
    refusal = new DockwardenError('STORAGE_UNAVAILABLE', 'no answer');

    await expect(giveUp(engine.context(), 'defender-alerts', ALERT, 'row damaged')).rejects.toBe(refusal);
    expect(engine.audit()).toEqual([]);
  });
});
