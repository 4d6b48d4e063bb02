import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { probeSubscription } from '../azure/resources.ts';
import { type DockwardenError, isDockwardenError } from '../errors.ts';
import { formatWorkMessage, type WorkMessage } from '../events/work-message.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OpenRun } from '../work/work-items.ts';
import { causeColumns, resourceColumns } from './audit-rows.ts';
import { isUnfinished } from './finding-state.ts';
import { recheckKeyUsers } from './key-users.ts';
import { type EngineContext, LIMITS } from './ports.ts';
import { refuseUndos, releaseQuarantines, undoFixes } from './requests.ts';
import { ResourcePass } from './resource-pass.ts';
import { endUnreadable, takeUpRun } from './resume.ts';
import { type Snapshot, unreadable } from './snapshot.ts';
import { delayUntil, retryDelay } from './waiting.ts';
import type { Wait } from './waits.ts';
import { WorkLease } from './work-lease.ts';

/** How long to stay away from storage that does not answer. */
const STORAGE_WAIT = 30_000;
/** Passes of one invocation over a resource that others keep changing; then the queue takes over, long before the host's time limit. */
const MAX_PASSES = 5;
/** How long a resource that is changed all the time has to wait for its next pass. */
const CHANGED_WAIT = 5000;

/**
 * Brings one resource to the decided state. Returns when the message may be deleted: an outcome or a decision is stored, or a new
 * message has been sent for later. Throws only when neither can be had; the host then delivers the message again.
 */
export async function reconcile(context: EngineContext, message: WorkMessage, owner: string): Promise<void> {
  try {
    await reconcileOnce(context, message, owner);
  } catch (error) {
    const isPassing = isDockwardenError(error, 'STORAGE_UNAVAILABLE') || isDockwardenError(error, 'LEASE_LOST');
    if (!isPassing) throw error;
    await putBack(context, message, error);
  }
}

/** Sends the message again for later: an outage may take longer than the host's deliveries, which end in the poison queue. */
export async function putBack(
  { log, queue }: Pick<EngineContext, 'log' | 'queue'>,
  message: WorkMessage,
  error: DockwardenError,
): Promise<void> {
  log.warn('work put back', { resourceId: message.resourceId.id, error: error.message, code: error.code });
  const delayMs = error.code === 'LEASE_LOST' ? LIMITS.lease + LIMITS.leaseSkew : STORAGE_WAIT;
  await queue.send(formatWorkMessage(message), delayMs);
}

async function reconcileOnce(context: EngineContext, message: WorkMessage, owner: string): Promise<void> {
  const target = message.resourceId;
  const acquired = await WorkLease.acquire(context.work, context.clock, target, owner, {
    ...(message.cause !== undefined && {
      cause: { ...message.cause, queuedAt: earlier(message.cause.time, context.clock.now()) },
    }),
    ...(message.notBefore !== undefined && { notBefore: message.notBefore }),
  });
  switch (acquired.result) {
    case 'clean':
    case 'scheduled':
      return;
    case 'held':
      // Its worker sees what came in when it is done; this message is only needed if it is dead.
      await context.queue.send(formatWorkMessage(message), delayUntil(acquired.until, context.clock.now()));
      return;
    case 'leased':
      try {
        await workOn(context, target, acquired.lease);
      } catch (error) {
        await abandon(context, acquired.lease);
        throw error;
      }
  }
}

/** When a message with this cause was sent, at the latest. */
function earlier(time: string, now: Date): string {
  return new Date(Math.min(Date.parse(time), now.getTime())).toISOString();
}

/** A worker that fails gives the lease back, so that the host's redeliveries meet the work again and count – up to the poison queue. */
async function abandon(context: EngineContext, lease: WorkLease): Promise<void> {
  try {
    await lease.abandon();
  } catch (error) {
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    context.log.warn('the lease has to run out', { error: error.message });
  }
}

async function workOn(context: EngineContext, target: ResourceId, lease: WorkLease): Promise<void> {
  let openRun = lease.item.run;
  for (let passes = 1; ; passes += 1) {
    const pass = await ResourcePass.begin(context, target, lease);
    const wait = await lookAt(pass, openRun);
    // What may be gone has its tickets when it turns out to be there.
    if (wait !== undefined && wait.missingSince === undefined) await pass.noteAlertsAtOnce();
    await pass.notes.save();
    if (wait !== undefined && !(await hasWaitedTooLong(pass, wait))) {
      await suspend(context, target, lease, wait);
      return;
    }
    if ((await lease.finish()) === 'released') return;
    lease.forgetWaiting();
    openRun = undefined;
    if (passes >= MAX_PASSES) {
      await suspend(context, target, lease, { delayMs: CHANGED_WAIT });
      return;
    }
  }
}

/** After a day of waiting only the sweep looks again; a run that is still open ends by its own rules. */
async function hasWaitedTooLong(pass: ResourcePass, wait: PassWait): Promise<boolean> {
  const { waitingSince } = pass.lease.item;
  if (wait.run !== undefined || waitingSince === undefined) return false;
  if (pass.context.clock.now().getTime() - Date.parse(waitingSince) < LIMITS.givingUp) return false;
  const because = 'it could not be decided or fixed for a day';
  await refuseUndos(pass, 'gave-up', because);
  if (wait.isCompliant !== true) await noteWaiting(pass, 'gave-up', because);
  return true;
}

interface PassWait extends Wait {
  readonly missingSince?: string;
}

async function lookAt(pass: ResourcePass, openRun: OpenRun | undefined): Promise<PassWait | undefined> {
  await releaseQuarantines(pass);
  let snapshot: Snapshot;
  try {
    snapshot = await pass.read();
  } catch (error) {
    return await afterFailedRead(pass, openRun, error);
  }
  let run = openRun;
  try {
    const taken = openRun === undefined ? { wait: undefined, snapshot } : await takeUpRun(pass, openRun, snapshot);
    if (taken.wait !== undefined) return taken.wait;
    run = undefined;
    const done = await undoFixes(pass, taken.snapshot);
    if (done.wait !== undefined) return done.wait;
    const wait = await pass.treat(done.snapshot);
    await pass.judgeLate();
    await recheckKeyUsers(pass);
    return wait;
  } catch (error) {
    // The resource is read once more where the first read is too old to act upon.
    return await afterFailedRead(pass, run, error);
  }
}

async function suspend(context: EngineContext, target: ResourceId, lease: WorkLease, wait: PassWait): Promise<void> {
  const now = context.clock.now();
  const notBefore = new Date(now.getTime() + wait.delayMs).toISOString();
  await context.queue.send(formatWorkMessage({ resourceId: target, notBefore }), wait.delayMs);
  const { attempt, waitingSince } = lease.item;
  const { previousRunId, previousPolicyId } = wait.previousRunId === undefined ? lease.item : wait;
  const state = {
    attempt: attempt + 1,
    waitingSince: waitingSince ?? now.toISOString(),
    notBefore,
    ...(wait.run !== undefined && { run: wait.run }),
    ...(wait.missingSince !== undefined && { missingSince: wait.missingSince }),
    ...(previousRunId !== undefined && { previousRunId }),
    ...(previousPolicyId !== undefined && { previousPolicyId }),
  };
  try {
    await lease.suspend(state);
  } catch (error) {
    // The wake-up is on its way and finds the lease as it is; a second message would only be one more, for ever.
    if (!isDockwardenError(error, 'STORAGE_UNAVAILABLE')) throw error;
    context.log.warn('the state of the wait is not stored', { resourceId: target.id, error: error.message });
  }
}

async function afterFailedRead(
  pass: ResourcePass,
  openRun: OpenRun | undefined,
  error: unknown,
): Promise<PassWait | undefined> {
  if (!isDockwardenError(error) || !error.code.startsWith('AZURE_')) throw error;
  if (error.code === 'AZURE_NOT_FOUND') return await afterMissing(pass, openRun, error);
  if (error.code === 'AZURE_TRANSIENT' || error.code === 'AZURE_BUSY' || error.code === 'AZURE_CONFLICT') {
    return await afterOutage(pass, openRun, error);
  }
  // Not allowed to read: that says nothing about the resource, and trying again helps nobody.
  if (openRun !== undefined) await endUnreadable(pass, openRun, 'denied', error.message);
  await noteUnreadable(pass, error);
  return undefined;
}

/** Every policy's verdict is unknown but for alerts, and what operators asked for cannot be done. */
async function noteUnreadable(pass: ResourcePass, error: DockwardenError): Promise<void> {
  const because = `cannot be judged: ${error.message}`;
  await refuseUndos(pass, 'unreadable', error.message);
  await pass.noteAlertsAtOnce();
  for (const policy of pass.policies) {
    if (pass.needsNoRead(policy)) continue;
    const verdict = unreadable(error);
    const decision = { decision: 'observe', reason: 'verdict-unknown', because } as const;
    await pass.note({ policy, verdict, decided: { decision, memory: pass.memoryOf(policy) } });
  }
}

async function afterOutage(
  pass: ResourcePass,
  openRun: OpenRun | undefined,
  error: DockwardenError,
): Promise<PassWait | undefined> {
  const { attempt, waitingSince } = pass.lease.item;
  if (attempt === 0) await noteWaiting(pass, 'azure-unavailable', error.message);
  // A run has a day of its own: what came before it has waited for something else.
  const since = openRun?.verifyingSince ?? openRun?.startedAt ?? waitingSince;
  const waitedMs = since === undefined ? 0 : pass.context.clock.now().getTime() - Date.parse(since);
  const delayMs = retryDelay(attempt, error);
  if (openRun === undefined) return { delayMs };
  if (waitedMs < LIMITS.givingUp) return { delayMs, run: openRun };
  await endUnreadable(pass, openRun, 'gave-up', error.message);
  await noteUnreadable(pass, error);
  return undefined;
}

/** A decision about the resource as a whole, without a run and without a policy. */
async function noteWaiting({ context, target, cause }: ResourcePass, reason: string, error: string): Promise<void> {
  const now = context.clock.now();
  await context.audit.append(auditKey(now, context.newRunId(now), 'decision'), {
    time: now.toISOString(),
    stage: 'decision',
    ...resourceColumns(target),
    ...(cause !== undefined && causeColumns(cause)),
    decision: 'defer',
    reason,
    configHash: context.settings.hash,
    version: context.version,
    error,
  });
}

/** A 404 is believed after a second one a minute later (or after a delete event), and only while the subscription can be read at all. */
async function afterMissing(
  pass: ResourcePass,
  openRun: OpenRun | undefined,
  error: DockwardenError,
): Promise<PassWait | undefined> {
  const now = pass.context.clock.now();
  const missingSince = pass.lease.item.missingSince ?? now.toISOString();
  const isBelievable =
    now.getTime() - Date.parse(missingSince) >= LIMITS.missing || pass.causes.some(({ deleted }) => deleted === true);
  // A new resource may answer 404 for seconds, too.
  const run = openRun === undefined ? {} : { run: openRun };
  if (!isBelievable) return { delayMs: LIMITS.missing, missingSince, ...run };
  const hasUnfinished = [...pass.previous.values()].some(isUnfinished);
  if (!hasUnfinished && openRun === undefined) {
    await refuseUndos(pass, 'gone', error.message);
    await recordGone(pass, error.message);
    return undefined;
  }
  try {
    await pass.calls.read(probeSubscription, pass.target);
  } catch (thrown) {
    const probeError = classifyAzureError(thrown, 'read', now, pass.target.id);
    if (probeError.code !== 'AZURE_TRANSIENT') {
      if (openRun !== undefined) await endUnreadable(pass, openRun, 'denied', probeError.message);
      await noteUnreadable(pass, probeError);
      return undefined;
    }
    return { delayMs: retryDelay(pass.lease.item.attempt, probeError), missingSince, ...run };
  }
  if (openRun !== undefined) await endUnreadable(pass, openRun, 'gone', error.message);
  await refuseUndos(pass, 'gone', error.message);
  await recordGone(pass, error.message);
  await pass.notes.noteGone();
  return undefined;
}

/** Alerts about what does not exist lead to nothing else, and somebody will ask what became of each. */
async function recordGone({ causes, context, target }: ResourcePass, error: string): Promise<void> {
  for (const cause of causes.filter(({ kind }) => kind === 'alert')) {
    const now = context.clock.now();
    await context.audit.append(auditKey(now, context.newRunId(now), 'input'), {
      time: now.toISOString(),
      stage: 'input',
      ...resourceColumns(target),
      ...causeColumns(cause),
      reason: 'resource-gone',
      configHash: context.settings.hash,
      version: context.version,
      error,
    });
  }
}
