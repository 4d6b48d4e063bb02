import * as z from 'zod';
import { DockwardenError, isDockwardenError } from '../errors.ts';
import { JsonCell, parseRow, parseRows } from '../storage/parse-row.ts';
import type { StoredRow, TableStore } from '../storage/table-store.ts';
import {
  type Admission,
  admit,
  type BreakerRequest,
  type BreakerState,
  type BreakerStatus,
  type Breakers,
  EMPTY_STATE,
  type Guard,
  isLimiting,
  MAX_ENTRIES,
  noteFailure,
  remediationGuard,
  reset,
  subscriptionGuard,
  type Trip,
  withdraw,
} from './breaker.ts';

const PARTITION = 'breaker';

/** Writes that may collide before the caller is told that the guard cannot be used. */
const MAX_TRIES = 50;

/** Longest pauses after a collision, in milliseconds: they grow by the step with every try. */
const PAUSE_STEP = 4;
const PAUSE_LIMIT = 100;

const Slots = z.array(z.tuple([z.string(), z.int(), z.enum(['admitted', 'failed', 'booked'])])).max(MAX_ENTRIES);
const TripCell = z.object({
  kind: z.enum(['cap', 'failure-rate']),
  since: z.iso.datetime(),
  announced: z.boolean(),
});

/** The row as it is stored: slots and trip as JSON. */
const BreakerRow = z
  .object({
    slots: JsonCell.pipe(Slots),
    windowMs: z.optional(z.number()),
    fleet: z.optional(z.number()),
    trip: z.optional(JsonCell.pipe(TripCell)),
  })
  .transform(
    ({ slots, windowMs, fleet, trip }): BreakerState => ({
      slots: slots.map(([key, at, kind]) => ({ key, at, kind })),
      windowMs,
      fleet,
      trip,
    }),
  );

/** What to write (`undefined` = nothing), and what the caller then knows. */
interface Change<T> {
  readonly states: readonly BreakerState[] | undefined;
  readonly answer: T;
}

/**
 * Breakers in Table Storage: one row per guard in one partition, so that both guards of a fix are written together. Callers of
 * one process take turns; only instances collide.
 */
export function createTableBreakers(table: TableStore, pause: (ms: number) => Promise<void> = wait): Breakers {
  let lastTurn = Promise.resolve();

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = lastTurn;
    const { promise, resolve } = Promise.withResolvers<void>();
    lastTurn = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  }

  /** Reads, decides and writes, until nobody wrote in between. */
  async function change<T>(
    guards: readonly string[],
    decide: (rows: readonly (StoredRow | undefined)[]) => Change<T>,
  ): Promise<T> {
    return await inTurn(async () => {
      for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
        const rows = await Promise.all(guards.map(async (guard) => await table.get(keyOf(guard))));
        const { states, answer } = decide(rows);
        if (states === undefined) return answer;
        const written = states.map((state, index) => ({
          rowKey: keyOf(guards[index] ?? '').rowKey,
          columns: formatState(state),
          etag: rows[index]?.etag,
        }));
        if ((await table.replaceAll(PARTITION, written)) !== false) return answer;
        await pause(Math.random() * Math.min(PAUSE_LIMIT, tries * PAUSE_STEP));
      }
      const names = guards.join(' and ');
      throw new DockwardenError('STORAGE_UNAVAILABLE', `${names}: written by others ${MAX_TRIES} times in a row`);
    });
  }

  /** The guards of a request that limit anything; without one there is nothing to read. */
  async function changeGuards<T>(
    { remediationId, subscriptionId, limits }: BreakerRequest,
    idle: T,
    decide: (guards: readonly Guard[]) => { readonly states: readonly BreakerState[]; readonly answer: T },
  ): Promise<{ readonly answer: T; readonly announce: readonly Trip[] }> {
    const wanted = [
      { name: remediationGuard(remediationId), limits: limits.remediation },
      { name: subscriptionGuard(subscriptionId), limits: limits.subscription },
    ].filter((guard) => isLimiting(guard.limits));
    if (wanted.length === 0) return { answer: idle, announce: [] };
    const names = wanted.map(({ name }) => name);
    return await change(names, (rows) => {
      const guards = wanted.map((guard, index) => ({ state: parseState(rows[index]), limits: guard.limits }));
      const { states, answer } = decide(guards);
      const isChanged = states.some((state, index) => state !== guards[index]?.state);
      return { states: isChanged ? states : undefined, answer: { answer, announce: findUnannounced(names, states) } };
    });
  }

  return {
    async withdraw(request) {
      await changeGuards(request, undefined, (guards) => ({
        states: guards.map(({ state }) => withdraw(state, request.key)),
        answer: undefined,
      }));
    },
    async admit(request) {
      const { answer, announce } = await changeGuards(request, { result: 'admitted' }, (guards) => {
        const { admission, states } = admit(guards, request.key, request.now);
        return { states, answer: admission };
      });
      return { ...answer, announce };
    },
    async peek(request) {
      const { answer } = await changeGuards<Admission>(request, { result: 'admitted' }, (guards) => ({
        states: guards.map(({ state }) => state),
        answer: admit(guards, request.key, request.now).admission,
      }));
      return answer;
    },
    async noteFailure(request) {
      const { announce } = await changeGuards(request, undefined, (guards) => ({
        states: guards.map((guard) => noteFailure(guard, request.key, request.now)),
        answer: undefined,
      }));
      return announce;
    },
    async announced({ guard, kind, since }) {
      await change([guard], ([row]) => {
        const state = parseState(row);
        const { trip } = state;
        const isSame = trip?.kind === kind && trip.since === since && !trip.announced;
        return { states: isSame ? [{ ...state, trip: { ...trip, announced: true } }] : undefined, answer: undefined };
      });
    },
    async *list(now, onInvalid) {
      for await (const { rowKey, partitionKey: _, ...state } of parseRows(
        BreakerRow,
        table.range(PARTITION),
        onInvalid,
      ))
        yield describeState(guardOf(rowKey), state, now);
    },
    async reset(guard) {
      return await change([guard], ([row]) => {
        if (row === undefined) return { states: undefined, answer: false };
        return { states: [reset(repairState(row))], answer: true };
      });
    },
    async setFleet(fleets, onInvalid) {
      for (const [guard, fleet] of fleets) {
        await change([guard], ([row]) => {
          try {
            const state = parseState(row);
            return { states: state.fleet === fleet ? undefined : [{ ...state, fleet }], answer: undefined };
          } catch (error) {
            if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
            onInvalid(error);
            return { states: undefined, answer: undefined };
          }
        });
      }
    },
  };
}

/** Row keys may not hold slashes. */
function keyOf(guard: string) {
  return { partitionKey: PARTITION, rowKey: guard.replaceAll('/', ':') };
}

function guardOf(rowKey: string): string {
  return rowKey.replaceAll(':', '/');
}

function parseState(row: StoredRow | undefined): BreakerState {
  return row === undefined ? EMPTY_STATE : parseRow(BreakerRow, row);
}

/** What an operator resets may be damaged; nothing of it is needed. */
function repairState(row: StoredRow): BreakerState {
  try {
    return parseState(row);
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    return EMPTY_STATE;
  }
}

function formatState({ slots, windowMs, fleet, trip }: BreakerState): Readonly<Record<string, unknown>> {
  return {
    slots: JSON.stringify(slots.map(({ key, at, kind }) => [key, at, kind])),
    windowMs,
    fleet,
    trip: trip === undefined ? undefined : JSON.stringify(trip),
  };
}

function findUnannounced(names: readonly string[], states: readonly BreakerState[]): readonly Trip[] {
  return states.flatMap(({ trip }, index) => {
    const guard = names[index];
    if (guard === undefined || trip === undefined || trip.announced) return [];
    return [{ guard, kind: trip.kind, since: trip.since }];
  });
}

function describeState(guard: string, { slots, windowMs = 0, fleet, trip }: BreakerState, now: Date): BreakerStatus {
  const live = slots.filter(({ at }) => at > now.getTime() - windowMs);
  return {
    guard,
    admitted: live.filter(({ kind }) => kind !== 'booked').length,
    failed: live.filter(({ kind }) => kind === 'failed').length,
    booked: live.filter(({ kind }) => kind === 'booked').length,
    fleet,
    trip,
  };
}

async function wait(ms: number): Promise<void> {
  await new Promise((done) => setTimeout(done, ms));
}
