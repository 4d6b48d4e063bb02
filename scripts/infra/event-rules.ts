import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type Json } from '../../local/azure/json.ts';
import {
  type EventNeeds,
  listEventNeeds,
  mergeEventNeeds,
  type TopicType,
  topicTypes,
} from '../../src/events/event-filters.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { type Judgement, ofType, type Resource, readPath, textAt } from './resources.ts';
import { listAssignments } from './role-assignments.ts';
import { readDeployedSettings } from './setting-rules.ts';

/** Event Grid takes no more values over all advanced filters of a subscription. */
const MOST_VALUES = 25;
const MANY_ATTEMPTS = 30;
const A_DAY_MINUTES = 1440;

/** What has to reach the queue while these policies are on, as the settings of a snapshot have them. */
function neededEvents(predicted: readonly Resource[]): EventNeeds {
  const settings = readDeployedSettings(predicted, { policies, remediations, trackers });
  return mergeEventNeeds(listEventNeeds(policies.filter(({ id }) => settings.isPolicyOn(id))));
}

/** An advanced filter of an event subscription. */
interface Filter {
  readonly key: string;
  readonly operatorType: string;
  readonly values: readonly string[];
}

interface Wanted {
  readonly types: readonly string[];
  readonly filters: readonly Filter[];
}

const CHANGES = 'Microsoft.Resources.Subscriptions';
/** Told by Azure Policy; no policy of ours needs it, and it may be switched on. What is compliant would flood the queue. */
const POLICY_STATES = 'Microsoft.PolicyInsights.PolicyStates';
const NON_COMPLIANT: Wanted = {
  types: ['Microsoft.PolicyInsights.PolicyStateChanged', 'Microsoft.PolicyInsights.PolicyStateCreated'],
  filters: [{ key: 'data.complianceState', operatorType: 'StringIn', values: ['NonCompliant'] }],
};

/**
 * Every event subscription lets through exactly what the policies that are on need; delivers to the queue, and what cannot be delivered to the
 * container, both with the identity of its topic; and tries for a day.
 */
export function judgeEventSubscriptions(predicted: readonly Resource[]): Judgement {
  const needs = neededEvents(predicted);
  const subscriptions = ofType(predicted, 'Microsoft.EventGrid/systemTopics/eventSubscriptions');
  const topics = ofType(predicted, 'Microsoft.EventGrid/systemTopics');
  const told = subscriptions.map((subscription) => {
    const { body, id } = subscription;
    const topic = topics.find((each) => id.toLowerCase().startsWith(`${each.id.toLowerCase()}/`));
    const types = readPath(body, 'properties.filter.includedEventTypes');
    return { ...subscription, types, topicType: findTopicType(textAt(topic?.body, 'properties.topicType'), types) };
  });
  const problems = told.flatMap(({ body, topicType, types, where }) => {
    const wanted = topicType === undefined ? undefined : wantedOf(topicType, needs);
    if (wanted === undefined) return [`${where}: for a topic that no policy needs`];
    const isRight = isSameSet(types, wanted.types);
    return [
      ...(isRight
        ? []
        : [`${where}: lets through ${JSON.stringify(types)} instead of ${JSON.stringify(wanted.types)}`]),
      ...findFilterProblems(body, wanted.filters, where),
      ...findDeliveryProblems(body, where),
    ];
  });
  const heard = told.filter(({ topicType }) => topicType === CHANGES).map(({ id }) => subscriptionOf(id));
  const deaf = heard.length === 0 ? [] : listConnected(predicted).filter((id) => !heard.includes(id));
  return {
    seen: subscriptions.length,
    problems: [
      ...problems,
      ...(heard.length > 0 ? [] : ['nothing tells of changed resources']),
      ...deaf.map((id) => `subscription ${id}: the app has a role there, and nothing tells of changed resources`),
    ],
  };
}

/** Ids of the subscriptions in which the app has a role. */
function listConnected(predicted: readonly Resource[]): readonly string[] {
  const places = listAssignments(predicted).filter(
    ({ holder, scope }) => holder === 'app' && /^\/subscriptions\/[^/]+$/.test(scope),
  );
  return [...new Set(places.map(({ scope }) => subscriptionOf(scope)))];
}

function subscriptionOf(id: string): string {
  return (id.split('/')[2] ?? '').toLowerCase();
}

/** Undefined = nothing of that topic is needed. */
function wantedOf(topicType: TopicType | typeof POLICY_STATES, needs: EventNeeds): Wanted | undefined {
  if (topicType === POLICY_STATES) return NON_COMPLIANT;
  const types = needs.eventTypes[topicType];
  if (types === undefined) return undefined;
  // Other topics tell of one thing each: a filter there could only lose events.
  if (topicType !== CHANGES) return { types, filters: [] };
  const filter = { key: 'data.operationName', operatorType: 'StringBeginsWith', values: needs.operationPrefixes };
  return { types, filters: [filter] };
}

/** A topic that was there before is not in the snapshot: what it tells of says what it is. */
function findTopicType(written: string, types: Json | undefined): TopicType | typeof POLICY_STATES | undefined {
  const known = [...topicTypes, POLICY_STATES] as const;
  const first = Array.isArray(types) && typeof types[0] === 'string' ? types[0].toLowerCase() : '';
  return known.find((name) => {
    if (written !== '') return name.toLowerCase() === written.toLowerCase();
    const start = name === CHANGES ? 'Microsoft.Resources.Resource' : `${name.replace(/\.[^.]+$/, '')}.`;
    return first.startsWith(start.toLowerCase());
  });
}

function findFilterProblems(body: Json, wanted: readonly Filter[], where: string): string[] {
  const written = readPath(body, 'properties.filter.advancedFilters') ?? [];
  if (!Array.isArray(written)) return [`${where}: its filters are no list`];
  const values = written.map((filter: Json) => readPath(filter, 'values'));
  const count = values.reduce((sum: number, each) => sum + (Array.isArray(each) ? each.length : 1), 0);
  const isRight =
    written.length === wanted.length &&
    wanted.every(({ key, operatorType, values: texts }, index) => {
      const filter = written[index];
      const isSame = textAt(filter, 'key') === key && textAt(filter, 'operatorType') === operatorType;
      return isSame && isSameSet(values[index], texts);
    });
  return [
    ...(count > MOST_VALUES ? [`${where}: ${count} values in its filters, and Event Grid takes ${MOST_VALUES}`] : []),
    ...(isRight ? [] : [`${where}: filters ${JSON.stringify(written)} instead of ${JSON.stringify(wanted)}`]),
  ];
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
    if (readPath(body, 'properties.isEnabled') !== true) return [`${where}: is switched off`];
    if (!sendsToHub(readPath(body, 'properties.actions')))
      return [`${where}: does not send to an Event Hub by identity`];
    if (alerts.length !== 1) return [`${where}: ${alerts.length} sources of alerts instead of one`];
    const severities = alerts.flatMap((source) => listSeverities(source));
    return isSameSet(severities, SEVERITIES)
      ? []
      : [`${where}: exports alerts of ${severities.join(', ')} instead of ${SEVERITIES.join(', ')}`];
  });
  const exporting = automations.map(({ id }) => subscriptionOf(id));
  // Without an Event Hub there is nothing to export to.
  const silent = exporting.length === 0 ? [] : listConnected(predicted).filter((id) => !exporting.includes(id));
  return {
    seen: automations.length,
    problems: [
      ...problems,
      ...silent.map((id) => `subscription ${id}: its alerts are not exported, those of others are`),
    ],
  };
}

function sendsToHub(actions: Json | undefined): boolean {
  const [action] = Array.isArray(actions) && actions.length === 1 ? actions : [];
  return (
    readPath(action, 'actionType') === 'EventHub' &&
    textAt(action, 'eventHubResourceId') !== '' &&
    readPath(action, 'isTrustedServiceEnabled') === true
  );
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
