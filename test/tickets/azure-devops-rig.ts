import { inject } from 'vitest';
import { createAzureDevOpsSystem } from '../../src/tickets/azure-devops.ts';
import type { AzureDevOpsOptions } from '../../src/tickets/azure-devops-client.ts';
import { type AzureDevOpsServer, startAzureDevOpsServer } from './azure-devops-server.ts';
import { createRigClock } from './scripted-server.ts';
import type { ConnectChanges, TicketRig } from './ticket-rig.ts';

export interface AzureDevOpsRig extends TicketRig {
  readonly server: AzureDevOpsServer;
  connect(changes: ConnectChanges & Partial<AzureDevOpsOptions>): TicketRig['system'];
}

const DRAFT = { title: 'x', severity: 'low', body: [] } as const;
const KEY = `dw-${'0'.repeat(32)}`;
const PAGE = '<!DOCTYPE html><html><head><title>Azure DevOps Services | Sign In</title></head></html>';
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

function failure(typeKey: string, message: string): object {
  return { $id: '1', innerException: null, message, typeKey, errorCode: 0, eventId: 3200 };
}

/** The adapter for Azure DevOps and a service with its traps, over TLS on loopback. */
export async function createAzureDevOpsRig(): Promise<AzureDevOpsRig> {
  const clock = createRigClock();
  const server = await startAzureDevOpsServer({ clock, certificates: inject('certificates') });

  function connect(changes: ConnectChanges & Partial<AzureDevOpsOptions>): TicketRig['system'] {
    const { credential = server.token, url = server.url, fetch: send, timeouts, ...rest } = changes;
    return createAzureDevOpsSystem({
      baseUrl: url,
      organization: server.organization,
      project: server.project,
      workItemType: 'Task',
      getToken: async () => await Promise.resolve(credential),
      http: {
        allowLoopbackHttp: true,
        ...(send !== undefined && { fetch: send }),
        ...(timeouts !== undefined && { timeouts }),
      },
      now: () => clock.now(),
      ...rest,
    });
  }

  const item = /\/workitems\/\d+\?/;
  return {
    system: connect({}),
    server,
    clock,
    secret: server.token,
    connect,
    patterns: {
      find: { method: 'POST', path: /\/wiql\?/ },
      create: { method: 'POST', path: /\/workitems\/\$/ },
      read: { method: 'GET', path: item },
      change: { method: 'PATCH', path: item },
    },
    authAnswers: [
      { name: '203 with the sign-in page', answer: { status: 203, body: PAGE } },
      {
        name: '302 to the sign-in page',
        answer: {
          status: 302,
          headers: { location: 'https://spsprodweu1.vssps.visualstudio.test/_signin' },
          body: PAGE,
        },
      },
      {
        name: '401 as PATCH answers it',
        answer: {
          status: 401,
          body: failure(
            'UnauthorizedRequestException',
            "TF400813: The user '' is not authorized to access this resource.",
          ),
        },
      },
    ],
    refusals: [
      {
        name: 'a rule of the process',
        answer: {
          status: 400,
          body: failure(
            'RuleValidationException',
            'TF401320: Rule Error for field Resolved Reason. Error code: Required, InvalidEmpty.',
          ),
        },
        says: 'TF401320: Rule Error for field Resolved Reason. Error code: Required, InvalidEmpty.',
      },
    ],
    rateAnswers: [
      {
        name: '429 with its own words',
        answer: {
          status: 429,
          headers: { 'retry-after': '30', 'x-ratelimit-remaining': '0' },
          body: failure('RequestBlockedException', 'TF400733: The request has been canceled.'),
        },
        retryAfterMs: 30_000,
      },
    ],
    ignored: [
      {
        name: 'a tag that the identity may not create',
        async act({ system }) {
          server.mayCreateTags = false;
          await system.create(DRAFT, KEY, signal());
        },
      },
      {
        name: 'the same, when the tag is missing at an update',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          server.item(id).fields.set('System.Tags', 'urgent');
          server.mayCreateTags = false;
          await system.update(id, DRAFT, KEY, signal());
        },
      },
      {
        name: 'a state that the process sets back',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          server.revertsStates = true;
          await system.close(id, 'fixed', 'done', signal());
        },
      },
      {
        name: 'the same, when it is reopened',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          await system.close(id, 'fixed', 'done', signal());
          server.revertsStates = true;
          await system.reopen(id, 'again', signal());
        },
      },
    ],
    escaped: {
      has: '&lt;script&gt;alert(1)&lt;/script&gt;',
      hasNot: ['<script', '<img', '<b>alert'],
    },
    stop: async () => await server.stop(),
  };
}
