import type { Json } from './json.ts';
import type { ArmRequest } from './provider.ts';

/** What goes wrong, or what else happens, at a request over the wire. */
export type FaultEffect =
  /** Answers without asking the provider. A string body is sent as it is (HTML unless `content-type` says otherwise), no body = empty. */
  | { kind: 'answer'; status: number; headers?: Readonly<Record<string, string>>; body?: Json }
  /** 401 with a claims challenge (continuous access evaluation). */
  | { kind: 'claims-challenge' }
  /** Answers normally but cuts the JSON in half. */
  | { kind: 'cut-json' }
  /** Waits (real time) before handling. */
  | { kind: 'delay'; milliseconds: number }
  /** Never answers; the socket stays open until stop(). Nothing is applied. */
  | { kind: 'hang' }
  /** Destroys the socket without applying anything. */
  | { kind: 'drop' }
  /** Applies the request, raises its event, then destroys the socket. */
  | { kind: 'apply-then-drop' }
  /** A GET, or a Resource Graph query, answers the state before the last write. */
  | { kind: 'stale-read' }
  /** A write answers 200 with the changed body but changes nothing and raises nothing. */
  | { kind: 'ignore-write' }
  /** Poll URLs of the answer point to another host. */
  | { kind: 'foreign-host'; host: string }
  /** Runs a test's code before the request is handled, or after that and before it is answered. */
  | { kind: 'before' | 'after'; run: () => void | Promise<void> };

/** Which requests a fault hits. */
export interface Fault {
  readonly method?: string;
  /** Tested against path and query. */
  readonly path?: RegExp;
  /** Name of the calling identity. */
  readonly caller?: string;
  readonly when?: (request: ArmRequest) => boolean;
  /** Lets this many matching requests pass first. */
  readonly skip?: number;
  /** Hits this many requests, then is over. Default 1; Infinity = until removed. */
  readonly times?: number;
  readonly effect: FaultEffect;
}

/** A fault in force. */
export interface ArmedFault {
  /** How many requests it has hit. */
  readonly matched: number;
  remove(): void;
}

interface Entry extends Fault {
  seen: number;
  matched: number;
}

/** The script of faults, in the order in which they were added. */
export class Faults {
  #entries: Entry[] = [];

  add(fault: Fault): ArmedFault {
    const entry: Entry = { ...fault, seen: 0, matched: 0 };
    this.#entries.push(entry);
    return {
      get matched() {
        return entry.matched;
      },
      remove: () => {
        this.#entries = this.#entries.filter((candidate) => candidate !== entry);
      },
    };
  }

  clear(): void {
    this.#entries = [];
  }

  /** The effects that hit a request: hooks and delays add up, of the others the first one counts. */
  take(request: ArmRequest, caller: string | undefined): readonly FaultEffect[] {
    const effects: FaultEffect[] = [];
    let hasFailure = false;
    for (const entry of this.#entries) {
      if (!matches(entry, request, caller)) continue;
      const isFailure = !['before', 'after', 'delay', 'foreign-host'].includes(entry.effect.kind);
      if (isFailure && hasFailure) continue;
      entry.seen += 1;
      if (entry.seen <= (entry.skip ?? 0) || entry.matched >= (entry.times ?? 1)) continue;
      entry.matched += 1;
      hasFailure ||= isFailure;
      effects.push(entry.effect);
    }
    return effects;
  }
}

function matches(fault: Fault, request: ArmRequest, caller: string | undefined): boolean {
  if (fault.method !== undefined && fault.method !== request.method) return false;
  if (fault.caller !== undefined && fault.caller !== caller) return false;
  const query = request.query.toString();
  if (fault.path && !fault.path.test(query ? `${request.path}?${query}` : request.path)) return false;
  return fault.when?.(request) ?? true;
}
