import * as z from 'zod';
import { shellQuote, showName } from '../../remediations/advice.ts';
import { lenient, lenientObject } from '../../resources/lenient.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import {
  type BeforeDeployContext,
  deployVersions,
  foldLocation,
  groupNames,
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
    return items
      .map((item) => readAnswer(Topic, item, 'a system topic'))
      .filter((topic) => isOfSubscription(topic, context))
      .flatMap((topic) => judgeTopic(context, topic));
  },
});

function isOfSubscription({ properties }: Topic, context: BeforeDeployContext): boolean {
  return (
    properties.topicType?.toLowerCase() === TOPIC_TYPE &&
    properties.source?.toLowerCase().replace(/\/$/, '') === subscriptionPath(context).toLowerCase()
  );
}

/** The topic that an earlier deployment of this environment has made needs no word. */
function judgeTopic(context: BeforeDeployContext, topic: Topic): readonly DoctorFinding<Code>[] {
  const resourceGroup = topic.id.split('/')[GROUP_SEGMENT] ?? '';
  const [own] = groupNames(context.environmentName);
  const isOwn = resourceGroup.toLowerCase() === own.toLowerCase();
  return [
    ...(isOwn ? [] : [exists(context, topic, resourceGroup)]),
    ...(/systemassigned/i.test(topic.identity.type ?? '') ? [] : [withoutIdentity(context, topic, resourceGroup)]),
  ];
}

function exists(context: BeforeDeployContext, { id, name }: Topic, resourceGroup: string): DoctorFinding<Code> {
  const { environmentName, location, subscriptionId } = context;
  const value = JSON.stringify([{ id: subscriptionId, existingSystemTopic: { name, resourceGroup } }]);
  return {
    severity: 'warning',
    code: 'system-topic-exists',
    subject: id,
    message: `The subscription has a system topic already, and Azure allows one. Without a word about it the deployment fails: give it in parameter subscriptions, in infra/main.bicepparam or as in the command: { id: '${subscriptionId}', existingSystemTopic: { name: '${showName(name)}', resourceGroup: '${showName(resourceGroup)}' } }. If you have done so, ignore this.`,
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
