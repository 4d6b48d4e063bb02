import { inject } from 'vitest';
import { createRedmineSystem } from '../../src/tickets/redmine.ts';
import type { RedmineOptions } from '../../src/tickets/redmine-client.ts';
import { type RedmineServer, startRedmineServer } from './redmine-server.ts';
import { createRigClock } from './scripted-server.ts';
import type { ConnectChanges, TicketRig } from './ticket-rig.ts';

export interface RedmineRig extends TicketRig {
  readonly server: RedmineServer;
  connect(changes: ConnectChanges & Partial<RedmineOptions>): TicketRig['system'];
}

const DRAFT = { title: 'x', severity: 'low', body: [] } as const;
const KEY = `dw-${'0'.repeat(32)}`;
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

/** The adapter for Redmine and a Redmine with its traps, over TLS on loopback. */
export async function createRedmineRig(): Promise<RedmineRig> {
  const clock = createRigClock();
  const server = await startRedmineServer({ clock, certificates: inject('certificates') });

  function connect(changes: ConnectChanges & Partial<RedmineOptions>): TicketRig['system'] {
    const { credential = server.apiKey, url = server.url, fetch: send, timeouts, ...rest } = changes;
    return createRedmineSystem({
      baseUrl: url,
      apiKey: credential,
      projectId: server.projectId,
      trackerId: server.trackerId,
      fieldId: server.fieldId,
      http: {
        allowLoopbackHttp: true,
        ...(send !== undefined && { fetch: send }),
        ...(timeouts !== undefined && { timeouts }),
      },
      now: () => clock.now(),
      ...rest,
    });
  }

  const issue = /^\/issues\/\d+\.json/;
  return {
    system: connect({}),
    server,
    clock,
    secret: server.apiKey,
    connect,
    patterns: {
      find: { method: 'GET', path: /^\/issues\.json\?/ },
      create: { method: 'POST', path: /^\/issues\.json$/ },
      read: { method: 'GET', path: issue },
      change: { method: 'PUT', path: issue },
    },
    authAnswers: [
      { name: '401 without a body', answer: { status: 401, headers: { 'content-type': 'application/json' } } },
      { name: '403 without a body', answer: { status: 403, headers: { 'content-type': 'application/json' } } },
    ],
    refusals: [
      {
        name: 'a subject that is too long',
        answer: { status: 422, body: { errors: ['Subject is too long (maximum is 255 characters)'] } },
        says: 'Subject is too long (maximum is 255 characters)',
      },
      {
        name: 'several fields',
        answer: { status: 422, body: { errors: ['Priority cannot be blank', 'Team cannot be blank'] } },
        says: 'Priority cannot be blank; Team cannot be blank',
      },
      { name: 'a body that it cannot read', answer: { status: 400, body: '<html>400</html>' }, says: '400' },
    ],
    rateAnswers: [],
    ignored: [
      {
        name: 'a custom field that does not exist, at create',
        act: async () => await connect({ fieldId: 42 }).create(DRAFT, KEY, signal()),
      },
      {
        name: 'a filter by a custom field that does not exist',
        async act({ system }) {
          await system.create(DRAFT, KEY, signal());
          await connect({ fieldId: 42 }).findByKey(KEY, new Date(0), signal());
        },
      },
      {
        name: 'the same, at probe',
        async act({ system }) {
          await system.create(DRAFT, KEY, signal());
          await connect({ fieldId: 42 }).probe(signal());
        },
      },
      {
        name: 'a tracker that does not exist',
        act: async () => await connect({ trackerId: 99 }).probe(signal()),
      },
      {
        name: 'a status that the workflow does not allow',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          server.workflow = [2];
          await system.close(id, 'fixed', 'done', signal());
        },
      },
      {
        name: 'the same, where the server does not say beforehand what it allows',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          server.workflow = [2];
          server.isOld = true;
          await system.close(id, 'fixed', 'done', signal());
        },
      },
      {
        name: 'reopening',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          await system.close(id, 'fixed', 'done', signal());
          server.workflow = [];
          await system.reopen(id, 'again', signal());
        },
      },
      {
        name: 'a change by a user who may not edit',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          server.may.edit = false;
          await system.update(id, { ...DRAFT, title: 'y' }, KEY, signal());
        },
      },
      {
        name: 'a note of a user who may not add one',
        async act({ system }) {
          const { id } = await system.create(DRAFT, KEY, signal());
          server.may.addNotes = false;
          await system.comment(id, 'a note', signal());
        },
      },
    ],
    escaped: {
      has: '&#60;script&#62;alert&#40;1&#41;&#60;&#47;script&#62;',
      hasNot: ['!http', 'http://x', '{{macro', '@team'],
    },
    stop: async () => await server.stop(),
  };
}
