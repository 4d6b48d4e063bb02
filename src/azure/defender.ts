import { isPlainObject } from '../resources/lenient.ts';
import { type CallContext, defineRead } from './operation.ts';
import { queryGraphPage } from './resource-graph.ts';
import type { ResourcePage } from './resources.ts';

/**
 * Alerts of the last 30 days in these subscriptions, and those of 90 days that are closed by now, as far as the identity may read them; page by
 * page.
 */
export const queryAlerts = defineRead({
  id: 'resourceGraph.alerts',
  actions: ['Microsoft.Security/alerts/read'],
  async run(
    context: CallContext,
    subscriptions: readonly string[],
    skipToken: string | undefined,
  ): Promise<ResourcePage> {
    const page = await queryGraphPage(context, { subscriptions, query: QUERY }, skipToken);
    return { ...page, resources: page.rows.filter(isPlainObject) };
  },
});

const QUERY = [
  'securityresources',
  "where type =~ 'microsoft.security/locations/alerts'",
  'extend raised = todatetime(properties.TimeGeneratedUtc)',
  // An alert counts for 90 days, and somebody may close it as late as that.
  "where raised > ago(30d) or (raised > ago(90d) and tostring(properties.Status) in~ ('Resolved', 'Dismissed'))",
  'project id, name, type, properties',
  'order by id asc',
].join(' | ');
