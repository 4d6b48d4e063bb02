import { app, type HttpResponseInit } from '@azure/functions';
import { checkHealth, readEnvironment, readSettings } from '../app.ts';
import { isDockwardenError } from '../errors.ts';
import type { DependencyHealth } from '../health/check-health.ts';
import { findFunctionProblems } from '../health/find-function-problems.ts';
import { createNews } from '../health/news.ts';
import type { HealthReason } from '../health/reasons.ts';
import type { Settings } from '../settings/settings.ts';
import { version } from '../version.ts';
import { functionLog } from './function-log.ts';
import { answer } from './http-json.ts';

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
  'healthDetails',
] as const;
export type FunctionName = (typeof functionNames)[number];

/** Functions that an app need not have: without an Event Hub there is nothing for them to read. */
const OPTIONAL = new Set<string>(['defenderAlerts']);

/** How long the same reasons are not logged again, in milliseconds. */
const LOGGED_AGAIN = 60_000;

/** Answers 200 or 503 and not a word more, because anybody may ask. */
export function registerHealth(name: string, registered: ReadonlySet<string>): void {
  const isNews = createNews(LOGGED_AGAIN, () => new Date());
  app.http(name, {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'health',
    async handler(_request, invocation): Promise<HttpResponseInit> {
      const { status, reasons } = await findHealth(registered);
      // Who may see no reasons has them in the log of the app; whoever asks all the time shall not fill it, because that costs.
      if (reasons.length > 0 && isNews(JSON.stringify(reasons)))
        functionLog(invocation).warn('not healthy', { reasons });
      return answer(status === 'healthy' ? 200 : 503, { status });
    },
  });
}

/** The same with the reasons, for who has a key: the platform lets nobody else through. */
export function registerHealthDetails(name: string, registered: ReadonlySet<string>): void {
  app.http(name, {
    methods: ['GET'],
    authLevel: 'function',
    route: 'health/details',
    async handler(): Promise<HttpResponseInit> {
      const health = await findHealth(registered);
      return answer(health.status === 'healthy' ? 200 : 503, { ...health });
    },
  });
}

/** Everything there is to say about the app's health. */
interface Health extends Partial<Omit<DependencyHealth, 'reasons'>> {
  readonly status: 'healthy' | 'unhealthy';
  readonly version: string;
  /** Empty = healthy. */
  readonly reasons: readonly HealthReason[];
  /** How many findings there are about the settings; they are in the audit, and no reason. */
  readonly configurationFindings: number;
}

async function findHealth(registered: ReadonlySet<string>): Promise<Health> {
  const settings = readSettings();
  const functions = { names: functionNames, optional: OPTIONAL, registered };
  const { reasons: others, ...found } = await askDependencies(settings);
  const reasons = [...findFunctionProblems(functions, readEnvironment()), ...others];
  return {
    status: reasons.length === 0 ? 'healthy' : 'unhealthy',
    version,
    reasons,
    configurationFindings: settings.findings.length,
    ...found,
  };
}

async function askDependencies(
  settings: Settings,
): Promise<Partial<DependencyHealth> & Pick<DependencyHealth, 'reasons'>> {
  try {
    return await checkHealth(settings);
  } catch (error) {
    if (!isDockwardenError(error, 'CONFIG_MISSING')) throw error;
    return { reasons: [{ code: 'storage-not-configured', message: `${error.message}.` }] };
  }
}
