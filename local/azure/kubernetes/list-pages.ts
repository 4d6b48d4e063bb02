import type { JsonObject } from '../json.ts';
import type { Clock, Reply } from '../provider.ts';
import { badRequest, expired } from './status.ts';

/** etcd is compacted every five minutes; older lists cannot be continued. */
const SNAPSHOT_MS = 5 * 60_000;

interface Snapshot {
  readonly resourceVersion: string;
  readonly items: readonly JsonObject[];
  readonly takenAt: number;
}

/** What a list consists of. */
export interface Listed {
  /** `NodeList` … */
  readonly kind: string;
  readonly apiVersion: string;
  readonly resourceVersion: number;
  readonly items: () => readonly JsonObject[];
}

/** Pages of lists. A list that is continued goes on with what was there when it began. */
export class ListPages {
  readonly #clock: Clock;
  readonly #snapshots = new Map<number, Snapshot>();
  #next = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes every continue token so far useless. */
  expire(): void {
    this.#snapshots.clear();
  }

  /** Answers a list with `limit` and `continue` of the query. */
  answer(listed: Listed, query: URLSearchParams): Reply {
    const limit = Number(query.get('limit') ?? 0);
    if (!Number.isInteger(limit)) return badRequest(`unable to decode limit: '${query.get('limit') ?? ''}'`);
    const token = query.get('continue');
    const place = token ? readToken(token) : { snapshot: 0, start: 0 };
    if (place === undefined) return badRequest('continue key is not valid');
    const now = this.#clock.now().getTime();
    for (const [id, { takenAt }] of this.#snapshots) if (now - takenAt >= SNAPSHOT_MS) this.#snapshots.delete(id);
    const { start } = place;
    const snapshot = token ? this.#snapshots.get(place.snapshot) : take(listed, now);
    if (snapshot === undefined) return expired();
    const { items, resourceVersion } = snapshot;
    const end = limit > 0 ? Math.min(start + limit, items.length) : items.length;
    let rest: JsonObject = {};
    if (end < items.length) {
      const id = token ? place.snapshot : this.#keep(snapshot);
      rest = { continue: writeToken(id, end), remainingItemCount: items.length - end };
    }
    return {
      status: 200,
      body: {
        kind: listed.kind,
        apiVersion: listed.apiVersion,
        metadata: { resourceVersion, ...rest },
        items: items.slice(start, end),
      },
    };
  }

  #keep(snapshot: Snapshot): number {
    const id = this.#next;
    this.#next += 1;
    this.#snapshots.set(id, snapshot);
    return id;
  }
}

function take({ items, resourceVersion }: Listed, takenAt: number): Snapshot {
  return { items: items(), resourceVersion: String(resourceVersion), takenAt };
}

interface Place {
  readonly snapshot: number;
  readonly start: number;
}

function writeToken(snapshot: number, start: number): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: snapshot, start })).toString('base64url');
}

function readToken(token: string): Place | undefined {
  const [, snapshot, start] =
    /^\{"v":"meta\.k8s\.io\/v1","rv":(\d+),"start":(\d+)\}$/.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (snapshot === undefined || start === undefined) return undefined;
  return { snapshot: Number(snapshot), start: Number(start) };
}
