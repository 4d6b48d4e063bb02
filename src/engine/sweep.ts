import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { queryResources, type ResourcePage } from '../azure/resources.ts';
import { type DockwardenError, isDockwardenError } from '../errors.ts';
import { formatWorkMessage } from '../events/work-message.ts';
import type { Finding } from '../findings/findings.ts';
import { remediationGuard, subscriptionGuard } from '../guards/breaker.ts';
import type { SweepRecord } from '../guards/sweep-record.ts';
import type { Policy, Verdict } from '../policy/define-policy.ts';
import { type DefenderAlert, NOTHING_KNOWN } from '../resources/defender.ts';
import { parseResourceId, type ResourceId } from '../resources/resource-id.ts';
import { isChildType } from '../resources/resource-map.ts';
import { AzureCalls } from './azure-calls.ts';
import { OPEN_ALERTS } from './defender-knowledge.ts';
import { readExemption } from './exemptions.ts';
import { isUnfinished } from './finding-state.ts';
import { needsImages } from './late-policies.ts';
import { pollAlerts } from './poll-alerts.ts';
import type { EngineContext } from './ports.ts';
import { evaluatePolicy, judgesAlerts, parseResource, policiesFor, type Snapshot } from './snapshot.ts';
import { KeyLists } from './sweep-keys.ts';
import { measureSweep } from './sweep-metrics.ts';
import { sweepTickets } from './tickets/sweep-tickets.ts';
import { treatmentOf } from './treatments.ts';

/** A leftover younger than this still has its message. */
const LEFTOVER_AGE = 15 * 60_000;

/** One sweep: finds what no event told. */
interface Sweep {
  readonly context: EngineContext;
  readonly id: string;
  readonly startedAt: Date;
  /** Findings by lower-case resource id. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  /** Alerts that are open, by lower-case resource id. */
  readonly alerts: ReadonlyMap<string, readonly DefenderAlert[]>;
  readonly seen: Set<string>;
  readonly keys: KeyLists;
  /** Known resources by guard of the breaker. */
  readonly fleets: Map<string, number>;
  queued: number;
}

/**
 * Reads every covered resource of the scopes page by page, judges it in place, and queues what calls for a look: a new violation, one
 * that is due again, a finding that seems to be over, a finding whose resource was not listed, and work that nobody took up.
 * Never writes a finding itself: Resource Graph lags and shows only what the identity may read.
 */
export async function sweepResources(context: EngineContext): Promise<SweepRecord> {
  const startedAt = context.clock.now();
  const sweep: Sweep = {
    context,
    id: `sweep-${startedAt.toISOString()}`,
    startedAt,
    findings: await loadFindings(context),
    alerts: await loadAlerts(context),
    seen: new Set(),
    keys: new KeyLists(context),
    fleets: new Map(),
    queued: 0,
  };
  const failure = await readPages(sweep);
  if (failure === undefined) {
    await queueVanished(sweep);
    await context.breakers.setFleet(sweep.fleets, reportInvalid(context));
  }
  if (failure !== undefined) await recordIncomplete(sweep, failure);
  await sweep.keys.recordUnlisted(sweep.id);
  await queueLeftovers(sweep);
  await sweepTickets(context);
  const record: SweepRecord = {
    startedAt: startedAt.toISOString(),
    finishedAt: context.clock.now().toISOString(),
    complete: failure === undefined,
    resources: sweep.seen.size,
    queued: sweep.queued,
  };
  await context.sweeps.save(record);
  context.log.info('sweep finished', { ...record });
  await measureSweep(context, record, sweep.findings);
  // Last: somebody may have raised alerts by the thousand, and each takes its time.
  await pollAlerts(context);
  return record;
}

async function loadFindings(context: EngineContext): Promise<ReadonlyMap<string, readonly Finding[]>> {
  const findings = new Map<string, Finding[]>();
  for (const scope of context.settings.scopes) {
    for await (const finding of context.findings.ofSubscription(scope, reportInvalid(context))) {
      const key = finding.resourceId.toLowerCase();
      findings.set(key, [...(findings.get(key) ?? []), finding]);
    }
  }
  return findings;
}

async function loadAlerts(context: EngineContext): Promise<ReadonlyMap<string, readonly DefenderAlert[]>> {
  const alerts = new Map<string, DefenderAlert[]>();
  for await (const { alert, resourceId } of context.alerts.open(reportInvalid(context))) {
    const key = resourceId.toLowerCase();
    alerts.set(key, [...(alerts.get(key) ?? []), alert]);
  }
  return alerts;
}

/** The error that stopped it, if any. */
async function readPages(sweep: Sweep): Promise<DockwardenError | undefined> {
  const { context } = sweep;
  const { scopes } = context.settings;
  if (scopes.length === 0) return undefined;
  const calls = new AzureCalls(context);
  let skipToken: string | undefined;
  do {
    let page: ResourcePage;
    try {
      page = await calls.read(queryResources, scopes, skipToken);
    } catch (error) {
      return classifyAzureError(error, 'read', context.clock.now());
    }
    for (const raw of page.resources) {
      await lookAtOne(sweep, raw);
      const target = readId(raw);
      const keys = target === undefined ? [] : await sweep.keys.keysOf(target);
      for (const key of keys) await lookAtOne(sweep, key);
    }
    skipToken = page.skipToken;
  } while (skipToken !== undefined);
  return undefined;
}

/** A defect that one resource brings to light must not hide all that come after it. */
async function lookAtOne(sweep: Sweep, raw: Readonly<Record<string, unknown>>): Promise<void> {
  try {
    await lookAt(sweep, raw);
  } catch (error) {
    if (isDockwardenError(error)) throw error;
    sweep.context.log.error('sweep: a resource cannot be judged', {
      id: String(raw['id']).slice(0, 200),
      error: String(error),
    });
  }
}

async function lookAt(sweep: Sweep, raw: Readonly<Record<string, unknown>>): Promise<void> {
  const { context } = sweep;
  const target = readId(raw);
  if (target === undefined) {
    context.log.warn('sweep: a listed resource has no usable id', { id: String(raw['id']).slice(0, 200) });
    return;
  }
  if (!sweep.seen.has(target.key)) countFleet(sweep, target);
  sweep.seen.add(target.key);
  const findings = sweep.findings.get(target.key) ?? [];
  const defender = { ...NOTHING_KNOWN, alerts: sweep.alerts.get(target.key) ?? [] };
  const resource = parseResource(target.type, raw);
  const snapshot: Snapshot = { raw, resource, related: { defender }, readAt: sweep.startedAt };
  const active = policiesFor(context.policies, context.settings, target.type);
  const isDueForAny = active.some((policy) => {
    const finding = findings.find(({ policyId }) => policyId === policy.id);
    return (
      isDue(context, policy, finding, judge(context, policy, snapshot, finding)) ||
      hasLostExemption(context, raw['tags'], finding)
    );
  });
  // A finding whose policy is off, or gone, is to be closed. Of a key the list shows too little to tell whether a finding still holds.
  const isStale = findings.some(
    (finding) =>
      isUnfinished(finding) && (isChildType(target.type) || !active.some(({ id }) => id === finding.policyId)),
  );
  if (isDueForAny || isStale) await queueLook(sweep, target);
}

/** What the breaker takes its share of: all resources of the subscription, and all that a remediation could be about. */
function countFleet({ context, fleets }: Sweep, target: ResourceId): void {
  const remediations = context.remediations.filter(({ fixes }) => fixes.resource === target.type);
  const guards = [subscriptionGuard(target.subscriptionId), ...remediations.map(({ id }) => remediationGuard(id))];
  for (const guard of guards) fleets.set(guard, (fleets.get(guard) ?? 0) + 1);
}

function judge(context: EngineContext, policy: Policy, snapshot: Snapshot, finding: Finding | undefined): Verdict {
  return evaluatePolicy(policy, snapshot, { now: context.clock.now(), settings: context.settings, finding });
}

/** Would a look at the live resource change anything that is recorded? */
export function isDue(context: EngineContext, policy: Policy, finding: Finding | undefined, verdict: Verdict): boolean {
  const open = finding?.status === 'open' ? finding : undefined;
  const mayHaveTickets = (finding?.ticketParts ?? []).length > 0;
  const isKnown = open !== undefined || mayHaveTickets;
  // An alert that no finding tells of came while its policy was off, or while the resource was not there.
  if (judgesAlerts(policy)) return isKnown || verdict.verdict === 'violation';
  // Of what is in images somebody tells us; what is known to be wrong is looked after.
  if (needsImages(policy)) return isKnown;
  // What the list does not hold, and what may have to be told to people, only a look can judge.
  if ((policy.needs ?? []).length > 0 || mayHaveTickets) return true;
  if (verdict.verdict === 'compliant' || verdict.verdict === 'not-applicable') return open !== undefined;
  if (open === undefined || open.verdict !== verdict.verdict) return true;
  if (verdict.verdict === 'unknown') return false;
  const { id, mode } = treatmentOf(context, policy);
  if (open.mode !== mode || open.evidence !== JSON.stringify(verdict.evidence)) return true;
  // A scope, a window or a limit may have been changed: what was put off may be due.
  if (open.configHash !== context.settings.hash && id !== undefined) return true;
  if (open.decision === 'observe' || open.decision === 'await-approval') return false;
  return open.notBefore === undefined || new Date(open.notBefore) <= context.clock.now();
}

/** Is it gone what exempts it? Nobody may have told: tags are changed, and exemptions removed, without an event of the resource. */
function hasLostExemption({ settings, clock }: EngineContext, tags: unknown, finding: Finding | undefined): boolean {
  if (finding?.status !== 'open') return false;
  // Neither the tags of groups nor exemptions of Azure Policy are in the list: only a look can tell.
  if (finding.reason === 'exempt-resource-group' || finding.reason === 'exempt-azure-policy') return true;
  if (finding.reason !== 'exempt-resource') return false;
  const { maxDays } = settings.safety.exemptions;
  const exemption = readExemption(tags, finding.policyId, maxDays, clock.now());
  return exemption.state !== 'valid' || exemption.expires?.toISOString() !== finding.exemption?.expires;
}

/** Findings whose resource the complete list did not hold; the live read decides whether it is gone. */
async function queueVanished(sweep: Sweep): Promise<void> {
  for (const [key, findings] of sweep.findings) {
    const open = findings.find(isUnfinished);
    if (open === undefined || sweep.seen.has(key)) continue;
    const target = readStoredId(sweep, open.resourceId);
    if (target !== undefined && !sweep.keys.isUnlisted(target)) await queueLook(sweep, target);
  }
}

/** Rows whose worker died and whose message is lost (it went to the poison queue, or was never sent). */
async function queueLeftovers(sweep: Sweep): Promise<void> {
  const { context, startedAt } = sweep;
  // Listed first: sending takes time, and a list may not take for ever.
  for (const item of await Array.fromAsync(context.work.leftovers(reportInvalid(context)))) {
    const times = [
      item.leaseUntil,
      item.notBefore,
      item.run?.startedAt,
      ...item.pending.map(({ queuedAt }) => queuedAt),
    ];
    const newest = Math.max(...times.map((time) => (time === undefined ? 0 : Date.parse(time))));
    if (startedAt.getTime() - newest < LEFTOVER_AGE) continue;
    const resourceId = readStoredId(sweep, item.resourceId);
    if (resourceId === undefined) continue;
    await context.queue.send(formatWorkMessage({ resourceId }), 0);
    sweep.queued += 1;
  }
}

/** A stored id that this version cannot read (edited, or of a type that it does not cover) is reported and passed over. */
function readStoredId({ context }: Sweep, id: string): ResourceId | undefined {
  const target = readId({ id });
  if (target === undefined) context.log.error('a stored row has no usable resource id', { id: id.slice(0, 200) });
  return target;
}

async function queueLook(sweep: Sweep, resourceId: ResourceId): Promise<void> {
  const operation = sweep.alerts.has(resourceId.key) ? { operation: OPEN_ALERTS } : {};
  const cause = { kind: 'sweep', id: sweep.id, time: sweep.startedAt.toISOString(), ...operation } as const;
  await sweep.context.queue.send(formatWorkMessage({ resourceId, cause }), 0);
  sweep.queued += 1;
}

async function recordIncomplete({ context, id }: Sweep, failure: DockwardenError): Promise<void> {
  const now = context.clock.now();
  context.log.error('sweep incomplete', { error: failure.message });
  await context.audit.append(auditKey(now, context.newRunId(now), 'input'), {
    time: now.toISOString(),
    stage: 'input',
    reason: 'sweep-incomplete',
    causeKind: 'sweep',
    causeId: id,
    error: failure.message,
    configHash: context.settings.hash,
    version: context.version,
  });
}

/** One row that somebody has damaged must not stop the sweep of all others. */
function reportInvalid({ log }: EngineContext) {
  return (error: DockwardenError): void => {
    log.error('a stored row cannot be read', { error: error.message });
  };
}

function readId(raw: Readonly<Record<string, unknown>>): ResourceId | undefined {
  const { id } = raw;
  if (typeof id !== 'string') return undefined;
  try {
    return parseResourceId(id);
  } catch {
    return undefined;
  }
}
