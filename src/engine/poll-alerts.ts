import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { queryAlerts } from '../azure/defender.ts';
import type { ResourcePage } from '../azure/resources.ts';
import type { ParsedInput } from '../events/parse-message.ts';
import type { FoundCause } from '../events/parsed.ts';
import { acceptCause, readMessage, recordIgnored } from './accept.ts';
import { AzureCalls } from './azure-calls.ts';
import { passOverDamaged } from './damaged-row.ts';
import { recordInput } from './input-rows.ts';
import { hashMessage } from './poison.ts';
import type { EngineContext } from './ports.ts';

/**
 * Asks Resource Graph for the alerts of the last 30 days, and for older ones that are closed by now: for those without an Event Hub, and for what
 * one has lost. What leads to nothing is recorded once a day at most. A list that cannot be read is recorded, and stops nothing. Rejects only for storage.
 */
export async function pollAlerts(context: EngineContext): Promise<void> {
  const { defenderPolling, scopes } = context.settings;
  if (!defenderPolling || scopes.length === 0) return;
  const calls = new AzureCalls(context);
  let skipToken: string | undefined;
  let marked = 0;
  do {
    let page: ResourcePage;
    try {
      page = await calls.read(queryAlerts, scopes, skipToken);
    } catch (error) {
      await recordFailure(context, classifyAzureError(error, 'read', context.clock.now()).message);
      return;
    }
    for (const row of page.resources)
      for (const input of readMessage(context, row)) {
        if (input.result !== 'cause') await record(context, input, row);
        else if ((await takeIn(context, input)) === 'marked') marked += 1;
      }
    skipToken = page.skipToken;
  } while (skipToken !== undefined);
  context.log.info('alerts polled', { marked });
}

async function takeIn(context: EngineContext, input: FoundCause): Promise<'marked' | 'ignored' | undefined> {
  return await passOverDamaged(context, input.resourceId, async () => await acceptCause(context, input));
}

/**
 * Whoever looks for an alert finds what became of it. Nothing is kept, since the next poll finds it again. Most alerts of a subscription are about
 * what is not ours: those are no news, and would cost a call each with every sweep.
 */
async function record(context: EngineContext, input: Exclude<ParsedInput, FoundCause>, row: unknown): Promise<void> {
  const { eventId, reason, time } = input;
  if (reason === 'no-covered-resource') return;
  if (input.result === 'ignored') {
    await recordIgnored(context, input, () => hashMessage(row));
    return;
  }
  const subject = eventId ?? hashMessage(row);
  await recordInput(context, { causeKind: 'alert', reason, subject, time, causeId: eventId, detail: input.detail });
}

async function recordFailure(context: EngineContext, error: string): Promise<void> {
  const now = context.clock.now();
  context.log.error('alerts cannot be polled', { error });
  await context.audit.append(auditKey(now, context.newRunId(now), 'input'), {
    time: now.toISOString(),
    stage: 'input',
    reason: 'alerts-not-polled',
    causeKind: 'sweep',
    error,
    configHash: context.settings.hash,
    version: context.version,
  });
}
