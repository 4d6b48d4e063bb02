import { createHash } from 'node:crypto';
import { auditKey } from '../audit/audit-log.ts';
import { isDockwardenError } from '../errors.ts';
import type { Trip } from '../guards/breaker.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { AdmissionAnswer } from './decide.ts';
import type { EngineContext } from './ports.ts';
import { describeTrip, openBreakerTicket } from './tickets/breaker-tickets.ts';

/** Asks the breaker for one more change of this resource by this remediation. A breaker that cannot be asked lets nothing pass. */
export async function askAdmission(
  context: EngineContext,
  target: ResourceId,
  remediationId: string,
): Promise<AdmissionAnswer> {
  try {
    const { announce, ...admission } = await context.breakers.admit(requestOf(context, target, remediationId));
    await announceTrips(context, announce);
    if (admission.result !== 'open') return admission;
    const because = `too many fixes failed: closed since ${admission.since}, until an operator resets it`;
    return { result: 'open', because };
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE') && !isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    return { result: 'unavailable', because: error.message };
  }
}

/** Tells the breaker of a fix that failed for good; it may open by it. */
export async function countFailure(context: EngineContext, target: ResourceId, remediationId: string): Promise<void> {
  try {
    await announceTrips(context, await context.breakers.noteFailure(requestOf(context, target, remediationId)));
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    // Nothing is let through while the row is damaged; the run that has failed still gets its outcome.
    context.log.error('a failed fix cannot be counted', { remediationId, error: error.message });
  }
}

/** Gives a booked place back, so that it keeps nobody else waiting. */
export async function givePlaceBack(context: EngineContext, target: ResourceId, remediationId: string): Promise<void> {
  try {
    await context.breakers.withdraw(requestOf(context, target, remediationId));
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    context.log.error('a place at the breaker cannot be given back', { remediationId, error: error.message });
  }
}

function requestOf({ settings, clock }: EngineContext, target: ResourceId, remediationId: string) {
  return {
    key: breakerKey(target, remediationId),
    remediationId,
    subscriptionId: target.subscriptionId.toLowerCase(),
    limits: settings.safety.breaker,
    now: clock.now(),
  };
}

/** Name of a change in the breaker's rows: one resource and one remediation. */
function breakerKey(target: ResourceId, remediationId: string): string {
  return createHash('sha256').update(`${target.key}\n${remediationId}`).digest('hex').slice(0, 16);
}

/**
 * Writes one audit row (stage `notice`) for each trip of the breaker. The key is made of the guard and the moment, so any number of workers
 * writes the same row; a trip counts as announced only afterwards.
 */
async function announceTrips(context: EngineContext, trips: readonly Trip[]): Promise<void> {
  for (const trip of trips) {
    const { guard, kind, since } = trip;
    const [type = '', id = ''] = guard.split('/');
    await context.audit.append(auditKey(new Date(since), `breaker-${kind}-${type}-${id}`, 'notice'), {
      time: context.clock.now().toISOString(),
      stage: 'notice',
      reason: kind === 'cap' ? 'breaker-cap' : 'breaker-open',
      ...(type === 'remediation' ? { remediationId: id } : { subscriptionId: id }),
      causeId: guard,
      error: describeTrip(trip),
      configHash: context.settings.hash,
      version: context.version,
    });
    await openBreakerTicket(context, trip);
    await context.breakers.announced(trip);
    context.log.warn('breaker tripped', { guard, kind, since });
  }
}
