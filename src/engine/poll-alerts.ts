import { auditKey } from '../audit/audit-log.ts';
import { classifyAzureError } from '../azure/azure-error.ts';
import { queryAlerts } from '../azure/defender.ts';
import type { ResourcePage } from '../azure/resources.ts';
import { isDockwardenError } from '../errors.ts';
import type { FoundCause } from '../events/parsed.ts';
import { acceptCause, readMessage } from './accept.ts';
import { AzureCalls } from './azure-calls.ts';
import type { EngineContext } from './ports.ts';

/**
 * Asks Resource Graph for the alerts of the last 30 days, and for older ones that are closed by now: for those without an Event Hub, and for what
 * one has lost. What leads to nothing is not recorded each time anew. A list that cannot be read is recorded, and stops nothing. Rejects only for storage.
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
    for (const input of page.resources.flatMap((row) => readMessage(context, row)))
      if (input.result === 'cause' && (await takeIn(context, input))) marked += 1;
    skipToken = page.skipToken;
  } while (skipToken !== undefined);
  context.log.info('alerts polled', { marked });
}

/** Was its resource marked? A row that somebody has damaged keeps only its own resource from being looked at. */
async function takeIn(context: EngineContext, input: FoundCause): Promise<boolean> {
  try {
    return (await acceptCause(context, input)) === 'marked';
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    const { resourceId } = input;
    context.log.error('an alert cannot be taken in', { resourceId: resourceId.id, error: error.message });
    return false;
  }
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
