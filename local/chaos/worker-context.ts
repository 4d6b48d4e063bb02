import { type PipelinePolicy, RestError } from '@azure/core-rest-pipeline';
import { TableClient } from '@azure/data-tables';
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { ulid } from 'ulid';
import { createConnections, readSettings } from '../../src/app.ts';
import { createTableAuditLog } from '../../src/audit/table-audit-log.ts';
import type { EngineContext, Log } from '../../src/engine/ports.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { createTableStore } from '../../src/storage/table-store.ts';
import { noMetrics } from '../../src/telemetry/metrics.ts';
import { version } from '../../src/version.ts';
import type { ScaledClock } from './scaled-clock.ts';
import type { Outage } from './worker-messages.ts';

export interface WorkerParts {
  readonly clock: ScaledClock;
  readonly log: Log;
  /** Asked at every call of the audit table. */
  readonly outage: () => Outage | undefined;
  /** Told of every call of the audit table that was refused. */
  readonly onAuditRefused: () => void;
}

/** In the first part of the outage the table still obeys, and only the answers are lost. */
const ANSWERS_LOST = 0.2;

/**
 * The product as `app.ts` puts it together, with three differences: the clock is the shared one, delays of messages are as much shorter
 * as that clock is faster, and the audit table can be out of reach.
 */
export function createWorkerContext({ clock, log, outage, onAuditRefused }: WorkerParts): {
  readonly context: EngineContext;
  readonly credential: TokenCredential;
} {
  const settings = readSettings();
  const { identityClientId } = settings;
  const credential = new ManagedIdentityCredential(
    identityClientId === undefined ? {} : { clientId: identityClientId },
  );
  const connections = createConnections(credential, settings);
  const { queue } = connections;
  const policy = refuseDuring(clock, outage, onAuditRefused);
  return {
    credential,
    context: {
      ...connections,
      audit: createTableAuditLog(createTableStore(openAuditTable(settings, credential, policy))),
      queue: {
        async send(text, delayMs) {
          await queue.send(text, clock.toReal(delayMs));
        },
      },
      clock,
      log,
      settings,
      policies,
      remediations,
      trackers,
      metrics: noMetrics,
      version,
      newRunId: (start) => ulid(start.getTime()),
    },
  };
}

/** With the retries of `app.ts`. */
function openAuditTable({ storage }: Settings, credential: TokenCredential, policy: PipelinePolicy): TableClient {
  if (storage.table === undefined) throw new Error('the table endpoint is not set');
  const client = new TableClient(storage.table, 'audit', credential, {
    retryOptions: { maxRetries: 2, retryDelayInMs: 100, maxRetryDelayInMs: 500 },
  });
  client.pipeline.addPolicy(policy, { afterPhase: 'Retry' });
  return client;
}

function refuseDuring(clock: ScaledClock, outage: () => Outage | undefined, onRefused: () => void): PipelinePolicy {
  return {
    name: 'auditOutage',
    async sendRequest(request, next) {
      const now = clock.now().getTime();
      const { from, to } = outage() ?? { from: Infinity, to: Infinity };
      if (now < from || now >= to) return await next(request);
      onRefused();
      if (now >= from + (to - from) * ANSWERS_LOST)
        throw new RestError('connect ECONNREFUSED', { code: 'ECONNREFUSED', request });
      await next(request);
      throw new RestError('read ECONNRESET', { code: 'ECONNRESET', request });
    },
  };
}
