import { isDockwardenError } from '../../errors.ts';
import { formatWorkMessage } from '../../events/work-message.ts';
import type { ResourceId } from '../../resources/resource-id.ts';
import type { Ticket, VersionedTicket } from '../../tickets/ticket.ts';
import { ticketKey } from '../../tickets/ticket-key.ts';
import type { PendingCause } from '../../work/work-items.ts';
import type { EngineContext } from '../ports.ts';
import { delayUntil } from '../waiting.ts';
import { afterLook, type Sighting, type TicketContent } from './life-cycle.ts';
import { type Look, sightingsOf } from './sightings.ts';
import { isActive } from './ticket-columns.ts';
import { newTicket, requestDelivery, storeStep } from './ticket-steps.ts';

/** A ticket that this look has something to say about. */
interface Concern {
  readonly policyId: string;
  readonly part: string;
  readonly sighting: Sighting;
  readonly graceMs: number;
}

/** Writes of one row that may collide before it is left to the next look. */
const MAX_TRIES = 5;
/** A look that is to confirm another comes at least this much later, in milliseconds: the first one has to end before. */
const SHORTEST_WAIT = 1000;

/** What one pass over a resource says about its tickets. Nothing here talks to another system: that is the outbox's work. */
export class TicketLooks {
  readonly #context: EngineContext;
  readonly #target: ResourceId;
  readonly #cause: PendingCause | undefined;
  readonly #concerns: Concern[] = [];

  constructor(context: EngineContext, target: ResourceId, cause: PendingCause | undefined) {
    this.#context = context;
    this.#target = target;
    this.#cause = cause;
  }

  /**
   * Puts aside what the look means for tickets of the policy, until `settle`. Returns the parts that may have a ticket from now on: the finding
   * has to remember them first, so that a worker that dies in between loses none.
   */
  async note(look: Look, graceMs: number): Promise<readonly string[]> {
    const active: string[] = [];
    const ofOthers = this.#concerns.filter(({ policyId }) => policyId !== look.policy.id);
    this.#concerns.length = 0;
    this.#concerns.push(...ofOthers);
    for (const [part, sighting] of sightingsOf(look)) {
      const isNew = sighting.seen === 'violation';
      if (!isNew && !look.knownParts.includes(part)) continue;
      if (isNew || (await this.#isActive(look.policy.id, part))) active.push(part);
      this.#concerns.push({ policyId: look.policy.id, part, sighting, graceMs });
    }
    return active.toSorted();
  }

  /** Every ticket of a policy that judges the resource no more. Returns the parts whose ticket is not over yet, as `note` does. */
  async close(
    policyId: string,
    parts: readonly string[],
    resolution: 'gone' | 'policy-off',
  ): Promise<readonly string[]> {
    const active: string[] = [];
    for (const part of parts) {
      if (await this.#isActive(policyId, part)) active.push(part);
      this.#concerns.push({ policyId, part, sighting: { seen: 'gone', resolution }, graceMs: 0 });
    }
    return active;
  }

  /** Stores what was noted. A ticket that cannot be stored waits for the next look: it keeps nothing else up. */
  async settle(): Promise<void> {
    /** Moments of looks that have to confirm something, in milliseconds: many tickets of one resource share one look. */
    const looks = new Set<number>();
    for (const concern of this.#concerns.splice(0)) {
      try {
        const lookAgainAt = await this.#settleOne(concern);
        if (lookAgainAt !== undefined) looks.add(Math.ceil(lookAgainAt.getTime() / 1000) * 1000);
      } catch (error) {
        if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
        this.#context.log.error('a ticket cannot be read', { error: error.message });
      }
    }
    for (const at of looks) await this.#lookAgain(new Date(at));
  }

  async #isActive(policyId: string, part: string): Promise<boolean> {
    const known = await this.#read(policyId, part);
    if (known === 'damaged') return true;
    if (known === undefined) return false;
    return isActive(known.ticket);
  }

  /** A row that somebody has damaged counts as there: it is reported when it is to be written. */
  async #read(policyId: string, part: string): Promise<VersionedTicket | 'damaged' | undefined> {
    try {
      return await this.#context.tickets.get(this.#keyOf(policyId, part));
    } catch (error) {
      if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
      return 'damaged';
    }
  }

  #keyOf(policyId: string, discriminator: string): string {
    return ticketKey({ policyId, resourceId: this.#target.id, discriminator });
  }

  /** Returns when to look again. */
  async #settleOne(concern: Concern): Promise<Date | undefined> {
    const context = this.#context;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const stored = await context.tickets.get(this.#keyOf(concern.policyId, concern.part));
      const blank = (content: TicketContent) => this.#blank(concern, content);
      const step = afterLook(stored?.ticket, concern.sighting, blank, concern.graceMs, context.clock.now());
      if (step === undefined) return undefined;
      const written = await storeStep(context, stored, step, this.#cause);
      if (written === undefined) continue;
      if (written !== 'dropped') await requestDelivery(context, written);
      return step.lookAgainAt;
    }
    context.log.warn('a ticket is written by others all the time; the next look tries again', {
      resourceId: this.#target.id,
      policyId: concern.policyId,
    });
    return undefined;
  }

  async #lookAgain(at: Date): Promise<void> {
    const now = this.#context.clock.now();
    const cause = {
      kind: 'sweep',
      id: `ticket-${this.#context.newRunId(now)}`,
      time: now.toISOString(),
    } as const;
    const delayMs = Math.max(SHORTEST_WAIT, delayUntil(at, now));
    await this.#context.queue.send(formatWorkMessage({ resourceId: this.#target, cause }), delayMs);
  }

  #blank({ policyId, part }: Concern, content: TicketContent): Ticket {
    const now = this.#context.clock.now().toISOString();
    const subject = { policyId, resourceId: this.#target.id, discriminator: part };
    return newTicket(subject, content, now);
  }
}
