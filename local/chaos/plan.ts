import type { JsonObject } from '../azure/json.ts';
import type { Member } from './estate.ts';
import { between, createRandom, pick, type Random, shuffle } from './random.ts';

/** One change of a resource by somebody else. */
export interface Write {
  readonly id: string;
  readonly change: JsonObject;
  readonly by: 'operator' | 'automation';
}

/** What happens to the estate, and in which order it is told. */
export interface Plan {
  readonly writes: readonly Write[];
  /** Events by the number of their write, as they are put into the queue: one element is one message. */
  readonly messages: readonly (readonly number[])[];
  readonly duplicates: number;
  /** Bursts: resources, each counted once for every time that it is changed anew. */
  readonly changed: number;
}

/** One event in so many comes twice. */
const DUPLICATES = 6;
/** This share of the resources is changed a second time, later and by somebody else. */
const SECOND_BURSTS = 0.2;
/** This share of the bursts is a single change. */
const LONE = 0.25;
/** This share of the bursts brings a violation. */
const VIOLATING = 0.4;
/** How many places in the stream a burst is spread over, and an event may be late. */
const SPREAD = 12;
const LATE = 15;
/** One duplicate in three comes much later: up to this share of all events. */
const MUCH_LATE = 0.25;
/** Event Grid sends batches to a webhook and single events to a queue; the product takes either from either. */
const LARGEST_BATCH = 8;

interface Burst {
  readonly member: Member;
  readonly at: number;
  readonly isSecond: boolean;
  readonly size: number;
}

/** The same seed, members and number give the same plan. `events` counts duplicates too. */
export function createPlan(seed: string, members: readonly Member[], events: number): Plan {
  const random = createRandom(seed, 'plan');
  const duplicates = Math.floor(events / DUPLICATES);
  const bursts = planBursts(random, members, events - duplicates);
  const placed = bursts
    .flatMap((burst) =>
      planWrites(random, burst).map((write) => ({ write, at: burst.at + Math.floor(random() * SPREAD) })),
    )
    .toSorted((one, other) => one.at - other.at);
  const writes = placed.map(({ write }) => write);
  return {
    writes,
    duplicates,
    changed: bursts.length,
    messages: batch(random, planDeliveries(random, writes.length, duplicates)),
  };
}

/** First bursts of all, then second ones of some, together as many writes as wanted. */
function planBursts(random: Random, members: readonly Member[], writes: number): readonly Burst[] {
  const again = shuffle(random, members).slice(0, Math.round(members.length * SECOND_BURSTS));
  const order = [
    ...shuffle(random, members).map((member) => ({ member, isSecond: false })),
    ...again.map((member) => ({ member, isSecond: true })),
  ];
  if (writes < order.length) throw new Error(`${members.length} resources need at least ${order.length} changes`);
  const sizes = order.map(() => 1);
  // Some stay alone: an event that gets lost in a burst is not missed.
  const growing = shuffle(random, [...sizes.keys()]).slice(Math.floor(order.length * LONE));
  for (let left = writes - order.length; left > 0; left -= 1) {
    const index = growing[Math.floor(random() * growing.length)] ?? 0;
    sizes[index] = (sizes[index] ?? 0) + 1;
  }
  let at = 0;
  return order.map(({ member, isSecond }, index) => {
    const burst = { member, isSecond, at, size: sizes[index] ?? 1 };
    at += burst.size;
    return burst;
  });
}

function planWrites(random: Random, { member, isSecond, size }: Burst): readonly Write[] {
  const { id, nature } = member;
  const by = isSecond ? 'automation' : 'operator';
  // Whoever has a reason not to be fixed also has something to fix.
  const isViolating = nature === 'ordinary' ? random() < VIOLATING : !isSecond;
  const worst = isViolating ? between(random, 0, size - 1) : -1;
  return Array.from({ length: size }, (_, index) => ({
    id,
    by,
    change: index === worst ? violate(member) : { tags: { build: `${between(random, 1000, 9999)}` } },
  }));
}

function violate({ kind, nature }: Member): JsonObject {
  if (kind === 'registry') return { properties: { adminUserEnabled: true } };
  return { tags: nature === 'value-not-allowed' ? { env: 'staging' } : { owner: null } };
}

/** Every event once, some twice, none of them quite in order. */
function planDeliveries(random: Random, writes: number, duplicates: number): readonly number[] {
  const first = Array.from({ length: writes }, (_, write) => ({ write, at: write + random() * LATE }));
  const second = shuffle(random, first)
    .slice(0, duplicates)
    .map(({ write, at }) => ({ write, at: at + random() * (random() < 1 / 3 ? writes * MUCH_LATE : LATE) }));
  return [...first, ...second].toSorted((one, other) => one.at - other.at).map(({ write }) => write);
}

function batch(random: Random, events: readonly number[]): readonly (readonly number[])[] {
  const messages: number[][] = [];
  for (let start = 0; start < events.length; ) {
    const size = pick(random, [1, between(random, 2, LARGEST_BATCH)]);
    messages.push(events.slice(start, start + size));
    start += size;
  }
  return messages;
}
