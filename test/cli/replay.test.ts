import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { assignProductRole, sampleId } from '../../local/azure/sample-subscription.ts';
import { type ReviewApp, startReviewApp } from '../support/review-app.ts';
import { createLocalRun } from './local-run.ts';

const POLICY = 'acr-admin-user-disabled';

let app: ReviewApp;
let events = 0;
const localRun = createLocalRun(() => app);
const { run, writeRun } = localRun;

beforeAll(async () => {
  app = await startReviewApp();
});

afterAll(async () => {
  await app.stop();
  await localRun.remove();
});

beforeEach(async () => {
  await app.reset();
  await localRun.renew();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** An event about a resource, as it arrived. */
function eventAbout(resourceId: string, change: Readonly<Record<string, unknown>> = {}) {
  events += 1;
  return {
    id: `0d3a1f2e-0000-4000-8000-${String(events).padStart(12, '0')}`,
    topic: '/subscriptions/x',
    subject: resourceId,
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: new Date().toISOString(),
    data: {
      operationName: 'Microsoft.ContainerRegistry/registries/write',
      claims: { name: 'Ann Example' },
      authorization: { scope: resourceId, evidence: { principalId: 'p-1' } },
    },
    ...change,
  };
}

async function writeEvents(content: unknown): Promise<string> {
  const file = join(localRun.directory(), 'events.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** The row of the decision about the admin user. */
async function findDecision(): Promise<string> {
  const { out } = await run(['audit', 'list', '--policy', POLICY, '--format', 'json']);
  const rows: readonly { readonly rowKey: string; readonly stage: string }[] = JSON.parse(out);
  return rows.find(({ stage }) => stage === 'decision')?.rowKey ?? '';
}

function patchRegistry(adminUserEnabled: boolean): void {
  app.simulator.as('operator').patch(sampleId('contosoacr'), { properties: { adminUserEnabled } });
}

async function sentMessages(): Promise<number> {
  const { queue, credential } = app.storage();
  const { peekedMessageItems } = await new QueueClient(`${queue}/work`, credential).peekMessages();
  return peekedMessageItems.length;
}

function writesOf(): readonly string[] {
  return app.simulator.requests
    .filter(
      ({ caller, method, path }) => caller === 'dockwarden' && method !== 'GET' && !path.includes('ResourceGraph'),
    )
    .map(({ method, path }) => `${method} ${path}`);
}

function ignored() {
  return eventAbout(sampleId('contosoacr'), { eventType: 'Microsoft.Resources.ResourceWriteFailure' });
}

/** As Event Grid writes it. */
function letter(change: Readonly<Record<string, unknown>> = {}) {
  return {
    ...eventAbout(sampleId('contosoacr')),
    deadLetterReason: 'MaxDeliveryAttemptsExceeded',
    deliveryAttempts: 30,
    lastDeliveryOutcome: 'NotFound',
    publishTime: '2026-11-02T18:38:05.1Z',
    lastDeliveryAttemptTime: '2026-11-03T18:38:05.1Z',
    ...change,
  };
}

async function put(kind: 'poison' | 'dead-letter', name: string, content: unknown): Promise<string> {
  const { blob, credential } = app.storage();
  const container = new BlobServiceClient(blob, credential).getContainerClient(kind);
  await container.createIfNotExists();
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
  return `${kind}/${name}`;
}

describe('replay --observe of an audit row', () => {
  it('shows the plan, and that nothing has changed since', async () => {
    await app.violate();
    const before = writesOf();

    const { exitCode, out, errors } = await run(['replay', await findDecision(), '--observe', '--reason', 'to see']);

    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    expect(out).toMatch(/^contosoacr is judged, and nothing is changed \(request [0-9A-Z]{26}\)$/m);
    expect(out).toMatch(/^acr-admin-user-disabled +registries\.update {"adminUserEnabled":false}$/m);
    for (const what of ['verdict', 'evidence', 'decision', 'reason', 'calls'])
      expect(out).toMatch(new RegExp(`^${POLICY} +${what} .* unchanged$`, 'm'));
    expect(out).not.toMatch(new RegExp(`^${POLICY} .* changed$`, 'm'));
    expect([writesOf(), await sentMessages()]).toEqual([before, 0]);
    expect((await app.rows('audit')).at(-1)).toMatchObject({
      reason: 'replay-observed',
      error: expect.stringContaining(': to see'),
    });
  });

  it('shows what has changed', async () => {
    await app.violate();
    const row = await findDecision();
    patchRegistry(false);

    const { exitCode, out } = await run(['replay', row, '--observe']);
    const json = await run(['replay', row, '--observe', '--format', 'json']);

    expect(exitCode).toBe(0);
    expect(out).toMatch(/ verdict +violation +compliant +changed$/m);
    expect(out).toMatch(/ decision +await-approval +- +changed$/m);
    expect(out).not.toContain(`${POLICY}  registries.update`);
    expect(JSON.parse(json.out)).toMatchObject({
      resourceId: sampleId('contosoacr'),
      policies: expect.arrayContaining([{ policyId: POLICY, verdict: 'compliant', plan: [] }]),
      difference: expect.arrayContaining([
        { policyId: POLICY, what: 'verdict', onRecord: 'violation', now: 'compliant', isChanged: true },
      ]),
      isFine: true,
    });
  });

  it('of a resource that is gone says so', async () => {
    await app.violate('contosobuild');
    const row = await findDecision();
    app.simulator.faults.add({
      caller: 'dockwarden',
      times: 1,
      when: ({ path }) => path.includes('contosobuild'),
      effect: { kind: 'answer', status: 404, body: { error: { code: 'ResourceNotFound', message: 'gone' } } },
    });

    expect(await run(['replay', row, '--observe'])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('refused (409 resource-not-found)'),
    });
  });
});

describe('replay of an audit row', () => {
  it('looks again, waits for it, and shows what has changed', async () => {
    await app.violate();
    const row = await findDecision();
    app.changeSettings({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });

    const { exitCode, out, errors } = await run(['replay', row]);

    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    expect(out).toMatch(/outcome +contosoacr +acr-admin-user-disabled +fixed/);
    expect(out).toMatch(/ verdict +violation +compliant +changed$/m);
    expect(out).toMatch(/ outcome +- +fixed +changed$/m);
    expect(out).toMatch(/ calls .* unchanged$/m);
  });

  it('in mode observe changes nothing', async () => {
    app.changeSettings({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'observe' });
    await app.violate();
    const before = writesOf();

    const { exitCode, out } = await run(['replay', await findDecision()]);

    expect(exitCode).toBe(0);
    expect(writesOf()).toEqual(before);
    expect(out).toMatch(/ decision +observe +observe +unchanged$/m);
  });

  it('by a run id, as JSON, without waiting', async () => {
    app.changeSettings({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
    await app.violate();
    const fixed = (await app.rows('audit')).find(({ outcome }) => outcome === 'fixed');
    const runId = String(fixed?.['remediationRunId']).toLowerCase();

    const { exitCode, out } = await run(['replay', runId, '--no-wait', '--format', 'json']);

    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ resourceId: sampleId('contosoacr'), difference: [], isFine: true });
    expect(await sentMessages()).toBe(1);
  });

  it('that ends in a fix that fails exits 1', async () => {
    await app.violate();
    const row = await findDecision();
    app.changeSettings({ REMEDIATE_ACR_DISABLE_ADMIN_USER: 'enforce' });
    const identity = app.simulator.identity('dockwarden');
    const actions = identity.roleAssignments.flatMap((assignment) => assignment.actions);
    identity.roleAssignments = assignProductRole(actions.filter((action) => !action.endsWith('registries/write')));

    const { exitCode, out } = await run(['replay', row]);

    expect(exitCode).toBe(1);
    expect(out).toMatch(/outcome +contosoacr .* denied/);
  });

  it('that has to wait for Azure is over when it has been looked at', async () => {
    await app.violate();
    const row = await findDecision();
    app.simulator.faults.add({
      caller: 'dockwarden',
      times: Infinity,
      when: ({ path }) => path.endsWith('contosoacr'),
      effect: { kind: 'answer', status: 503, body: { error: { code: 'ServerBusy', message: 'busy' } } },
    });

    const { exitCode, out } = await run(['replay', row]);
    app.simulator.faults.clear();

    expect(exitCode).toBe(0);
    expect(out).toMatch(/decision +contosoacr +- +defer +azure-unavailable/);
  });

  it('waits no longer than it was told', async () => {
    await app.violate();

    const { exitCode, errors } = await run(['replay', await findDecision(), '--timeout', '5'], {
      work: async () => {
        await Promise.resolve();
      },
    });

    expect(exitCode).toBe(1);
    expect(errors).toContain('the look is not over within 5 s');
  });

  test.each([
    ['01KB0000000000000000000000', 'there is no audit row 01KB0000000000000000000000'],
    ['2516000000000000000_x_decision', 'there is no audit row 2516000000000000000_x_decision'],
    ['nonsense', 'no such file: nonsense'],
  ])('is not guessed from %s', async (subject, message) => {
    expect(await run(['replay', subject])).toMatchObject({ exitCode: 1, errors: expect.stringContaining(message) });
  });

  it('of a row that is about no resource is refused', async () => {
    await run(['breaker', 'reset', 'remediation/acr-disable-admin-user']);
    const { out } = await run(['audit', 'list', '--format', 'json']);
    const [row]: readonly { readonly rowKey: string }[] = JSON.parse(out);

    expect(await run(['replay', row?.rowKey ?? ''])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('refused (409 row-without-resource)'),
    });
  });

  it('needs the app', async () => {
    await app.violate();
    const row = await findDecision();
    await writeRun({ functions: 'http://127.0.0.1:9' });

    expect(await run(['replay', row])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('no answer from'),
    });
    const file = await writeEvents(eventAbout(sampleId('contosoacr')));
    expect(await run(['replay', file])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('no answer from'),
    });
  });
});

describe('replay of a file', () => {
  it('takes every event in as if it had just come, and says why one is not', async () => {
    patchRegistry(true);
    const file = await writeEvents([eventAbout(sampleId('contosoacr')), ignored(), { hello: 'world' }]);

    const { exitCode, out, errors } = await run(['replay', file, '--reason', 'lost']);

    expect({ exitCode, errors }).toEqual({ exitCode: 1, errors: '' });
    expect(out).toMatch(/^event \S+ about contosoacr is taken in \(request /m);
    expect(out).toMatch(/decision +contosoacr +acr-admin-user-disabled +await-approval/);
    expect(out).toMatch(/ verdict +- +violation +changed$/m);
    expect(out).toMatch(/^event \S+, ignored: operation-not-effective \(request /m);
    expect(out).toMatch(
      /^event without id, invalid: unknown-envelope \(neither an event nor an alert .*\) \(request /m,
    );
    expect((await app.findings()).map(({ policyId }) => policyId)).toContain(POLICY);
  });

  it('that was taken in before says so', async () => {
    const file = await writeEvents(eventAbout(sampleId('contosoacr')));
    await run(['replay', file]);

    const { exitCode, out } = await run(['replay', file]);

    expect(exitCode).toBe(0);
    expect(out).toContain('was taken in before, and marks nothing');
  });

  it('with --observe compares with the present findings, for any form in which it arrived', async () => {
    await app.violate();
    const text = JSON.stringify(eventAbout(sampleId('contosoacr')));
    const forms = [text, `[${text}]`, `${text}\n${text}`, Buffer.from(text).toString('base64')];
    for (const input of [...forms, Buffer.from(`[${text}]`).toString('base64')]) {
      const { exitCode, out } = await run(['replay', '-', '--observe'], { input });

      expect(exitCode).toBe(0);
      expect(out).toMatch(new RegExp(`^${POLICY} +decision +await-approval +await-approval +unchanged$`, 'm'));
      expect(out).not.toMatch(/ calls /);
    }
    const json = await run(['replay', '-', '--observe', '--format', 'json'], { input: text });
    expect(JSON.parse(json.out)).toHaveLength(1);
    expect(await sentMessages()).toBe(0);
  });

  it('goes on with the next event when one is refused', async () => {
    await app.violate();
    app.simulator.faults.add({
      caller: 'dockwarden',
      times: 1,
      when: ({ path }) => path.endsWith('contosoacr'),
      effect: { kind: 'answer', status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });
    const event = eventAbout(sampleId('contosoacr'));

    const { exitCode, out } = await run(['replay', await writeEvents([event, event]), '--observe']);

    expect(exitCode).toBe(1);
    expect(out).toContain('refused (409 resource-unreadable)');
    expect(out).toContain('contosoacr is judged, and nothing is changed');
  });

  test.each([
    ['nothing', '[]', 'holds no event'],
    ['half of one', '{"id": "cut', 'the input is not JSON'],
  ])('with %s in it is refused', async (_what, content, message) => {
    expect(await run(['replay', await writeEvents(content)])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining(message),
    });
  });
});

describe('messages', () => {
  it('that nobody could handle are none at first', async () => {
    expect(await run(['messages', 'list'])).toMatchObject({ exitCode: 0, errors: 'nothing to show' });
  });

  it('are listed with what Event Grid says about them, in either casing', async () => {
    const lower = Object.fromEntries(
      Object.entries(letter({ deadLetterReason: 'Cloud\u001b[31m', deliveryAttempts: '7' })).map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    );
    await put('poison', 'work/0123', 'nonsense');
    await put('dead-letter', 'T/S/1.json', [letter(), letter()]);
    await put('dead-letter', 'T/S/2.json', [lower]);
    await put('dead-letter', 'T/S/3.json', 'no JSON');
    await put('dead-letter', 'T/S/4.json', [{}]);

    const { exitCode, out, errors } = await run(['messages', 'list']);
    const poison = await run(['messages', 'list', '--kind', 'poison', '--format', 'json']);
    const some = await run(['messages', 'list', '--kind', 'dead-letter', '--limit', '1']);

    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    expect(out).toMatch(/^ID +KEPT +BYTES +EVENTS +REASON +ATTEMPTS +OUTCOME +PUBLISHED +LAST ATTEMPT$/m);
    expect(out).toMatch(
      /^dead-letter\/T\/S\/1\.json +\S+Z +\d+ +2 +MaxDeliveryAttemptsExceeded +30 +NotFound +2026-11-02T18:38:05.1Z +2026-11-03T18:38:05.1Z$/m,
    );
    expect(out).toMatch(/^dead-letter\/T\/S\/2\.json .* 1 +Cloud\?\[31m +7 +NotFound/m);
    expect(out).toMatch(/^dead-letter\/T\/S\/3\.json +\S+Z +7 +- +- /m);
    expect(out).toMatch(/^dead-letter\/T\/S\/4\.json +\S+Z +4 +1 +- /m);
    expect(out).toMatch(/^poison\/work\/0123 +\S+Z +8 +- +- /m);
    expect(JSON.parse(poison.out)).toEqual([
      { id: 'poison/work/0123', kind: 'poison', size: 8, keptAt: expect.any(String) },
    ]);
    expect(some.out.split('\n')).toHaveLength(2);
    expect(some.errors).toBe('dockwarden: 3 older ones are not shown: see --limit');
  });

  it('are shown without the claims in them, however they are wrapped', async () => {
    const event = letter({ odd: '\u202e' });
    const wrapped = {
      ...event,
      data: JSON.stringify(event.data),
      more: Buffer.from(JSON.stringify(event)).toString('base64'),
    };
    const cut = { note: JSON.stringify(event).slice(0, -1), empty: null };
    for (const content of [[event], wrapped, cut, Buffer.from(JSON.stringify(event)).toString('base64')]) {
      const id = await put('dead-letter', 'T/S/1.json', content);
      const { exitCode, out, errors } = await run(['messages', 'show', id]);
      const json = await run(['messages', 'show', id, '--format', 'json']);

      expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
      expect(out).toContain(`MESSAGE`);
      for (const text of [out, json.out]) {
        expect(text).toContain('(hidden)');
        expect(text).not.toMatch(/Ann Example|p-1/);
        expect(text).not.toContain(Buffer.from('Ann Example').toString('base64').slice(1, 9));
      }
      expect(out).not.toContain('\u202e');
    }
    const deep = JSON.parse(`${'['.repeat(40)}{"claims":"p-1"}${']'.repeat(40)}`);
    expect((await run(['messages', 'show', await put('poison', 'work/1', deep)])).out).not.toContain('p-1');
  });

  it('that are no JSON are not shown', async () => {
    const id = await put('poison', 'work/0123', '{"claims":{"name":"Ann Example"');

    const { exitCode, out, errors } = await run(['messages', 'show', id]);

    expect(exitCode).toBe(0);
    expect(out).toMatch(/^BYTES +31$/m);
    expect(out).not.toContain('Ann');
    expect(errors).toContain('it is no JSON');
  });

  it('that are not there are not shown', async () => {
    expect(await run(['messages', 'show', 'poison/work/0123'])).toMatchObject({
      exitCode: 1,
      errors: 'dockwarden: there is no message poison/work/0123: "messages list" shows the ids',
    });
  });

  it('can be handled again, or dropped, with a reason', async () => {
    patchRegistry(true);
    const [first, second, third] = [
      await put('dead-letter', 'T/S/1.json', [letter()]),
      await put('poison', 'work/0123', '{}'),
      await put('poison', 'work/4567', '{}'),
    ];

    const replayed = await run(['messages', 'replay', first, '--reason', 'mended']);
    await app.work();
    const refused = await run(['messages', 'replay', second, '--reason', 'mended']);
    const dropped = await run(['messages', 'drop', second, '--reason', 'of no use']);

    expect(replayed).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^events taken in: 1, ignored: 0; the message is removed \(request /),
    });
    expect((await app.findings()).map(({ policyId }) => policyId)).toContain(POLICY);
    expect(refused).toMatchObject({ exitCode: 1, errors: expect.stringContaining('refused (409 not-understood)') });
    const json = await run(['messages', 'drop', third, '--reason', 'of no use', '--format', 'json']);
    // It is done when the app answers.
    expect(JSON.parse(json.out)).toMatchObject({ isFinished: true, rows: [] });
    expect(dropped).toMatchObject({ exitCode: 0, out: expect.stringContaining(`message ${second} is removed`) });
    expect((await run(['messages', 'list'])).errors).toBe('nothing to show');
    const rows = (await app.rows('audit')).filter(({ causeId }) => causeId === first || causeId === second);
    expect(rows).toMatchObject([{ reason: 'message-replayed' }, { reason: 'message-dropped', error: 'of no use' }]);
  });

  test.each([
    [['messages']],
    [['messages', 'show']],
    [['messages', 'show', 'audit/x']],
    [['messages', 'show', 'poison/../x']],
    [['messages', 'replay', 'poison/work/0123']],
    [['messages', 'drop', 'poison/work/0123']],
    [['messages', 'list', '--kind', 'other']],
    [['messages', 'list', '--limit', '0']],
    [['messages', 'list', '--limit', '1001']],
    [['replay']],
  ])('are not asked for by %j', async (args) => {
    expect((await run(args)).exitCode).toBe(2);
  });
});
