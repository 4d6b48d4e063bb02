import type { QueueClient } from '@azure/storage-queue';
import type { SweepRecords } from '../guards/sweep-record.ts';
import { messageKinds } from '../poison/message-id.ts';
import type { PoisonStore } from '../poison/poison-store.ts';
import type { Schema } from '../storage/schema.ts';
import type { TableStore } from '../storage/table-store.ts';
import { readQueueLength } from '../work/queue-length.ts';
import type { Dependencies } from './check-health.ts';

/** The tables, and the queues that functions read; each of these has one for what they give up. */
const tableNames = ['audit', 'findings', 'work', 'tickets', 'alerts', 'nodes', 'guards'] as const;
const queueNames = ['resource-events', 'work', 'tickets', 'events'] as const;

/** A row that is not there: reading it takes the same permission as any other. */
const NO_ROW = { partitionKey: 'health', rowKey: 'none' };
/** Longest wait for an answer about a queue, in milliseconds. */
const CALL_TIMEOUT = 10_000;

export interface HealthSources {
  readonly table: (name: string) => Pick<TableStore, 'get'>;
  readonly queue: (name: string) => QueueClient;
  readonly poison: Pick<PoisonStore, 'list'>;
  readonly sweeps: Pick<SweepRecords, 'last'>;
  readonly schema: Pick<Schema, 'look'>;
  readonly getToken: (signal: AbortSignal) => Promise<unknown>;
}

/** Everything in the app's storage that it cannot do without, and its identity. */
export function nameDependencies({ table, queue, poison, sweeps, schema, getToken }: HealthSources): Dependencies {
  const queues = queueNames.flatMap((name) => [name, `${name}-poison`]);
  return {
    tables: byName(tableNames, (name) => async () => await table(name).get(NO_ROW)),
    queues: byName(queues, (name) => async () => await readQueueLength(queue(name), AbortSignal.timeout(CALL_TIMEOUT))),
    kept: byName(messageKinds, (kind) => async (most) => await countUpTo(most, poison.list(kind))),
    getToken,
    lastSweep: async () => await sweeps.last(),
    schema: async () => await schema.look(),
  };
}

function byName<N extends string, V>(names: readonly N[], of: (name: N) => V): Readonly<Record<string, V>> {
  return Object.fromEntries(names.map((name) => [name, of(name)]));
}

async function countUpTo(most: number, all: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const each of all) {
    if (each !== undefined) count += 1;
    if (count >= most) break;
  }
  return count;
}
