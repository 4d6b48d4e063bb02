import { isPlainObject, parseJson } from '../../resources/lenient.ts';
import { parseTimestamp } from './timestamp.ts';

/** A lock of kured: who holds it may reboot, everybody else waits. */
export interface KuredLock {
  /** Name of a node, or `manual`: an operator's pause. */
  readonly holder: string;
  /** Milliseconds since 1970; undefined = it does not say. */
  readonly created: number | undefined;
  /** Milliseconds after which it no longer counts; 0 = never. */
  readonly ttl: number;
}

/** Holder of a lock that an operator put there to pause all reboots. */
export const MANUAL = 'manual';

const MAX_LENGTH = 100_000;
const NODE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** Reads kured's lock annotation, of one lock or of several; undefined text = no lock; `unreadable` = anything but locks. */
export function parseLocks(text: string | undefined): readonly KuredLock[] | 'unreadable' {
  if (text === undefined) return [];
  const value = text.length > MAX_LENGTH ? undefined : parseJson(text);
  if (!isPlainObject(value)) return 'unreadable';
  if (!Object.hasOwn(value, 'locks')) return readLocks([value]);
  const { locks } = value;
  if (locks === null) return [];
  return Array.isArray(locks) ? readLocks(locks) : 'unreadable';
}

/** Does the lock no longer count? */
export function isExpired({ created, ttl }: KuredLock, now: number): boolean {
  return ttl > 0 && now - (created ?? Number.NEGATIVE_INFINITY) >= ttl;
}

function readLocks(values: readonly unknown[]): readonly KuredLock[] | 'unreadable' {
  const locks = values.map(readLock).filter((lock) => lock !== undefined);
  return locks.length < values.length ? 'unreadable' : locks;
}

function readLock(value: unknown): KuredLock | undefined {
  if (!isPlainObject(value)) return undefined;
  const { nodeID, created, TTL = 0 } = value;
  if (typeof nodeID !== 'string' || !NODE_NAME.test(nodeID)) return undefined;
  if (typeof TTL !== 'number' || !Number.isFinite(TTL)) return undefined;
  const ttl = Math.max(0, TTL / NANOSECONDS_PER_MILLISECOND);
  if (created === undefined) return { holder: nodeID, created: undefined, ttl };
  const time = typeof created === 'string' ? parseTimestamp(created) : undefined;
  return time === undefined ? undefined : { holder: nodeID, created: time, ttl };
}
