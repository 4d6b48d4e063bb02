import { beforeEach, describe, expect, it } from 'vitest';
import { listTickets, type TicketFilter } from '../../src/cli/list-tickets.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import type { Ticket, Tickets } from '../../src/tickets/ticket.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

const CLUSTERS =
  '/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters';

/** A ticket that was last seen so many days after the first of November. */
function ticket(digit: number, change: Partial<Ticket> = {}): Ticket {
  const time = `2026-11-0${digit}T10:00:00.000Z`;
  return {
    key: `dw-${String(digit).repeat(32)}`,
    state: 'open',
    generation: 1,
    sequence: 1,
    appliedSequence: 0,
    policyId: 'aks-node-reboot-completed',
    resourceId: `${CLUSTERS}/aks-prod`,
    discriminator: 'system',
    title: `ticket ${digit}`,
    severity: 'high',
    strength: 3,
    reason: 'ticket-only',
    evidence: '{}',
    evidenceHash: 'hash',
    items: [],
    itemCount: digit,
    firstSeenAt: '2026-11-01T00:00:00.000Z',
    lastSeenAt: time,
    occurrences: 1,
    attempts: 0,
    humanReopens: 0,
    ...change,
  };
}

const STORED: readonly Ticket[] = [
  ticket(1, { state: 'pending' }),
  ticket(2, { state: 'open', resourceId: `${CLUSTERS}/AKS-Test` }),
  ticket(3, { state: 'resolved' }),
  ticket(4, { state: 'obsolete', policyId: 'aks-node-image-current' }),
  ticket(5, { state: 'suppressed', resourceId: `${CLUSTERS}/my-aks-prod`, policyId: 'aks-node-image-current' }),
];

let table: MemoryTableStore;
let tickets: Tickets;
let invalid: string[];

beforeEach(async () => {
  table = new MemoryTableStore('tickets');
  tickets = createTableTickets(table);
  invalid = [];
  for (const stored of STORED) await tickets.insert(stored);
});

async function list(filter: Partial<TicketFilter> = {}) {
  return await listTickets(tickets, { state: 'active', ...filter }, ({ message }) => invalid.push(message));
}

async function titles(filter: Partial<TicketFilter> = {}): Promise<readonly string[]> {
  return (await list(filter)).records.map(({ title }) => title);
}

describe('the list of tickets', () => {
  it('has those that are not over, last seen first', async () => {
    expect(await titles()).toEqual(['ticket 5', 'ticket 2', 'ticket 1']);
  });

  it.each([
    ['all', ['ticket 5', 'ticket 4', 'ticket 3', 'ticket 2', 'ticket 1']],
    ['pending', ['ticket 1']],
    ['open', ['ticket 2']],
    ['resolved', ['ticket 3']],
    ['obsolete', ['ticket 4']],
    ['suppressed', ['ticket 5']],
  ])('has those of one state, or all: %s', async (state, expected) => {
    expect(await titles({ state })).toEqual(expected);
  });

  it.each([
    ['its name', 'aks-test', ['ticket 2']],
    ['its name in another letter case', 'AKS-PROD', ['ticket 4', 'ticket 3', 'ticket 1']],
    ['its id', `${CLUSTERS}/aks-test`.toUpperCase(), ['ticket 2']],
    ['the end of a name', 'prod', []],
    ['its resource group', 'rg', []],
  ])('has those of one resource, by %s', async (_how, resource, expected) => {
    expect(await titles({ state: 'all', resource })).toEqual(expected);
  });

  it('has those of one policy, and what is asked for must all hold', async () => {
    const policy = 'aks-node-image-current';

    expect(await titles({ state: 'all', policy })).toEqual(['ticket 5', 'ticket 4']);
    expect(await titles({ policy })).toEqual(['ticket 5']);
    expect(await titles({ policy, resource: 'aks-prod' })).toEqual([]);
    expect(await titles({ policy: 'aks-node-image' })).toEqual([]);
  });

  it('shows where a ticket is, and what is wrong with it', async () => {
    await tickets.insert(
      ticket(6, {
        remoteSystem: 'github',
        remoteUrl: 'https://github.example/7',
        remoteState: 'failed',
        lastError: 'github: auth: refused',
      }),
    );

    const { headings, rows, records } = await list({ state: 'open' });

    expect(rows.map((row) => Object.fromEntries(headings.map((heading, index) => [heading, row[index]])))).toEqual([
      {
        KEY: `dw-${'6'.repeat(32)}`,
        STATE: 'open (not delivered)',
        SEVERITY: 'high',
        TITLE: 'ticket 6',
        ITEMS: '6',
        SINCE: '2026-11-01T00:00:00.000Z',
        SYSTEM: 'github',
        URL: 'https://github.example/7',
        PROBLEM: 'github: auth: refused',
      },
      {
        KEY: `dw-${'2'.repeat(32)}`,
        STATE: 'open',
        SEVERITY: 'high',
        TITLE: 'ticket 2',
        ITEMS: '2',
        SINCE: '2026-11-01T00:00:00.000Z',
        SYSTEM: 'table',
        URL: '-',
        PROBLEM: '-',
      },
    ]);
    expect(records).toMatchObject([{ remoteState: 'failed' }, STORED[1]]);
  });

  it('goes on without a row that cannot be read, and says so', async () => {
    await table.putAll('22', [{ rowKey: `dw-${'2'.repeat(32)}`, columns: { state: 'open' } }]);

    expect(await titles()).toEqual(['ticket 5', 'ticket 1']);
    expect(invalid).toEqual([expect.stringContaining('row 22/dw-2222')]);
  });

  it('is empty when there are none', async () => {
    tickets = createTableTickets(new MemoryTableStore('tickets'));

    expect(await list({ state: 'all' })).toMatchObject({ records: [], rows: [] });
  });
});
