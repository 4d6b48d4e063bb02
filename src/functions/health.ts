import { app, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import { createContext, readEnvironment, readSettings } from '../app.ts';
import { isDockwardenError } from '../errors.ts';
import { version } from '../version.ts';
import { functionLog } from './function-log.ts';

/** Every function of the app; one that is missing or switched off makes the app unhealthy. */
export const functionNames = [
  'resourceEvents',
  'resourceEventsWebhook',
  'resourceEventsPoison',
  'defenderAlerts',
  'defenderAlertsHttp',
  'reconcile',
  'reconcilePoison',
  'tickets',
  'ticketsPoison',
  'events',
  'eventsPoison',
  'sweep',
  'review',
  'health',
] as const;
export type FunctionName = (typeof functionNames)[number];

/** Functions that an app need not have: without an Event Hub there is nothing for them to read. */
const OPTIONAL = new Set<FunctionName>(['defenderAlerts']);

/** Answers 200 or 503 with short codes and no detail, because anybody may ask. */
export function registerHealth(name: string, registered: ReadonlySet<string>): void {
  app.http(name, {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'health',
    async handler(_request, invocation): Promise<HttpResponseInit> {
      const problems = [...findFunctionProblems(registered), ...(await findStorageProblems(invocation))];
      return {
        status: problems.length === 0 ? 200 : 503,
        headers: { 'cache-control': 'no-store' },
        jsonBody: {
          status: problems.length === 0 ? 'healthy' : 'unhealthy',
          version,
          problems,
          configurationFindings: readSettings().findings.length,
        },
      };
    },
  });
}

function findFunctionProblems(registered: ReadonlySet<string>): readonly string[] {
  const environment = readEnvironment();
  return functionNames.flatMap((name) => {
    if (!registered.has(name)) return [`function-missing:${name}`];
    const switched = environment[`AzureWebJobs.${name}.Disabled`]?.toLowerCase();
    const isOff = switched === 'true' || switched === '1';
    return isOff && !OPTIONAL.has(name) ? [`function-disabled:${name}`] : [];
  });
}

async function findStorageProblems(invocation: InvocationContext): Promise<readonly string[]> {
  const log = functionLog(invocation);
  try {
    await createContext(log).sweeps.last();
    return [];
  } catch (error) {
    if (!isDockwardenError(error)) throw error;
    log.error('storage cannot be used', { error: error.message });
    return [error.code === 'CONFIG_MISSING' ? 'storage-not-configured' : 'storage-unavailable'];
  }
}
