import { expect, it } from 'vitest';
import type { ChangeRow, Migration, MigrationTables } from '../../src/storage/migrations.ts';
import { createSchema, type Schema, SETTLE } from '../../src/storage/schema.ts';
import type { TableStore } from '../../src/storage/table-store.ts';
import { MemoryTableStore } from '../support/memory-table-store.ts';

const START = Date.parse('2026-05-01T00:00:00Z');
const MINUTE = 60_000;
const NEWEST = 3;
/** The column by which each version knows its rows. */
const COLUMNS = ['', 'first', 'second', 'third'];

/** A step that would show if it were done twice: the number is raised with the name that it gets. */
function raise(to: number): ChangeRow {
  const [from = '', name = ''] = [COLUMNS[to - 1], COLUMNS[to]];
  return ({ columns: { [from]: value, ...others } }) =>
    typeof value === 'number' ? { ...others, [name]: value + to } : undefined;
}

const steps: readonly Migration[] = [2, 3].map((to) => ({ to, change: { findings: raise(to), guards: raise(to) } }));

/** Numbers from 0 to 1 that look random, the same for each seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** What a row comes to in the newest form, by the version that wrote it. */
function valueFrom(version: number): number {
  return [2, 3].filter((to) => to > version).reduce((sum, to) => sum + to, 0);
}

class Killed extends Error {}

/** One storage account, at which processes of all versions are at work as chance has it. */
class World {
  time = START;
  readonly random: () => number;
  readonly #tables: MigrationTables;
  readonly #expected = new Map<string, number>();
  #processes = 0;
  #rows = 0;

  constructor(seed: number) {
    this.random = createRandom(seed);
    this.#tables = {
      findings: new MemoryTableStore('findings'),
      work: new MemoryTableStore('work'),
      tickets: new MemoryTableStore('tickets'),
      alerts: new MemoryTableStore('alerts'),
      nodes: new MemoryTableStore('nodes'),
      guards: new MemoryTableStore('guards'),
    };
  }

  /** A process; some of them die at one of their writes, before or after it is done. */
  start(version: number): Process {
    this.#processes += 1;
    let writesLeft = this.random() < 0.3 ? Math.floor(this.random() * 30) : Number.POSITIVE_INFINITY;
    const mortal = (table: TableStore): TableStore => ({
      get: async (key) => await table.get(key),
      insert: async (key, columns) => await table.insert(key, columns),
      putAll: async (partition, rows) => {
        await table.putAll(partition, rows);
      },
      replaceAll: async (partition, rows) => await table.replaceAll(partition, rows),
      range: (partition, from, to) => table.range(partition, from, to),
      where: (filter) => table.where(filter),
      all: () => table.all(),
      replace: async (...write) => {
        for (let turns = Math.floor(this.random() * 4); turns > 0; turns -= 1) await Promise.resolve();
        this.time += Math.floor(this.random() * 4000);
        writesLeft -= 1;
        if (writesLeft >= 0) return await table.replace(...write);
        if (this.random() < 0.5) await table.replace(...write);
        throw new Killed();
      },
    });
    const { findings, guards } = this.#tables;
    const schema = createSchema({
      tables: { ...this.#tables, findings: mortal(findings), guards: mortal(guards) },
      now: () => new Date(this.time),
      owner: `process ${this.#processes}`,
      version,
      migrations: steps.filter(({ to }) => to <= version),
    });
    return { schema, version };
  }

  async write(version: number): Promise<void> {
    const name = this.random() < 0.5 ? 'findings' : 'guards';
    this.#rows += 1;
    const key = { partitionKey: `p${this.#rows % 3}`, rowKey: String(this.#rows).padStart(4, '0') };
    await this.#tables[name].insert(key, { [COLUMNS[version] ?? '']: 0 });
    this.#expected.set(`${name}/${key.partitionKey}/${key.rowKey}`, valueFrom(version));
  }

  /** Rows that are not what they should be in the newest form. */
  async findWrong(): Promise<readonly string[]> {
    const found = new Map<string, unknown>();
    for (const name of ['findings', 'guards'] as const) {
      for await (const { columns, partitionKey, rowKey } of this.#tables[name].all())
        found.set(`${name}/${partitionKey}/${rowKey}`, columns['third']);
    }
    return [...this.#expected].filter(([key, value]) => found.get(key) !== value).map(([key]) => key);
  }
}

interface Process {
  readonly schema: Schema;
  readonly version: number;
}

/** What a process does for one message; false when it dies of it. */
async function act(world: World, { schema, version }: Process): Promise<boolean> {
  try {
    if (world.random() < 0.8) await schema.migrate(() => undefined);
    else await schema.look();
    if (world.random() < 0.7) await world.write(version);
    return true;
  } catch (error) {
    if (error instanceof Killed) return false;
    throw error;
  }
}

async function liveThrough(world: World): Promise<void> {
  let processes = [world.start(1), world.start(1)];
  for (let round = 0; round < 60; round += 1) {
    const chance = world.random();
    if (chance < 0.1) processes.push(world.start(1 + Math.floor(world.random() * NEWEST)));
    else if (chance < 0.2) processes.splice(Math.floor(world.random() * processes.length), 1);
    else if (chance < 0.4) world.time += Math.floor(world.random() * 25 * MINUTE);
    const dead = new Set<Process>();
    await Promise.all(
      processes
        .filter(() => world.random() < 0.5)
        .map(async (process) => {
          if (!(await act(world, process))) dead.add(process);
        }),
    );
    processes = processes.filter((process) => !dead.has(process));
  }
}

/** Only the newest version is left: how it calls the tables at the end. Processes still die. */
async function settle(world: World): Promise<string> {
  let state = 'behind';
  for (let call = 0; call < 40 && state !== 'current'; call += 1) {
    world.time += SETTLE / 2;
    try {
      ({ state } = await world.start(NEWEST).schema.migrate(() => undefined));
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  return state;
}

it('tables that are called current have every row in the new form, whichever versions were at work, died or came back', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const world = new World(seed);
    await liveThrough(world);

    expect({ seed, state: await settle(world), wrong: await world.findWrong() }).toEqual({
      seed,
      state: 'current',
      wrong: [],
    });
  }
});
