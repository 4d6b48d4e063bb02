import { readFileSync } from 'node:fs';
import { inject } from 'vitest';
import { type IdentityDefinition, TokenIssuer } from '../../local/azure/identities.ts';
import { type CustomTopic, SEND_ACTION, startCustomTopic } from '../../local/event-grid/custom-topic.ts';
import { createTopicSender, type SendEvent, type TopicOptions } from '../../src/outbound/topic.ts';

const TOPIC_ID =
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-platform/providers/Microsoft.EventGrid/topics/dockwarden';

/** The role EventGrid Data Sender on the topic. */
export const SENDER = { scope: TOPIC_ID, actions: [], dataActions: [SEND_ACTION], roleName: 'EventGrid Data Sender' };

export interface TopicRig {
  readonly topic: CustomTopic;
  readonly identity: IdentityDefinition;
  /** A token of the identity; default: for Event Grid. */
  token(audience?: string): string;
  /** The product's own sender, to this topic. */
  connect(changes?: Partial<TopicOptions>): SendEvent;
}

/** A topic, and an identity that may send to it. */
export async function startTopicRig(now: () => Date): Promise<TopicRig> {
  const identity: IdentityDefinition = {
    name: 'dockwarden',
    objectId: '00000000-0000-4000-8000-000000000081',
    clientId: '00000000-0000-4000-8000-000000000082',
    principalType: 'ServicePrincipal',
    roleAssignments: [SENDER],
  };
  const issuer = new TokenIssuer('00000000-0000-4000-8000-000000000080', [identity]);
  const topic = await startTopic(issuer);
  const token = (audience = 'https://eventgrid.azure.net'): string => issuer.issue(identity, audience).token;
  return {
    topic,
    identity,
    token,
    connect: (changes = {}) =>
      createTopicSender({
        url: topic.endpoint,
        credential: {
          async getToken(scopes) {
            const [scope = ''] = [scopes].flat();
            const { token: issued, expiresOn } = issuer.issue(identity, scope.replace('/.default', ''));
            return await Promise.resolve({ token: issued, expiresOnTimestamp: expiresOn * 1000 });
          },
        },
        now,
        ...changes,
      }),
  };
}

export async function startTopic(issuer: TokenIssuer): Promise<CustomTopic> {
  const { certFile, keyFile } = inject('certificates');
  const certificates = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  return await startCustomTopic({ certificates, issuer, resourceId: TOPIC_ID });
}
