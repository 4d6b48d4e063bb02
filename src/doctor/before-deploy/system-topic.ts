import * as z from 'zod';
import { shellQuote, showName } from '../../remediations/advice.ts';
import { lenient, lenientObject } from '../../resources/lenient.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import { OWN_TOPIC } from '../event-subscription.ts';
import { destinationOf, listEventSubscriptions } from '../system-topics.ts';
import {
  type BeforeDeployContext,
  deployVersions,
  foldLocation,
  groupNames,
  ownerIn,
  readAnswer,
  subscriptionPath,
} from './context.ts';

/** Type of the topic that tells of every change in a subscription. */
const TOPIC_TYPE = 'microsoft.resources.subscriptions';

/** Where `/subscriptions/{id}/resourceGroups/{name}/…` has the group. */
const GROUP_SEGMENT = 4;

type Code = 'system-topic-exists' | 'system-topic-without-identity';

const Topic = z.object({
  id: z.string(),
  name: z.string(),
  tags: lenient(z.record(z.string(), z.string())),
  identity: lenientObject({ type: lenient(z.string()) }),
  properties: lenientObject({ source: lenient(z.string()), topicType: lenient(z.string()) }),
});
type Topic = z.infer<typeof Topic>;

/** Azure allows one system topic for each source. The one that is there already is used, if the template is told of it. */
export const systemTopicCheck = defineCheck<BeforeDeployContext, Code>({
  id: 'system-topic',
  title: 'the system topic of the subscription',
  codes: ['system-topic-exists', 'system-topic-without-identity'],
  async run(context) {
    const path = `${subscriptionPath(context)}/providers/Microsoft.EventGrid/systemTopics`;
    const items = await context.arm.list(path, deployVersions.eventGrid);
    const topics = items
      .map((item) => readAnswer(Topic, item, 'a system topic'))
      .filter((topic) => isOfSubscription(topic, context));
    return (await Promise.all(topics.map(async (topic) => await judgeTopic(context, topic)))).flat();
  },
});

function isOfSubscription({ properties }: Topic, context: BeforeDeployContext): boolean {
  return (
    properties.topicType?.toLowerCase() === TOPIC_TYPE &&
    properties.source?.toLowerCase().replace(/\/$/, '') === subscriptionPath(context).toLowerCase()
  );
}

async function judgeTopic(context: BeforeDeployContext, topic: Topic): Promise<readonly DoctorFinding<Code>[]> {
  const resourceGroup = topic.id.split('/')[GROUP_SEGMENT] ?? '';
  // The template writes its own again, with an identity.
  if (isOwn(context, topic, resourceGroup)) return [];
  const isUsed = await feedsRecords(context, topic);
  return [
    exists(context, topic, resourceGroup, isUsed),
    ...(/systemassigned/i.test(topic.identity.type ?? '') ? [] : [withoutIdentity(context, topic, resourceGroup)]),
  ];
}

/**
 * Did an earlier deployment of this environment make it? Under another name the template would make a second one, which Azure refuses. It lies in the
 * group of the app, or in the one that parameter `subscriptions` names; then the tag tells whose it is.
 */
function isOwn({ environmentName }: BeforeDeployContext, { name, tags }: Topic, resourceGroup: string): boolean {
  const [app] = groupNames(environmentName);
  const isOfEnvironment = ownerIn(tags)?.toLowerCase() === environmentName.toLowerCase();
  return name.toLowerCase() === OWN_TOPIC && (resourceGroup.toLowerCase() === app.toLowerCase() || isOfEnvironment);
}

/** Has an earlier deployment of this environment used it, so that its parameters name it already? */
async function feedsRecords({ arm, environmentName, subscriptionId }: BeforeDeployContext, topic: Topic) {
  const [, records] = groupNames(environmentName);
  const below = `/subscriptions/${subscriptionId}/resourceGroups/${records}/`.toLowerCase();
  const subscriptions = await listEventSubscriptions(arm, topic);
  return subscriptions.some((one) => destinationOf(one).resourceId?.toLowerCase().startsWith(below) === true);
}

function exists(
  context: BeforeDeployContext,
  { id, name }: Topic,
  resourceGroup: string,
  isUsed: boolean,
): DoctorFinding<Code> {
  const { environmentName, location, subscriptionId } = context;
  const value = JSON.stringify([{ id: subscriptionId, existingSystemTopic: { name, resourceGroup } }]);
  const entry = `{ id: '${subscriptionId}', existingSystemTopic: { name: '${showName(name)}', resourceGroup: '${showName(resourceGroup)}' } }`;
  return {
    // Used before means named before, and the parameters are still there.
    severity: isUsed ? 'info' : 'warning',
    code: 'system-topic-exists',
    subject: id,
    message: isUsed
      ? `This environment uses a system topic that it has not made. Keep it in parameter subscriptions: ${entry}.`
      : `The subscription has a system topic already, and Azure allows one. Without a word about it the deployment fails: give it in parameter subscriptions, in infra/main.bicepparam or as in the command: ${entry}.`,
    command: `az deployment sub create --subscription ${shellQuote(subscriptionId)} --name ${shellQuote(environmentName)} --location ${shellQuote(foldLocation(location))} --template-file infra/main.bicep --parameters infra/main.bicepparam --parameters ${shellQuote(`subscriptions=${value}`)}`,
  };
}

function withoutIdentity(
  { subscriptionId }: BeforeDeployContext,
  { id, name }: Topic,
  resourceGroup: string,
): DoctorFinding<Code> {
  return {
    severity: 'error',
    code: 'system-topic-without-identity',
    subject: id,
    message:
      'This system topic has no system-assigned identity, with which it could write into the queue: the deployment would stop.',
    command: `az eventgrid system-topic update --subscription ${shellQuote(subscriptionId)} --resource-group ${shellQuote(resourceGroup)} --name ${shellQuote(name)} --identity systemassigned`,
  };
}
