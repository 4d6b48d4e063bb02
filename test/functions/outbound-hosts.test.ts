import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { ClientRequest, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { FUNCTION_KEY, type ReviewApp, startReviewApp } from '../support/review-app.ts';

/** What Node's diagnostics channels tell of a request. */
const Request = z.object({
  request: z
    .instanceof(ClientRequest)
    .transform((request) => ({ getHeader: (name: string) => String(request.getHeader(name)) })),
});
const Fetch = z.object({ request: z.object({ origin: z.string() }) });

let app: ReviewApp;

beforeAll(async () => {
  app = await startReviewApp();
});

afterAll(async () => {
  await app.stop();
});

/** Every host that anything in this process sends a request to while `work` runs: Node's own client and `fetch`. */
async function hostsAskedBy(work: () => Promise<unknown>): Promise<ReadonlySet<string>> {
  const hosts = new Set<string>();
  const noteRequest = (message: unknown): void => {
    hosts.add(Request.parse(message).request.getHeader('host'));
  };
  const noteFetch = (message: unknown): void => {
    hosts.add(new URL(Fetch.parse(message).request.origin).host);
  };
  subscribe('http.client.request.start', noteRequest);
  subscribe('undici:request:create', noteFetch);
  try {
    await work();
  } finally {
    unsubscribe('http.client.request.start', noteRequest);
    unsubscribe('undici:request:create', noteFetch);
  }
  return hosts;
}

describe('the app (R54)', () => {
  it('sends requests to nobody but Azure Resource Manager, its storage and its identity endpoint', async () => {
    await app.reset({
      REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce',
      REMEDIATE_ACR_ROTATE_SECOND_PASSWORD: 'enforce',
      REMEDIATE_AKS_ADD_REQUIRED_TAGS: 'enforce',
    });
    const { queue, table } = app.storage();
    const { endpoint } = app.simulator.identityEndpoint('dockwarden');

    const asked = await hostsAskedBy(async () => {
      await app.violate('contosoacr');
      const [run] = (await app.rows('audit')).filter(({ outcome }) => outcome === 'fixed');
      await app.request({
        nullableParams: { action: { value: 'undo' } },
        nullableHeaders: {
          'content-type': { value: 'application/json' },
          'x-functions-key': { value: FUNCTION_KEY },
        },
        body: { bytes: Buffer.from(JSON.stringify({ runId: run?.['remediationRunId'] })) },
      });
      await app.work();
    });

    expect((await app.rows('audit')).map(({ outcome }) => outcome)).toEqual(
      expect.arrayContaining(['fixed', 'undone']),
    );
    const allowed = [app.simulator.armEndpoint, queue, table, endpoint].map((url) => new URL(url).host);
    expect([...asked].filter((host) => !allowed.includes(host))).toEqual([]);
    expect(asked.size).toBeGreaterThanOrEqual(3);
  });

  it('would be caught: a request to anybody else shows', async () => {
    const asked = await hostsAskedBy(async () => {
      const request = get(`${app.url}/somewhere`);
      const [response]: IncomingMessage[] = await once(request, 'response');
      response?.resume();
      await fetch(`${app.url.replace('127.0.0.1', 'localhost')}/elsewhere`);
    });

    const { port } = new URL(app.url);
    expect([...asked]).toEqual([`127.0.0.1:${port}`, `localhost:${port}`]);
  });
});
