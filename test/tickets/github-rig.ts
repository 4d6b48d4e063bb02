import { inject } from 'vitest';
import { createGitHubSystem, type GitHubOptions } from '../../src/tickets/github.ts';
import { CHANGES, type GitHubServer, startGitHubServer } from './github-server.ts';
import { createRigClock } from './scripted-server.ts';
import { type ConnectChanges, type TicketRig } from './ticket-rig.ts';

export interface GitHubRig extends TicketRig {
  readonly server: GitHubServer;
  connect(changes: ConnectChanges & Partial<GitHubOptions>): TicketRig['system'];
}

const REQUEST_LIMIT = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';

/** The adapter and GitHub's traps, over real TLS on loopback. */
export async function createGitHubRig(): Promise<GitHubRig> {
  const clock = createRigClock();
  const secret = 'github_pat_11AAAAAAA0canary0123456789abcdef';
  const server = await startGitHubServer({ clock, token: secret, certificates: inject('certificates') });

  function connect({ credential = secret, url = server.url, ...changes }: ConnectChanges & Partial<GitHubOptions>) {
    return createGitHubSystem({
      repository: server.repository.name,
      baseUrl: url,
      allowLoopbackHttp: true,
      getToken: async () => await Promise.resolve(credential),
      now: () => clock.now(),
      ...changes,
    });
  }

  return {
    system: connect({}),
    server,
    clock,
    secret,
    connect,
    patterns: {
      find: { method: 'GET', path: /\/issues\?/ },
      create: { method: 'POST', path: /\/issues$/ },
      read: { method: 'GET', path: /\/issues\/\d+$/ },
      change: { method: CHANGES, path: /\/issues\/\d+(?:\/comments)?$/ },
    },
    authAnswers: [
      { name: 'a 401 for a bad token', answer: { status: 401, body: { message: 'Bad credentials' } } },
      {
        name: 'a 403 for a token that may not',
        answer: { status: 403, body: { message: 'Resource not accessible by personal access token' } },
      },
    ],
    refusals: [
      {
        name: 'a 422 that names the field',
        answer: {
          status: 422,
          body: {
            message: 'Validation Failed',
            errors: [{ resource: 'Issue', field: 'title', code: 'missing_field' }],
          },
        },
        says: 'title missing_field',
      },
      {
        name: 'a 403 for a locked issue',
        answer: { status: 403, body: { message: 'Unable to create comment because issue is locked.' } },
        says: 'issue is locked',
      },
    ],
    rateAnswers: [
      {
        name: 'a 403 with the time of the reset',
        answer: {
          status: 403,
          headers: {
            'x-ratelimit-remaining': '0',
            'x-ratelimit-reset': String(clock.now().getTime() / 1000 + 90),
          },
          body: { message: 'API rate limit exceeded for installation ID 1.' },
        },
        retryAfterMs: 90_000,
      },
      {
        name: 'a 403 with Retry-After',
        answer: { status: 403, headers: { 'retry-after': '75' }, body: { message: REQUEST_LIMIT } },
        retryAfterMs: 75_000,
      },
      {
        name: 'a 403 that says so in words only',
        answer: { status: 403, body: { message: REQUEST_LIMIT } },
        retryAfterMs: 60_000,
      },
    ],
    ignored: [
      {
        name: 'a state that stays as it was',
        async act({ system }) {
          const draft = { title: 'x', severity: 'low', body: [] } as const;
          const { id } = await system.create(draft, `dw-${'0'.repeat(32)}`, AbortSignal.timeout(10_000));
          server.fault({
            method: 'PATCH',
            effect: {
              kind: 'change',
              change: (answer) => ({ ...answer, body: { ...Object(answer.body), state: 'open', closed_at: null } }),
            },
          });
          await system.close(id, 'fixed', 'done', AbortSignal.timeout(10_000));
        },
      },
      {
        name: 'a key that is neither label nor text',
        async act({ system }) {
          server.fault({
            method: 'POST',
            path: /\/issues$/,
            effect: {
              kind: 'change',
              change: (answer) => ({ ...answer, body: { ...Object(answer.body), labels: [], body: 'x' } }),
            },
          });
          await system.create(
            { title: 'x', severity: 'low', body: [] },
            `dw-${'1'.repeat(32)}`,
            AbortSignal.timeout(10_000),
          );
        },
      },
    ],
    escaped: { has: '&lt;script&gt;alert(1)&lt;/script&gt;', hasNot: ['@team', 'http://x'] },
    stop: async () => await server.stop(),
  };
}
