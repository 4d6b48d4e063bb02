import type { OnInvalidRow } from '../storage/parse-row.ts';

/**
 * The blast-radius breaker: how many different resources may be changed in any period, and when failing fixes stop them all.
 * One state per guard (one remediation, one subscription); a fix has to pass both. Pure: the caller reads, writes and retries.
 */

/** Limits of one guard, from settings. */
export interface BreakerLimits {
  /** Length of the sliding window, in milliseconds. */
  readonly windowMs: number;
  /** Most different keys in one window; `undefined` = off. */
  readonly cap: number | undefined;
  /** The same as a share of the known resources; `undefined` = off. */
  readonly sharePercent: number | undefined;
  /** Share of failed fixes in one window that stops everything; `undefined` = off. */
  readonly failurePercent: number | undefined;
  /** Fixes that must have started before their failures count. */
  readonly failureMinimum: number;
}

/** One key (resource and remediation, 16 hex digits) that was let through, whose fix then failed, or that has a time booked. */
export interface Slot {
  readonly key: string;
  /** Milliseconds since 1970: of the last admission, or of the booking. */
  readonly at: number;
  readonly kind: 'admitted' | 'failed' | 'booked';
}

/** `cap` ends by itself when the last booking is through, `failure-rate` only by an operator's reset. */
export interface TripState {
  readonly kind: 'cap' | 'failure-rate';
  /** ISO 8601. */
  readonly since: string;
  /** Somebody has been told. */
  readonly announced: boolean;
}

export interface BreakerState {
  /** One per key, by time. Older ones than the window are dropped with the next write. */
  readonly slots: readonly Slot[];
  /** As it was last asked for; lists have no limits at hand. */
  readonly windowMs: number | undefined;
  /** Known resources of the kind, from the last complete sweep. */
  readonly fleet: number | undefined;
  readonly trip: TripState | undefined;
}

export interface Guard {
  readonly state: BreakerState;
  readonly limits: BreakerLimits;
}

/** `later`: ask again at that time, the place is booked · `open`: nothing passes before an operator resets the guard. */
export type Admission =
  | { readonly result: 'admitted' }
  | { readonly result: 'later'; readonly at: Date }
  | { readonly result: 'open'; readonly since: string };

/** `states` in the order of the guards; the same object where nothing changed. */
export interface Decision {
  readonly admission: Admission;
  readonly states: readonly BreakerState[];
}

export const EMPTY_STATE: BreakerState = { slots: [], windowMs: undefined, fleet: undefined, trip: undefined };

/** Most slots of one guard: 46 characters each stay below the 32,768 of a cell. Who comes after that asks again, without a booking. */
export const MAX_ENTRIES = 500;

/** Known resources from which on a share of them means something. */
const SHARE_FROM = 20;

/** Whether these limits limit anything; if not, nothing has to be read. */
export function isLimiting({ cap, sharePercent, failurePercent }: BreakerLimits): boolean {
  return cap !== undefined || sharePercent !== undefined || failurePercent !== undefined;
}

/** Lets a key through all guards now, or books the earliest time at which it fits in all of them. */
export function admit(guards: readonly Guard[], key: string, now: Date): Decision {
  const time = now.getTime();
  const judged = guards.map(({ state, limits }) => ({ state: judgeFailures(state, limits, time), limits }));
  const open = judged.find(({ state }) => state.trip?.kind === 'failure-rate')?.state.trip;
  const unchanged = judged.map(({ state }) => state);
  if (open !== undefined) return { admission: { result: 'open', since: open.since }, states: unchanged };

  const seats = judged.map((guard) => seatOf(guard, key, time));
  const full = seats.filter(isFull);
  if (full.length > 0) {
    const states = seats.map((seat) => (full.includes(seat) && !hasPlace(seat, time) ? tripped(seat) : seat.state));
    return { admission: later(Math.max(...full.map(timeOfRoom))), states };
  }
  const at = findEarliest(seats);
  if (at === time) return { admission: { result: 'admitted' }, states: seats.map(take) };
  const booked = findOwnBooking(seats);
  if (booked !== undefined) return { admission: later(booked), states: unchanged };
  return { admission: later(at), states: seats.map((seat) => book(seat, at)) };
}

/**
 * The state after a fix has failed. It counts when it is known: a fix that took longer than the window, or that an operator's
 * reset forgot, takes a slot again.
 */
export function noteFailure({ state, limits }: Guard, key: string, now: Date): BreakerState {
  const time = now.getTime();
  const { own, others, cap } = seatOf({ state, limits }, key, time);
  const isKnown = own?.kind === 'failed' || own?.kind === 'booked';
  const isOver = own === undefined && others.length >= MAX_ENTRIES && cap !== Infinity;
  if (limits.failurePercent === undefined || isKnown || isOver) return judgeFailures(state, limits, time);
  const slots = arrange([...others, { key, at: own?.at ?? time, kind: 'failed' }], cap);
  return judgeFailures({ ...state, slots, windowMs: limits.windowMs }, limits, time);
}

/**
 * The state after an operator's reset: another cap's worth may go at once. Bookings are dropped too, or they would keep
 * everybody else waiting; who had one asks at that time all the same and is counted then, so that the rest drains at the cap.
 */
export function reset(state: BreakerState): BreakerState {
  return { ...state, slots: [], trip: undefined };
}

/** The state without a place that was booked and is not wanted any more; what was admitted stays, because it was done. */
export function withdraw(state: BreakerState, key: string): BreakerState {
  const slots = state.slots.filter((slot) => slot.key !== key || !isBooked(slot));
  if (slots.length === state.slots.length) return state;
  const trip = state.trip?.kind === 'cap' && !slots.some(isBooked) ? undefined : state.trip;
  return { ...state, slots, trip };
}

/** A trip as the caller sees it; guard, kind and since tell it from every other. */
export interface Trip extends Pick<TripState, 'kind' | 'since'> {
  /** `remediation/<id>` or `subscription/<id>`. */
  readonly guard: string;
}

export interface BreakerRequest {
  /** 16 hex digits for resource and remediation. */
  readonly key: string;
  readonly remediationId: string;
  readonly subscriptionId: string;
  readonly limits: { readonly remediation: BreakerLimits; readonly subscription: BreakerLimits };
  readonly now: Date;
}

/** One guard for people. */
export interface BreakerStatus {
  readonly guard: string;
  /** Keys let through in the present window, those among them that failed, and those that have a time booked. */
  readonly admitted: number;
  readonly failed: number;
  readonly booked: number;
  readonly fleet: number | undefined;
  readonly trip: TripState | undefined;
}

/** Where the breakers are kept. Whatever cannot be read or written is an error, and then nothing may be changed. */
export interface Breakers {
  /** `announce`: trips of these guards that nobody has been told of; they come with every answer until `announced`. */
  admit(request: BreakerRequest): Promise<Admission & { readonly announce: readonly Trip[] }>;
  /** What `admit` would answer at this moment; nothing is counted, booked or tripped by asking. */
  peek(request: BreakerRequest): Promise<Admission>;
  /** The trips that nobody has been told of. */
  noteFailure(request: BreakerRequest): Promise<readonly Trip[]>;
  announced(trip: Trip): Promise<void>;
  /** Gives booked places back. */
  withdraw(request: BreakerRequest): Promise<void>;
  list(now: Date, onInvalid: OnInvalidRow): AsyncIterable<BreakerStatus>;
  /** False when there is no such guard. A row that cannot be read is put right by this. */
  reset(guard: string): Promise<boolean>;
  /** Known resources per guard. A row that cannot be read is reported, and takes none of the others along. */
  setFleet(fleets: ReadonlyMap<string, number>, onInvalid: OnInvalidRow): Promise<void>;
}

export function remediationGuard(remediationId: string): string {
  return `remediation/${remediationId}`;
}

export function subscriptionGuard(subscriptionId: string): string {
  return `subscription/${subscriptionId.toLowerCase()}`;
}

/** One guard as one key finds it. */
interface Seat extends Guard {
  readonly key: string;
  readonly now: number;
  readonly cap: number;
  readonly own: Slot | undefined;
  /** Slots of other keys that are not too old. */
  readonly others: readonly Slot[];
  /** Those of them that this key gives way to. */
  readonly counted: readonly Slot[];
  /** Bookings of others whose window has no place left. */
  readonly fullAt: readonly number[];
}

function seatOf({ state, limits }: Guard, key: string, now: number): Seat {
  const { windowMs } = limits;
  const cap = capOf(limits, state.fleet);
  const live = state.slots.filter(({ at }) => at > now - windowMs);
  const own = live.find((slot) => slot.key === key);
  const others = live.filter((slot) => slot.key !== key);
  // Whose turn it is gives way to nobody who is still to come; a booking that this delays is put off when it is due.
  const isTurn = own !== undefined && isBooked(own) && own.at <= now;
  const counted = isTurn ? others.filter((slot) => !isBooked(slot) || slot.at > now) : others;
  const comers = isTurn ? [] : others.filter((slot) => isBooked(slot) && slot.at > now);
  const fullAt = comers.map(({ at }) => at).filter((at) => countUntil(counted, at, windowMs) >= cap);
  return { state, limits, key, now, cap, own, others, counted, fullAt };
}

/** Most keys in one window, never less than one. */
function capOf({ cap, sharePercent }: BreakerLimits, fleet: number | undefined): number {
  // Where the share is the only limit, an estate that nobody has counted yet is as small as a share can be taken of.
  const known = fleet ?? (cap === undefined ? SHARE_FROM : 0);
  const isShared = sharePercent !== undefined && known >= SHARE_FROM;
  return Math.max(1, Math.min(cap ?? Infinity, isShared ? Math.ceil((known * sharePercent) / 100) : Infinity));
}

/** Slots in the window that ends at this time. One that was admitted counts even if another instance's clock is ahead. */
function countUntil(slots: readonly Slot[], time: number, windowMs: number): number {
  return slots.filter((slot) => slot.at > time - windowMs && (slot.at <= time || !isBooked(slot))).length;
}

/** Whether the key may pass at this time: no window with that time in it would hold more than the cap. */
function hasPlace({ own, cap, counted, fullAt, limits: { windowMs } }: Seat, time: number): boolean {
  if (cap === Infinity || (own !== undefined && !isBooked(own) && own.at > time - windowMs)) return true;
  return countUntil(counted, time, windowMs) < cap && !fullAt.some((end) => time <= end && time > end - windowMs);
}

/** The first time at which all have a place. It ends: after the last slot has left a window, that window is empty. */
function findEarliest(seats: readonly Seat[]): number {
  const [first] = seats;
  let time = first?.now ?? 0;
  let next = time;
  do {
    time = next;
    next = Math.max(time, ...seats.map((seat) => findPlace(seat, time)));
  } while (next > time);
  return time;
}

/** A place only comes free when a slot leaves the window, so no other times have to be tried. */
function findPlace(seat: Seat, from: number): number {
  if (hasPlace(seat, from)) return from;
  const times = seat.counted.map(({ at }) => at + seat.limits.windowMs).filter((time) => time > from);
  return (
    times.toSorted((one, other) => one - other).find((time) => hasPlace(seat, time)) ?? from + seat.limits.windowMs
  );
}

/** The time that the key has booked already, if that is one time in all guards that need it. */
function findOwnBooking(seats: readonly Seat[]): number | undefined {
  const times = seats
    .filter(needsBooking)
    .map(({ own, now }) => (own !== undefined && own.at > now ? own.at : undefined));
  return new Set(times).size === 1 ? times[0] : undefined;
}

/** A guard without cap books nothing, and one that counts the key already would forget when it acted. */
function needsBooking({ cap, own }: Seat): boolean {
  return cap !== Infinity && (own === undefined || isBooked(own));
}

function take({ state, limits, key, now, cap, own, others }: Seat): BreakerState {
  const at = own !== undefined && !isBooked(own) ? Math.max(now, own.at) : now;
  const slots = arrange([...others, { key, at, kind: 'admitted' }], cap);
  const isDrained = cap === Infinity || !others.some(isBooked);
  const trip = state.trip?.kind === 'cap' && isDrained ? undefined : state.trip;
  return judgeFailures({ ...state, slots, windowMs: limits.windowMs, trip }, limits, now);
}

function book(seat: Seat, at: number): BreakerState {
  const state = hasPlace(seat, seat.now) ? seat.state : tripped(seat);
  if (!needsBooking(seat)) return state;
  const slots = arrange([...seat.others, { key: seat.key, at, kind: 'booked' }], seat.cap);
  return { ...state, slots, windowMs: seat.limits.windowMs };
}

function tripped({ state, now }: Seat): BreakerState {
  if (state.trip !== undefined) return state;
  return { ...state, trip: { kind: 'cap', since: new Date(now).toISOString(), announced: false } };
}

/** With a cap nobody comes in beyond the limit of slots; without one the newest are enough to judge by. */
function arrange(slots: readonly Slot[], cap: number): readonly Slot[] {
  const sorted = slots.toSorted((one, other) => one.at - other.at);
  return cap === Infinity ? sorted.slice(-MAX_ENTRIES) : sorted;
}

function isFull({ cap, own, others }: Seat): boolean {
  return cap !== Infinity && own === undefined && others.length >= MAX_ENTRIES;
}

/** When to ask again where not even a booking has room: with the last one, or else when the oldest slot is dropped. */
function timeOfRoom({ others, now, limits: { windowMs } }: Seat): number {
  const times = others.map(({ at }) => at);
  const last = Math.max(...times);
  return last > now ? last : Math.min(...times) + windowMs;
}

/** Trips when too many of the fixes in the window have failed. Where the limit was switched off, its trip is over. */
function judgeFailures(state: BreakerState, limits: BreakerLimits, now: number): BreakerState {
  const { failurePercent, failureMinimum, windowMs } = limits;
  const isTripped = state.trip?.kind === 'failure-rate';
  if (failurePercent === undefined) return isTripped ? { ...state, trip: undefined } : state;
  const started = state.slots.filter((slot) => !isBooked(slot) && slot.at > now - windowMs);
  const failed = started.filter(({ kind }) => kind === 'failed').length;
  const isTooMany = started.length >= failureMinimum && failed * 100 >= failurePercent * started.length;
  if (isTripped || failed === 0 || !isTooMany) return state;
  return { ...state, trip: { kind: 'failure-rate', since: new Date(now).toISOString(), announced: false } };
}

function isBooked({ kind }: Slot): boolean {
  return kind === 'booked';
}

function later(time: number): Admission {
  return { result: 'later', at: new Date(time) };
}
