import type { TrackingSystem } from '../../src/tickets/ticket-system.ts';

/** One request as the server saw it, whatever it answered. */
export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ServerAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes out as it is, anything else as JSON; absent = no body. */
  readonly body?: unknown;
}

export type FaultEffect =
  /** This instead of the vendor's answer; `acts`: the request is carried out all the same. */
  | { readonly kind: 'answer'; readonly acts?: boolean; readonly answer: ServerAnswer }
  /** The vendor's answer, changed. */
  | { readonly kind: 'change'; change(answer: ServerAnswer): ServerAnswer }
  /** No answer ever. */
  | { readonly kind: 'hang'; readonly acts?: boolean }
  /** The connection is reset. */
  | { readonly kind: 'reset'; readonly acts: boolean }
  /** Carried out; then 2 MB of valid JSON. */
  | { readonly kind: 'oversized' };

export interface Fault {
  /** Which requests; default: any. */
  readonly method?: string;
  readonly path?: RegExp;
  /** How many of those pass before it starts; default none. */
  readonly after?: number;
  /** How many of those it hits; default 1. */
  readonly times?: number;
  readonly effect: FaultEffect;
}

/** A ticket as it is stored, for looking at it past the adapter. */
export interface StoredTicket {
  readonly id: string;
  readonly title: string;
  /** In the format of the system. */
  readonly body: string;
  readonly state: 'open' | 'closed';
  /** Labels, tags, or the value of the field: where the key is expected. */
  readonly labels: readonly string[];
  readonly comments: readonly string[];
}

/** A server on loopback that behaves like the vendor's, refusals and traps included. */
export interface TicketServer {
  /** Base address without a slash at the end. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  tickets(): readonly StoredTicket[];
  fault(fault: Fault): void;
  /** What a person does in the web page. */
  closeByHand(id: string, as: 'fixed' | 'wont-fix' | 'duplicate'): void;
  /** Gone for everybody. */
  delete(id: string): void;
  /** A ticket that somebody else made; its id. `elsewhere`: in another project or repository that the same credential may read. */
  plant(ticket: { readonly title: string; readonly key?: string; readonly elsewhere?: boolean }): string;
  stop(): Promise<void>;
}

/** A time that stands still until it is moved: of the server and of the adapter. */
export interface RigClock {
  now(): Date;
  advance(milliseconds: number): void;
}

export interface ConnectChanges {
  /** Another credential than the right one. */
  readonly credential?: string;
  readonly fetch?: typeof fetch;
  readonly timeouts?: { readonly read: number; readonly write: number };
  /** Base address of another server, with the same settings otherwise. */
  readonly url?: string;
}

export type RequestPattern = Required<Pick<Fault, 'method' | 'path'>>;

/** An adapter with its server, and what is particular to the vendor. */
export interface TicketRig {
  readonly system: TrackingSystem;
  readonly server: TicketServer;
  readonly clock: RigClock;
  /** The credential of `system`: it must show nowhere. */
  readonly secret: string;
  /** Another adapter for the same target. */
  connect(changes: ConnectChanges): TrackingSystem;
  /** Which requests do what, so that a fault can hit one of them. */
  readonly patterns: {
    readonly find: RequestPattern;
    /** The one that makes the ticket. */
    readonly create: RequestPattern;
    /** Of one ticket by its id. */
    readonly read: RequestPattern;
    /** Any that changes one ticket. */
    readonly change: RequestPattern;
  };
  /** How this vendor says that the credential is not good (facts: tickets §9 case 6); 401 and 403 are tried for all. */
  readonly authAnswers: readonly { readonly name: string; readonly answer: ServerAnswer }[];
  /** How it refuses what was sent (case 8), and the words that staff must be shown. */
  readonly refusals: readonly { readonly name: string; readonly answer: ServerAnswer; readonly says: string }[];
  /** How it says "too many requests" besides 429 with `Retry-After` (case 9). */
  readonly rateAnswers: readonly {
    readonly name: string;
    readonly answer: ServerAnswer;
    readonly retryAfterMs: number | undefined;
  }[];
  /** What it accepts and ignores (case 10): `act` must reject with `invalid` or `not-found`. */
  readonly ignored: readonly { readonly name: string; act(rig: TicketRig): Promise<unknown> }[];
  /** Escaped text that must be in the stored body for `<script>alert(1)</script>`, and text that must not be. */
  readonly escaped: { readonly has: string; readonly hasNot: readonly string[] };
  /** Kind of error for a redirect; default `invalid`. */
  readonly redirectKind?: 'auth' | 'invalid';
  stop(): Promise<void>;
}
