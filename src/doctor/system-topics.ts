import * as z from 'zod';
import type { ArmAccess } from '../azure/arm-access.ts';
import { lenient, lenientObject } from '../resources/lenient.ts';
import { doctorVersions } from './api-versions.ts';

const text = lenient(z.string());
const texts = lenient(z.array(z.string()));

const Topic = z.object({
  id: z.string(),
  name: z.string(),
  identity: lenientObject({
    type: text,
    principalId: text,
    userAssignedIdentities: lenient(z.record(z.string(), z.unknown())),
  }),
  properties: lenientObject({ source: text, topicType: text, provisioningState: text }),
});
export type SystemTopic = Readonly<z.infer<typeof Topic>>;

const Destination = lenientObject({
  endpointType: text,
  properties: lenientObject({ resourceId: text, queueName: text, blobContainerName: text }),
});
const WithIdentity = lenientObject({
  identity: lenientObject({ type: text, userAssignedIdentity: text }),
  destination: Destination,
  deadLetterDestination: Destination,
});
const AdvancedFilter = lenientObject({ operatorType: text, key: text, values: texts });

const Subscription = z.object({
  id: z.string(),
  name: z.string(),
  properties: lenientObject({
    provisioningState: text,
    eventDeliverySchema: text,
    expirationTimeUtc: text,
    destination: Destination,
    deadLetterDestination: Destination,
    deliveryWithResourceIdentity: WithIdentity,
    deadLetterWithResourceIdentity: WithIdentity,
    filter: lenientObject({
      subjectBeginsWith: text,
      subjectEndsWith: text,
      includedEventTypes: texts,
      advancedFilters: lenient(z.array(AdvancedFilter)),
    }),
  }),
});
export type EventSubscription = Readonly<z.infer<typeof Subscription>>;
export type EventFilter = EventSubscription['properties']['filter'];

/** Every system topic of a subscription. */
export async function listTopics(arm: ArmAccess, subscriptionId: string): Promise<readonly SystemTopic[]> {
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.EventGrid/systemTopics`;
  return (await arm.list(path, doctorVersions.eventGrid)).flatMap((item) => Topic.safeParse(item).data ?? []);
}

export async function listEventSubscriptions(
  arm: ArmAccess,
  topic: Pick<SystemTopic, 'id'>,
): Promise<readonly EventSubscription[]> {
  const items = await arm.list(`${topic.id}/eventSubscriptions`, doctorVersions.eventGrid);
  return items.flatMap((item) => Subscription.safeParse(item).data ?? []);
}

/** Where its events go, with an identity or without. */
export function destinationOf({ properties }: EventSubscription) {
  const { destination } = properties.deliveryWithResourceIdentity;
  const isByIdentity = destination.endpointType !== undefined;
  const { endpointType, properties: where } = isByIdentity ? destination : properties.destination;
  return { isByIdentity, endpointType, ...where };
}

/** Where those go that cannot be delivered; undefined = nowhere, they are dropped. */
export function deadLetterOf({ properties }: EventSubscription): string | undefined {
  const own = properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.blobContainerName;
  return own ?? properties.deadLetterDestination.properties.blobContainerName;
}

/** Operation prefixes and event types that a filter holds back although they are needed. */
export interface HeldBack {
  readonly eventTypes: readonly string[];
  readonly operationPrefixes: readonly string[];
  /** Filters of which nobody can say that they let everything through that is needed. */
  readonly unclear: readonly string[];
}

/** What has to pass. */
export interface Needed {
  readonly eventTypes: readonly string[];
  readonly operationPrefixes: readonly string[];
}

/**
 * What of the needed a filter does not let through. All advanced filters of a subscription have to hold, each for one of its values; compared
 * without regard to case, as Event Grid does.
 */
export function findHeldBack(filter: EventFilter, needed: Needed): HeldBack {
  const { includedEventTypes, subjectBeginsWith = '', subjectEndsWith = '', advancedFilters = [] } = filter;
  const included = includedEventTypes?.map((type) => type.toLowerCase());
  const lacksType = (type: string) =>
    included !== undefined && !included.includes('all') && !included.includes(type.toLowerCase());
  const byOperation = advancedFilters.filter(({ key }) => key?.toLowerCase() === 'data.operationname');
  const others = advancedFilters.filter((one) => !byOperation.includes(one));
  const judged = byOperation.filter(({ operatorType }) => PASSES[operatorType?.toLowerCase() ?? ''] !== undefined);
  return {
    eventTypes: needed.eventTypes.filter(lacksType),
    operationPrefixes: needed.operationPrefixes.filter((prefix) => !judged.every((one) => letsThrough(one, prefix))),
    unclear: [
      ...(subjectBeginsWith === '' ? [] : [`subject begins with ${subjectBeginsWith}`]),
      ...(subjectEndsWith === '' ? [] : [`subject ends with ${subjectEndsWith}`]),
      ...[...others, ...byOperation.filter((one) => !judged.includes(one))].map(
        ({ operatorType, key }) => `${operatorType ?? 'an operator'} on ${key ?? 'a key'}`,
      ),
    ],
  };
}

/**
 * What none of several filters lets through, as text. Each type is needed with each prefix, and one filter has to let both through. `unclear`: what of
 * the rest depends on conditions of which nobody can tell.
 */
export function findLost(
  filters: readonly EventFilter[],
  needed: Needed,
): { readonly lost: readonly string[]; readonly unclear: readonly string[] } {
  const { eventTypes, operationPrefixes } = needed;
  const held = filters.map((filter) => findHeldBack(filter, needed));
  const prefixes = operationPrefixes.length === 0 ? [''] : operationPrefixes;
  const passing = (type: string, prefix: string) =>
    held.filter((one) => !one.eventTypes.includes(type) && !one.operationPrefixes.includes(prefix));
  const isLost = (type: string, prefix: string) => passing(type, prefix).length === 0;
  const lostPrefixes = operationPrefixes.filter((prefix) => eventTypes.every((type) => isLost(type, prefix)));
  const left = prefixes.filter((prefix) => !lostPrefixes.includes(prefix));
  const lostTypes = eventTypes.filter((type) => left.length > 0 && left.every((prefix) => isLost(type, prefix)));
  const pairs = eventTypes
    .filter((type) => !lostTypes.includes(type))
    .flatMap((type) => left.map((prefix) => ({ type, prefix })));
  const lostPairs = pairs.filter(({ type, prefix }) => isLost(type, prefix));
  const doubtful = pairs
    .map(({ type, prefix }) => passing(type, prefix))
    .find((some) => some.length > 0 && some.every(({ unclear }) => unclear.length > 0));
  return {
    lost: [...lostTypes, ...lostPrefixes, ...lostPairs.map(({ type, prefix }) => `${type} of ${prefix}`)],
    unclear: doubtful?.[0]?.unclear ?? [],
  };
}

/** Operators that let whole families of operations through: does everything pass that begins with `prefix`? */
const PASSES: Readonly<Record<string, (prefix: string, value: string) => boolean>> = {
  stringbeginswith: (prefix, value) => prefix.startsWith(value),
  stringcontains: (prefix, value) => prefix.includes(value),
};

function letsThrough({ operatorType, values = [] }: z.infer<typeof AdvancedFilter>, prefix: string): boolean {
  const passes = PASSES[operatorType?.toLowerCase() ?? ''];
  return values.some((value) => passes?.(prefix.toLowerCase(), value.toLowerCase()) === true);
}
