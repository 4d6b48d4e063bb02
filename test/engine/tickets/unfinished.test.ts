import { afterEach, describe, expect, it } from 'vitest';
import { sampleId } from '../../../local/azure/sample-subscription.ts';
import { sweepResources } from '../../../src/engine/sweep.ts';
import { DockwardenError } from '../../../src/errors.ts';
import { type EngineHarness, type EngineHarnessOptions, startEngine } from '../../support/engine-harness.ts';

let engine: EngineHarness;

afterEach(async () => {
  await engine.stop();
});

const HOUR = 3_600_000;
/** A container group signs in with its admin user: a ticket, and no fix. */
const LEGACY = sampleId('contosolegacy');
const POLICY = 'acr-admin-user-disabled';

async function sweep(times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    engine.clock.advance(HOUR);
    await sweepResources(engine.context());
    await engine.settle(HOUR / 2);
  }
}

function ticket() {
  return engine.tickets().find(({ resourceId }) => resourceId.toLowerCase() === LEGACY.toLowerCase());
}

function finding() {
  return engine
    .findings()
    .find(({ policyId, resourceId }) => policyId === POLICY && resourceId.toLowerCase() === LEGACY.toLowerCase());
}

/** Opens the ticket, and makes the table of tickets fail once when told to. */
async function openTicket(): Promise<{ readonly failOnce: () => void }> {
  let isFailing = false;
  const options: EngineHarnessOptions = {
    wrapContext: (context) => ({
      ...context,
      tickets: {
        ...context.tickets,
        async replace(...args) {
          if (!isFailing) return await context.tickets.replace(...args);
          isFailing = false;
          throw new DockwardenError('STORAGE_UNAVAILABLE', 'out of reach');
        },
      },
    }),
  };
  engine = await startEngine(options);
  await sweep(2);
  expect(ticket()).toMatchObject({ state: 'open', reason: 'dependants-found' });
  return {
    failOnce() {
      isFailing = true;
    },
  };
}

describe('a ticket whose subject is no longer judged', () => {
  it('is over when the resource is gone, also if that could not be stored at first', async () => {
    const { failOnce } = await openTicket();
    engine.simulator.state.remove(LEGACY);
    failOnce();

    await sweep(3);

    expect(ticket()).toMatchObject({ state: 'obsolete', resolution: 'gone' });
    expect(finding()).toMatchObject({ status: 'closed', closedBecause: 'gone' });
    expect(finding()).not.toHaveProperty('ticketParts');
  });

  it('is over when the policy is switched off, also if that could not be stored at first', async () => {
    const { failOnce } = await openTicket();
    engine.setEnvironment({ POLICY_ACR_ADMIN_USER_DISABLED: 'off' });
    failOnce();

    await sweep(3);

    expect(ticket()).toMatchObject({ state: 'obsolete', resolution: 'policy-off' });
    expect(finding()).toMatchObject({ status: 'closed', closedBecause: 'policy-off' });
    expect(finding()).not.toHaveProperty('ticketParts');
  });

  it('is over when the resource was put right and deleted before a second look could prove it', async () => {
    await openTicket();
    engine.simulator.as('operator').patch(LEGACY, { properties: { adminUserEnabled: false } });
    await engine.deliverEvents();
    await engine.drain();
    expect(finding()).toMatchObject({ status: 'closed', ticketParts: [''] });
    engine.simulator.state.remove(LEGACY);

    await sweep(3);

    expect(ticket()).toMatchObject({ state: 'obsolete', resolution: 'gone' });
    expect(finding()).not.toHaveProperty('ticketParts');
  });

  it('costs no look at each sweep once it is over', async () => {
    await openTicket();
    engine.simulator.state.remove(LEGACY);
    await sweep(3);
    const before = engine.calls().length;

    engine.clock.advance(HOUR);
    await sweepResources(engine.context());
    await engine.settle(HOUR / 2);

    expect(
      engine
        .calls()
        .slice(before)
        .filter((call) => call.includes('contosolegacy')),
    ).toEqual([]);
  });
});

describe('a damaged row', () => {
  it('of a ticket hinders nothing, and the ticket is followed again when it is mended', async () => {
    await openTicket();
    const [row] = engine.tables.tickets.rows.filter(({ columns }) => columns['resourceId'] === LEGACY);
    if (row === undefined) throw new Error('there is no row');
    const { partitionKey, rowKey, columns } = row;
    await engine.tables.tickets.putAll(partitionKey, [{ rowKey, columns: { ...columns, state: 'perhaps' } }]);
    engine.simulator.as('operator').patch(LEGACY, { properties: { adminUserEnabled: false } });
    await engine.settle(HOUR);
    expect(finding()).toMatchObject({ status: 'closed', ticketParts: [''] });

    await engine.tables.tickets.putAll(partitionKey, [{ rowKey, columns }]);
    await sweep(2);

    expect(ticket()).toMatchObject({ state: 'resolved', resolution: 'fixed' });
  });
});
