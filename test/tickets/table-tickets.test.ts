import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { createTableStore, type PrunableTableStore } from '../../src/storage/table-store.ts';
import { createTableTickets } from '../../src/tickets/table-tickets.ts';
import { MAX_ITEMS, Ticket } from '../../src/tickets/ticket.ts';
import { ticketKey } from '../../src/tickets/ticket-key.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';
import { claimStorageAccount } from '../support/storage.ts';

const { table: endpoint, credential } = claimStorageAccount();
let tables = 0;

function inAzurite(): PrunableTableStore {
  tables += 1;
  return createTableStore(new TableClient(endpoint, `tickets${tables}`, credential));
}

const stores: Readonly<Record<string, () => PrunableTableStore>> = {
  'in memory': () => new MemoryTableStore('tickets'),
  'in Azurite': inAzurite,
};

const TIME = '2026-11-23T10:00:00.000Z';

/** A ticket with nothing but what every ticket has. */
function ticket(name: string, change: Partial<Ticket> = {}): Ticket {
  const subject = {
    policyId: 'aks-node-reboot-completed',
    resourceId: `/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/${name}`,
    discriminator: 'system',
  };
  return {
    ...subject,
    key: ticketKey(subject),
    state: 'pending',
    generation: 1,
    sequence: 0,
    appliedSequence: 0,
    title: `${name}: "quoted" – not met`,
    severity: 'high',
    strength: 3,
    reason: 'ticket-only',
    evidence: '{"found":"node-a"}',
    evidenceHash: 'a hash',
    items: [],
    itemCount: 0,
    firstSeenAt: TIME,
    lastSeenAt: TIME,
    occurrences: 1,
    attempts: 0,
    humanReopens: 0,
    ...change,
  };
}

/** Everything that a row may hold. */
const FULL: Required<Ticket> = {
  ...ticket('full'),
  state: 'suppressed',
  isOutOfScope: true,
  isCertain: true,
  generation: 2,
  generationSince: TIME,
  sequence: 7,
  appliedSequence: 6,
  change: 'suppressed',
  remediationId: 'aks-complete-node-reboot',
  confidence: 'likely',
  because: 'words',
  items: [
    { name: 'node-a', id: 'uid-a', detail: 'needs a reboot', since: TIME },
    { name: 'node-b', id: 'uid-b', detail: 'kernel "5.15"' },
  ],
  itemCount: 2,
  actor: 'somebody',
  cleanSince: TIME,
  seenAgainAt: TIME,
  remoteSystem: 'github',
  remoteId: '7',
  remoteUrl: 'https://github.example/7',
  remoteState: 'closed',
  leaseOwner: 'worker',
  leaseUntil: TIME,
  nextAttemptAt: TIME,
  failingSince: TIME,
  lastError: 'github: auth: no',
  pendingComment: 'The problem is back.',
  lastCommentAt: TIME,
  checkedAt: TIME,
  missingSince: TIME,
  closedByHandAt: TIME,
  humanReopens: 1,
  resolvedAt: TIME,
  resolution: 'fixed',
  suppressUntil: TIME,
  suppressedEvidence: ['uid-a', 'uid-b'],
  suppressedSeverity: 'medium',
};

const noInvalid = (error: Error): never => {
  throw error;
};

/** As if somebody had edited the row of a ticket by hand. */
async function edit(table: PrunableTableStore, { key }: Ticket, change: Readonly<Record<string, unknown>>) {
  const rowKey = { partitionKey: key.slice(3, 5), rowKey: key };
  const row = await table.get(rowKey);
  if (row === undefined) throw new Error('no row');
  await table.replace(rowKey, { ...row.columns, ...change }, row.etag);
}

describe.each(Object.entries(stores))('tickets %s', (_name, create) => {
  it.each([
    ['nothing but what it must have', ticket('bare')],
    ['everything that it may have', FULL],
    ['empty lists', ticket('empty', { state: 'suppressed', suppressedEvidence: [] })],
  ])('come back as they were stored: with %s', async (_what, stored) => {
    const tickets = createTableTickets(create());

    const inserted = await tickets.insert(stored);

    expect(inserted?.ticket).toEqual(stored);
    expect(await tickets.get(stored.key)).toStrictEqual({ ticket: stored, etag: inserted?.etag });
  });

  it('come back with as many and as long items as they may list', async () => {
    const tickets = createTableTickets(create());
    const items = Array.from({ length: MAX_ITEMS }, (_, index) => ({
      name: `${index}`.padStart(253, 'n'),
      id: `${index}`.padStart(64, 'u'),
      since: TIME,
      detail: 'd'.repeat(260),
    }));
    const largest = ticket('large', { items, suppressedEvidence: items.map(({ id }) => id), itemCount: 5000 });

    await tickets.insert(largest);

    expect((await tickets.get(largest.key))?.ticket).toEqual(largest);
  });

  it('lie in partitions by the first digits of their key', async () => {
    const table = create();
    const stored = ticket('one');
    await createTableTickets(table).insert(stored);

    const rows = await Array.fromAsync(table.all(), ({ partitionKey, rowKey }) => ({ partitionKey, rowKey }));

    expect(rows).toEqual([{ partitionKey: stored.key.slice(3, 5), rowKey: stored.key }]);
    expect(stored.key.slice(0, 5)).toBe(`dw-${rows[0]?.partitionKey}`);
  });

  it('that nobody has stored are not there', async () => {
    expect(await createTableTickets(create()).get(ticket('nobody').key)).toBeUndefined();
  });

  it('are stored once: the second of two who insert the same is told so', async () => {
    const tickets = createTableTickets(create());
    const answers = await Promise.all(
      [1, 2, 3].map(async (occurrences) => await tickets.insert(ticket('one', { occurrences }))),
    );

    const [winner, ...more] = answers.filter((answer) => answer !== undefined);

    expect(more).toEqual([]);
    expect(await tickets.get(ticket('one').key)).toEqual(winner);
  });

  it('are replaced whole, and by one of those who read the same version', async () => {
    const tickets = createTableTickets(create());
    const first = await tickets.insert(FULL);
    const bare = ticket('full', { state: 'open' });

    const answers = await Promise.all(
      [1, 2, 3].map(async (sequence) => await tickets.replace({ ...bare, sequence }, first?.etag ?? '')),
    );

    const [winner, ...more] = answers.filter((answer) => answer !== undefined);
    expect(more).toEqual([]);
    expect(winner?.etag).not.toBe(first?.etag);
    expect(await tickets.get(bare.key)).toStrictEqual(winner);
    expect(Object.keys(winner?.ticket ?? {})).not.toContain('remoteId');
    expect(await tickets.replace({ ...bare, sequence: 9 }, winner?.etag ?? '')).toMatchObject({
      ticket: { sequence: 9 },
    });
  });

  it('are removed only in the version that was read', async () => {
    const tickets = createTableTickets(create());
    const first = await tickets.insert(ticket('one'));
    const second = await tickets.replace(ticket('one', { occurrences: 2 }), first?.etag ?? '');

    expect(await tickets.remove(ticket('one').key, first?.etag ?? '')).toBe(false);
    expect(await tickets.get(ticket('one').key)).toEqual(second);
    expect(await tickets.remove(ticket('one').key, second?.etag ?? '')).toBe(true);
    expect(await tickets.get(ticket('one').key)).toBeUndefined();
    expect(await tickets.remove(ticket('one').key, second?.etag ?? '')).toBe(false);
    expect(await tickets.replace(ticket('one'), second?.etag ?? '')).toBeUndefined();
  });

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['a state that there is not', { state: 'done' }, 'state'],
    ['items that are no JSON', { items: '[{' }, 'items'],
    ['items of another shape', { items: '[{"name":"a"}]' }, 'items.0.id'],
    ['items that are no list', { items: '{}' }, 'items'],
    ['a suppression that is no JSON', { suppressedEvidence: 'x' }, 'suppressedEvidence'],
    ['a sequence that is no whole number', { sequence: 1.5 }, 'sequence'],
    ['a negative generation', { generation: -1 }, 'generation'],
    ['a time that is none', { firstSeenAt: 'yesterday' }, 'firstSeenAt'],
    ['a time of day only', { suppressUntil: '10:00' }, 'suppressUntil'],
    ['a strength that there is not', { strength: 4 }, 'strength'],
    ['no title', { title: undefined }, 'title'],
  ])('that somebody has damaged are refused, and lists go on without them: %s', async (_what, damage, where) => {
    const table = create();
    const tickets = createTableTickets(table);
    await tickets.insert(ticket('one'));
    await tickets.insert(ticket('two'));
    await edit(table, ticket('one'), damage);
    const reported: string[] = [];

    const listed = await Array.fromAsync(tickets.all(({ message }) => reported.push(message)));

    expect(listed).toMatchObject([ticket('two')]);
    expect(reported).toEqual([expect.stringContaining(`check ${where}`)]);
    await expect(tickets.get(ticket('one').key)).rejects.toMatchObject({ code: 'INPUT_INVALID_ROW' });
  });

  it('are listed all together, as they were stored', async () => {
    const tickets = createTableTickets(create());
    const stored = [FULL, ticket('one'), ticket('two')];
    for (const one of stored) await tickets.insert(one);

    const listed = await Array.fromAsync(tickets.all(noInvalid));

    expect(listed.map(({ key }) => key)).toEqual(stored.map(({ key }) => key).toSorted());
    expect(listed.map((row) => Ticket.parse(row))).toEqual(
      stored.toSorted((one, other) => (one.key < other.key ? -1 : 1)),
    );
  });

  it('that were stored with columns of a later version can be read', async () => {
    const table = create();
    const tickets = createTableTickets(table);
    await tickets.insert(ticket('one'));
    await edit(table, ticket('one'), { later: 'x' });

    expect((await tickets.get(ticket('one').key))?.ticket).toEqual(ticket('one'));
  });
});

describe('tickets without storage', () => {
  it('are an error, never nothing', async () => {
    const retryOptions = { maxRetries: 0 };
    const client = new TableClient('https://localhost:1/account', 'tickets', credential, { retryOptions });
    const tickets = createTableTickets(createTableStore(client));
    const uses = [
      async () => await tickets.get(FULL.key),
      async () => await tickets.insert(FULL),
      async () => await tickets.replace(FULL, 'W/"1"'),
      async () => await tickets.remove(FULL.key, 'W/"1"'),
      async () => await Array.fromAsync(tickets.all(noInvalid)),
    ];

    for (const use of uses) await expect(use()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
