import type { Provider } from '../provider.ts';
import { readOnly } from './read-only.ts';

const VERSIONS = ['2025-02-15', '2022-06-15'];

/**
 * System topics, their event subscriptions, and custom topics, to look at: which events come is said where the local Event Grid is started.
 * https://learn.microsoft.com/rest/api/eventgrid/controlplane/system-topic-event-subscriptions
 */
export const eventGrid: Provider = {
  namespace: 'Microsoft.EventGrid',
  types: [
    readOnly('Microsoft.EventGrid/systemTopics', VERSIONS),
    readOnly('Microsoft.EventGrid/systemTopics/eventSubscriptions', VERSIONS),
    readOnly('Microsoft.EventGrid/topics', VERSIONS),
  ],
};
