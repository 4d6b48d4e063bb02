import {
  type EventNeeds,
  listEventNeeds,
  mergeEventNeeds,
  type TopicType,
  topicTypes,
} from '../../events/event-filters.ts';
import { shellQuote } from '../../remediations/advice.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { CHANGES, DEAD_LETTERS, OWN_TOPIC, putSubscription, QUEUE } from '../event-subscription.ts';
import { allows, coversScope } from '../grants.ts';
import { attempt } from '../not-checked.ts';
import type { StorageAccount } from '../storage-account.ts';
import {
  deadLetterOf,
  destinationOf,
  type EventSubscription,
  findLost,
  listEventSubscriptions,
  listTopics,
  type Needed,
  type SystemTopic,
} from '../system-topics.ts';

const codes = [
  'topic-missing',
  'topic-not-ready',
  'topic-role-missing',
  'topic-optional-missing',
  'event-subscription-missing',
  'event-subscription-not-ready',
  'event-subscription-expires',
  'event-schema',
  'event-delivery-identity',
  'event-dead-letter',
  'event-filter-narrow',
  'event-filter-unclear',
] as const;
type Code = (typeof codes)[number];

/** What the identity of a topic needs at the storage account, and Azure's own role that gives it. */
const TOPIC_ROLES = [
  {
    role: 'Storage Queue Data Message Sender',
    action: 'Microsoft.Storage/storageAccounts/queueServices/queues/messages/add/action',
    at: `queueServices/default/queues/${QUEUE}`,
  },
  {
    role: 'Storage Blob Data Contributor',
    action: 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write',
    at: `blobServices/default/containers/${DEAD_LETTERS}`,
  },
] as const;

/** Changes reach the queue: for each subscription that is looked after there is a topic, and a subscription that lets everything through. */
export const eventsCheck = defineCheck<DeployedContext, Code>({
  id: 'events',
  title: 'Event Grid: topics, event subscriptions and their filters',
  codes,
  async run(context) {
    const settings = await context.readSettings();
    const account = await context.readStorageAccount();
    const needs = mergeEventNeeds(listEventNeeds(context.policies.filter(({ id }) => settings.isPolicyOn(id))));
    const findings: DoctorFinding<Code>[] = [];
    for (const subscriptionId of settings.scopes) {
      const look = async () => await checkSubscription({ context, subscriptionId, account, needs });
      findings.push(...(await attempt(`/subscriptions/${subscriptionId}`, look)));
    }
    return findings;
  },
});

interface Place {
  readonly context: DeployedContext;
  readonly subscriptionId: string;
  readonly account: StorageAccount;
  readonly needs: EventNeeds;
}

/** A topic with those of its subscriptions that feed the queue. */
interface Feeder {
  readonly topic: SystemTopic;
  readonly feeds: readonly EventSubscription[];
}

async function checkSubscription(place: Place): Promise<readonly DoctorFinding<Code>[]> {
  const { context, subscriptionId, needs } = place;
  const scope = `/subscriptions/${subscriptionId}`;
  const wanted = topicTypes.filter((topicType) => needs.eventTypes[topicType] !== undefined);
  const topics = await listTopics(context.arm, subscriptionId);
  const findings: DoctorFinding<Code>[] = [];
  for (const topicType of wanted) {
    const ofType = topics.filter(({ properties }) => isSame(properties.topicType, topicType));
    // There is one topic for a subscription; of services there is one for each resource.
    const candidates =
      topicType === CHANGES ? ofType.filter(({ properties }) => isSame(properties.source, scope)) : ofType;
    const feeders = await Promise.all(candidates.map(async (topic) => await findFeeds(topic, place)));
    const feeding = feeders.filter(({ feeds }) => feeds.length > 0);
    if (feeding.length === 0) findings.push(describeAbsence(topicType, candidates[0], place));
    for (const feeder of feeding) findings.push(...(await judgeFeeder(feeder, topicType, place)));
  }
  return findings;
}

async function findFeeds(topic: SystemTopic, { account, context }: Place): Promise<Feeder> {
  const subscriptions = await listEventSubscriptions(context.arm, topic);
  const feeds = subscriptions.filter((subscription) => {
    const { endpointType, queueName, resourceId } = destinationOf(subscription);
    if (isSame(endpointType, 'StorageQueue')) return isSame(queueName, QUEUE) && isSame(resourceId, account.id);
    return (
      isSame(endpointType, 'AzureFunction') && isSame(resourceId, `${context.app.id}/functions/resourceEventsWebhook`)
    );
  });
  return { topic, feeds };
}

function describeAbsence(topicType: TopicType, topic: SystemTopic | undefined, place: Place): DoctorFinding<Code> {
  const { subscriptionId, needs } = place;
  const subject = `/subscriptions/${subscriptionId}`;
  if (topicType !== CHANGES) {
    return {
      severity: 'info',
      code: 'topic-optional-missing',
      subject,
      message: `Nothing tells of ${topicType} (${(needs.eventTypes[topicType] ?? []).join(', ')}): what they would tell of is found by the sweep, later.`,
    };
  }
  if (topic !== undefined) {
    return {
      severity: 'error',
      code: 'event-subscription-missing',
      subject: topic.id,
      message: `No event subscription of this topic delivers to queue ${QUEUE}: changes are found by the sweep alone.`,
      command: putSubscription(`${topic.id}/eventSubscriptions/dockwarden`, topicType, place),
    };
  }
  // Where the template would make it, so that a later deployment finds its own.
  const { app } = place.context;
  const group = isSame(app.subscriptionId, subscriptionId)
    ? shellQuote(app.resourceGroup)
    : `"\${RESOURCE_GROUP:?set it to the resource group that the template made in this subscription}"`;
  return {
    severity: 'error',
    code: 'topic-missing',
    subject,
    message: 'The subscription has no system topic: changes in it are found by the sweep alone.',
    command: [
      `az eventgrid system-topic create --subscription ${shellQuote(subscriptionId)} --resource-group ${group} --name ${OWN_TOPIC} --location global --topic-type ${shellQuote(CHANGES)} --source ${shellQuote(subject)} --identity systemassigned`,
      'dockwarden doctor',
    ].join('\n'),
  };
}

async function judgeFeeder(
  feeder: Feeder,
  topicType: TopicType,
  place: Place,
): Promise<readonly DoctorFinding<Code>[]> {
  const { topic, feeds } = feeder;
  const needed = {
    eventTypes: place.needs.eventTypes[topicType] ?? [],
    operationPrefixes: topicType === CHANGES ? place.needs.operationPrefixes : [],
  };
  return [
    ...judgeState(topic),
    ...feeds.flatMap((subscription) => judgeDelivery(subscription, putSubscription(subscription.id, topicType, place))),
    ...judgeFilters(feeds, needed, (id) => putSubscription(id, topicType, place)),
    ...(await attempt(topic.id, async () => await judgeIdentity(feeder, place))),
  ];
}

function judgeState({ id, properties }: SystemTopic): DoctorFinding<Code>[] {
  if (isSame(properties.provisioningState, 'Succeeded')) return [];
  return [
    {
      severity: 'error',
      code: 'topic-not-ready',
      subject: id,
      message: `The topic is not ready (${properties.provisioningState ?? 'no state'}): it may deliver nothing.`,
      command: `az resource show --ids ${shellQuote(id)} --query properties.provisioningState`,
    },
  ];
}

function judgeDelivery(subscription: EventSubscription, command: string): DoctorFinding<Code>[] {
  const { id: subject, properties } = subscription;
  const findings: DoctorFinding<Code>[] = [];
  const add = (code: Code, message: string, severity: 'error' | 'warning' = 'error') =>
    findings.push({ severity, code, subject, message, command });
  const { endpointType, isByIdentity } = destinationOf(subscription);
  if (!isSame(properties.provisioningState, 'Succeeded')) {
    add(
      'event-subscription-not-ready',
      `The event subscription is not ready (${properties.provisioningState ?? 'no state'}).`,
    );
  }
  if (properties.eventDeliverySchema !== undefined && isSame(properties.eventDeliverySchema, 'CustomInputSchema')) {
    add('event-schema', "Events come in a schema of their own: Dockwarden reads Event Grid's and CloudEvents 1.0.");
  }
  if (properties.expirationTimeUtc !== undefined) {
    add(
      'event-subscription-expires',
      `The event subscription ends on ${properties.expirationTimeUtc}, without a word.`,
      'warning',
    );
  }
  if (isSame(endpointType, 'StorageQueue') && !isByIdentity) {
    add(
      'event-delivery-identity',
      'Events are delivered with a key of the storage account: that works only while shared keys are allowed.',
    );
  }
  if (deadLetterOf(subscription) === undefined) {
    add(
      'event-dead-letter',
      'Events that cannot be delivered are dropped: nothing tells that they were there.',
      'warning',
    );
  }
  return findings;
}

/** Several subscriptions may share the work: what one of them lets through is heard of. */
function judgeFilters(
  feeds: readonly EventSubscription[],
  needed: Needed,
  put: (id: string) => string,
): DoctorFinding<Code>[] {
  const { lost, unclear } = findLost(
    feeds.map(({ properties }) => properties.filter),
    needed,
  );
  const [subscription] = feeds;
  if (subscription === undefined) return [];
  const { id: subject } = subscription;
  const command = put(subject);
  const findings: DoctorFinding<Code>[] = [];
  if (lost.length > 0) {
    findings.push({
      severity: 'error',
      code: 'event-filter-narrow',
      subject,
      message: `Its filter holds back what policies that are on need: ${lost.join(', ')}.`,
      command,
    });
  }
  if (unclear.length > 0) {
    findings.push({
      severity: 'warning',
      code: 'event-filter-unclear',
      subject,
      message: `Its filter may hold back what is needed: ${unclear.join('; ')}.`,
      command,
    });
  }
  return findings;
}

/** May the topic write what it has to? Event Grid refuses a subscription without that, but a role can be taken away later. */
async function judgeIdentity(
  { feeds, topic }: Feeder,
  { account, context }: Place,
): Promise<readonly DoctorFinding<Code>[]> {
  if (!feeds.some((subscription) => destinationOf(subscription).isByIdentity)) return [];
  const { principalId } = topic.identity;
  const ofUser = feeds.some(({ properties }) =>
    isSame(properties.deliveryWithResourceIdentity.identity.type, 'UserAssigned'),
  );
  if (ofUser) return [];
  if (principalId === undefined) {
    return [
      {
        severity: 'error',
        code: 'topic-role-missing',
        subject: topic.id,
        message: 'The topic has no identity of its own any more, and its event subscription delivers with it.',
        command: `az eventgrid system-topic update --subscription ${shellQuote(topic.id.split('/')[2] ?? '')} --resource-group ${shellQuote(topic.id.split('/')[4] ?? '')} --name ${shellQuote(topic.name)} --identity systemassigned`,
      },
    ];
  }
  const grants = await context.readGrants(account.id.split('/')[2] ?? '', principalId);
  return TOPIC_ROLES.filter(({ action, at }) => {
    return !grants.some((grant) => coversScope(grant, `${account.id}/${at}`) && allows(grant, action, 'dataActions'));
  }).map(({ role, action, at }) => ({
    severity: 'error',
    code: 'topic-role-missing',
    subject: topic.id,
    message: `The identity of the topic lacks ${action} at ${at}.`,
    command: `az role assignment create --assignee-object-id ${shellQuote(principalId)} --assignee-principal-type ServicePrincipal --role ${shellQuote(role)} --scope ${shellQuote(`${account.id}/${at}`)}`,
  }));
}

function isSame(text: string | undefined, wanted: string): boolean {
  return text?.replace(/\/+$/, '').toLowerCase() === wanted.toLowerCase();
}
