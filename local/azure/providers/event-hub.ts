import type { Provider } from '../provider.ts';
import { readOnly } from './read-only.ts';

const VERSIONS = ['2024-01-01', '2022-01-01-preview', '2021-11-01'];

/** Namespaces, their hubs and consumer groups, to look at. https://learn.microsoft.com/rest/api/eventhub/event-hubs */
export const eventHub: Provider = {
  namespace: 'Microsoft.EventHub',
  types: [
    readOnly('Microsoft.EventHub/namespaces', VERSIONS),
    readOnly('Microsoft.EventHub/namespaces/eventhubs', VERSIONS),
    readOnly('Microsoft.EventHub/namespaces/eventhubs/consumergroups', VERSIONS),
  ],
};
