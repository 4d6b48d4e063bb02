import { DockwardenError } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { type CallContext, defineRead } from './operation.ts';
import type { ResourcePage } from './resources.ts';

/** Most rows that Resource Graph returns for one query. */
const PAGE_SIZE = 1000;

/** Alerts of the last 30 days in these subscriptions, open and closed, as far as the identity may read them; page by page. */
export const queryAlerts = defineRead({
  id: 'resourceGraph.alerts',
  actions: ['Microsoft.Security/alerts/read'],
  async run(
    context: CallContext,
    subscriptions: readonly string[],
    skipToken: string | undefined,
  ): Promise<ResourcePage> {
    const answer = await context.clients.resourceGraph.resources(
      {
        subscriptions: [...subscriptions],
        query: QUERY,
        options: { resultFormat: 'objectArray', top: PAGE_SIZE, ...(skipToken !== undefined && { skipToken }) },
      },
      { abortSignal: context.signal },
    );
    const data: unknown = answer.data;
    if (!Array.isArray(data)) throw new DockwardenError('AZURE_TRANSIENT', 'the Resource Graph answer has no data');
    return {
      resources: data.filter(isPlainObject),
      ...(answer.skipToken !== undefined && answer.skipToken !== '' && { skipToken: answer.skipToken }),
    };
  },
});

const QUERY = [
  'securityresources',
  "where type =~ 'microsoft.security/locations/alerts'",
  'where todatetime(properties.TimeGeneratedUtc) > ago(30d)',
  'project id, name, type, properties',
  'order by id asc',
].join(' | ');
