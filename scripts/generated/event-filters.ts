import { type ListeningPolicy, listEventNeeds, type TopicType } from '../../src/events/event-filters.ts';
import { toSettingName } from '../../src/settings/catalogue.ts';

/** What has to reach the queue while one policy is on. */
export interface PolicyFilter {
  /** The setting that switches the policy. */
  readonly setting: string;
  /** How `data.operationName` begins, in the topic of a subscription. */
  readonly operationPrefixes: readonly string[];
  readonly eventTypes: Readonly<Partial<Record<TopicType, readonly string[]>>>;
}

/** `infra/generated/event-filters.json`, by policy id: the template joins what those policies need that are on. */
export function deriveEventFilters(policies: readonly ListeningPolicy[]): Readonly<Record<string, PolicyFilter>> {
  return Object.fromEntries(
    listEventNeeds(policies).map(({ policyId, operationPrefixes, eventTypes }) => [
      policyId,
      { setting: toSettingName('POLICY', policyId), operationPrefixes, eventTypes },
    ]),
  );
}
