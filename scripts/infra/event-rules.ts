import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type Json } from '../../local/azure/json.ts';
import { readSettings } from '../../src/app.ts';
import { type EventNeeds, listEventNeeds, mergeEventNeeds, topicTypes } from '../../src/events/event-filters.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { type Judgement, ofType, type Resource, readPath, textAt } from './resources.ts';
import { readAppSettings } from './setting-rules.ts';

/** Event Grid takes no more values over all advanced filters of a subscription. */
const MOST_VALUES = 25;
const MANY_ATTEMPTS = 30;
const A_DAY_MINUTES = 1440;

/** What has to reach the queue while these policies are on, as the settings of a snapshot have them. */
export function neededEvents(predicted: readonly Resource[]): EventNeeds {
  const settings = readSettings(readAppSettings(predicted));
  return mergeEventNeeds(listEventNeeds(policies.filter(({ id }) => settings.isPolicyOn(id))));
}

/**
 * Every event subscription lets through exactly what the policies that are on need; delivers to the queue, and what cannot be delivered to the
 * container, both with the identity of its topic; and tries for a day.
 */
export function judgeEventSubscriptions(predicted: readonly Resource[]): Judgement {
  const needs = neededEvents(predicted);
  const subscriptions = ofType(predicted, 'Microsoft.EventGrid/systemTopics/eventSubscriptions');
  const topics = ofType(predicted, 'Microsoft.EventGrid/systemTopics');
  const heard = new Set<string>();
  const problems = subscriptions.flatMap(({ body, id, where }) => {
    const topic = topics.find((each) => id.toLowerCase().startsWith(`${each.id.toLowerCase()}/`));
    const topicType = textAt(topic?.body, 'properties.topicType');
    const types = readPath(body, 'properties.filter.includedEventTypes');
    const known = topicTypes.find((name) => name.toLowerCase() === topicType.toLowerCase() || isAbout(types, name));
    if (known === undefined) return [`${where}: for a topic that no policy needs`];
    heard.add(known);
    const wanted = needs.eventTypes[known] ?? [];
    return [
      ...(isSameSet(types, wanted)
        ? []
        : [`${where}: lets through ${JSON.stringify(types)} instead of ${JSON.stringify(wanted)}`]),
      ...findFilterProblems(body, known === 'Microsoft.Resources.Subscriptions' ? needs.operationPrefixes : [], where),
      ...findDeliveryProblems(body, where),
    ];
  });
  const unheard = heard.has('Microsoft.Resources.Subscriptions') ? [] : ['nothing tells of changed resources'];
  return { seen: subscriptions.length, problems: [...problems, ...unheard] };
}

/** A topic that was there before is not in the snapshot: what it tells of says what it is. */
function isAbout(types: Json | undefined, topicType: string): boolean {
  const [first] = Array.isArray(types) ? types : [];
  if (typeof first !== 'string') return false;
  const start =
    topicType === 'Microsoft.Resources.Subscriptions'
      ? 'Microsoft.Resources.Resource'
      : `${topicType.replace(/\.[^.]+$/, '')}.`;
  return first.toLowerCase().startsWith(start.toLowerCase());
}

function findFilterProblems(body: Json, prefixes: readonly string[], where: string): string[] {
  const filters = readPath(body, 'properties.filter.advancedFilters') ?? [];
  if (!Array.isArray(filters)) return [`${where}: its filters are no list`];
  const listed = filters.map((filter) => ({
    key: readPath(filter, 'key'),
    operator: readPath(filter, 'operatorType'),
    values: readPath(filter, 'values'),
  }));
  const count = listed.reduce((sum, { values }) => sum + (Array.isArray(values) ? values.length : 1), 0);
  const tooMany =
    count > MOST_VALUES ? [`${where}: ${count} values in its filters, and Event Grid takes ${MOST_VALUES}`] : [];
  // Other topics tell of one thing each; a further filter there could only lose events.
  const wanted =
    prefixes.length === 0 ? [] : [{ key: 'data.operationName', operator: 'StringBeginsWith', values: prefixes }];
  const [only] = listed;
  const isRight =
    listed.length === wanted.length &&
    (only === undefined ||
      (only.key === 'data.operationName' && only.operator === 'StringBeginsWith' && isSameSet(only.values, prefixes)));
  if (isRight) return tooMany;
  return [...tooMany, `${where}: filters ${JSON.stringify(listed)} instead of ${JSON.stringify(wanted)}`];
}

function findDeliveryProblems(body: Json, where: string): string[] {
  const rules: readonly (readonly [string, (value: Json | undefined) => boolean])[] = [
    ['properties.eventDeliverySchema', (value) => value === 'EventGridSchema'],
    ['properties.destination', (value) => value === undefined],
    ['properties.deliveryWithResourceIdentity.identity.type', isIdentity],
    ['properties.deliveryWithResourceIdentity.destination.endpointType', (value) => value === 'StorageQueue'],
    [
      'properties.deliveryWithResourceIdentity.destination.properties.queueName',
      (value) => value === 'resource-events',
    ],
    // A message that ends in its queue is a lost event.
    [
      'properties.deliveryWithResourceIdentity.destination.properties.queueMessageTimeToLiveInSeconds',
      (value) => value === -1,
    ],
    ['properties.deadLetterDestination', (value) => value === undefined],
    ['properties.deadLetterWithResourceIdentity.identity.type', isIdentity],
    [
      'properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.blobContainerName',
      (value) => value === 'dead-letter',
    ],
    ['properties.retryPolicy.maxDeliveryAttempts', (value) => value === MANY_ATTEMPTS],
    ['properties.retryPolicy.eventTimeToLiveInMinutes', (value) => value === A_DAY_MINUTES],
  ];
  return rules
    .filter(([path, isRight]) => !isRight(readPath(body, path)))
    .map(([path]) => `${where}: ${path} is ${JSON.stringify(readPath(body, path)) ?? 'left out'}`);
}

function isIdentity(value: Json | undefined): boolean {
  return value === 'SystemAssigned' || value === 'UserAssigned';
}

function isSameSet(value: Json | undefined, wanted: readonly string[]): boolean {
  if (!Array.isArray(value)) return false;
  const texts = value.map((each) => String(each).toLowerCase()).toSorted();
  return isDeepStrictEqual(texts, wanted.map((each) => each.toLowerCase()).toSorted());
}

/** Severities of alerts, all that there are: an export with a rule per severity loses what has none. */
const SEVERITIES = ['High', 'Informational', 'Low', 'Medium'];

/** The export of Defender hands over alerts of every severity (R60): those of least weight are most of what containers raise. */
export function judgeAlertExport(predicted: readonly Resource[]): Judgement {
  const automations = ofType(predicted, 'Microsoft.Security/automations');
  const problems = automations.flatMap(({ body, where }) => {
    const sources = readPath(body, 'properties.sources');
    const alerts = (Array.isArray(sources) ? sources : []).filter(
      (source) => readPath(source, 'eventSource') === 'Alerts',
    );
    if (alerts.length !== 1) return [`${where}: ${alerts.length} sources of alerts instead of one`];
    const severities = alerts.flatMap((source) => listSeverities(source));
    return isSameSet(severities, SEVERITIES)
      ? []
      : [`${where}: exports alerts of ${severities.join(', ')} instead of ${SEVERITIES.join(', ')}`];
  });
  return { seen: automations.length, problems };
}

/** Sets of rules are alternatives; rules of one set have to hold together, so each severity needs a set of its own. */
function listSeverities(source: Json): string[] {
  const sets = readPath(source, 'ruleSets');
  return (Array.isArray(sets) ? sets : []).map((set) => {
    const rules = readPath(set, 'rules');
    const [rule] = Array.isArray(rules) && rules.length === 1 ? rules : [];
    if (!isJsonObject(rule) || textAt(rule, 'propertyJPath').toLowerCase() !== 'severity') return 'nothing';
    return textAt(rule, 'operator') === 'Equals' ? textAt(rule, 'expectedValue') : 'nothing';
  });
}
