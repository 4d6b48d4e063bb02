import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { assignProductRole, sampleId } from '../../local/azure/sample-subscription.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { findingId } from '../../src/findings/finding-id.ts';
import type { Finding } from '../../src/findings/findings.ts';
import { parseResourceId } from '../../src/resources/resource-id.ts';
import { FUNCTION_KEY, type ReviewApp, startReviewApp } from '../support/review-app.ts';
import { createLocalRun } from './local-run.ts';

const RUN_ID = '01KB0000000000000000000000';
const POLICY = 'acr-admin-user-disabled';

let app: ReviewApp;
const localRun = createLocalRun(() => app);
const { run, writeRun } = localRun;

beforeAll(async () => {
  app = await startReviewApp();
  await app.reset();
});

afterAll(async () => {
  await app.stop();
  await localRun.remove();
});

beforeEach(async () => {
  await localRun.renew();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Something that is not the app, or an app that answers as the test wants; sees what was sent. */
async function serve(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly url: string; readonly seen: Seen[]; readonly server: Server }> {
  const seen: Seen[] = [];
  const server = createServer((incoming, outgoing) => {
    const answer = async () => {
      seen.push({ path: incoming.url ?? '', headers: incoming.headers, body: await text(incoming) });
      outgoing.writeHead(status, headers);
      outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    void answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, seen, server };
}

const accepted = { requestId: '01KB1111111111111111111111', message: 'the run is being undone' };

function finding(change: Partial<Finding> = {}): Finding {
  return {
    resourceId: sampleId('contosobuild'),
    subscriptionId: parseResourceId(sampleId('contosobuild')).subscriptionId,
    policyId: POLICY,
    severity: 'high',
    status: 'open',
    verdict: 'violation',
    evidence: '{"adminUserEnabled":true}',
    since: '2026-11-23T10:00:00.000Z',
    updated: '2026-11-23T10:00:00.000Z',
    decision: 'await-approval',
    reason: 'mode-approve',
    attempts: 0,
    ...change,
  };
}

describe('which finding is meant', () => {
  const others = ['quarantined', 'exempted', 'deferred', 'closed'].map((name) =>
    sampleId('contosobuild').replace(/[^/]+$/, `contoso${name}`),
  );

  beforeAll(async () => {
    const [quarantined = '', exempted = '', deferred = '', closed = ''] = others;
    await app.reset();
    await app.save([
      finding(),
      finding({
        resourceId: quarantined,
        decision: 'quarantine',
        reason: 'war-with-writer',
        notBefore: '2026-11-23T11:00:00.000Z',
        quarantinedUntil: '2026-11-23T11:00:00.000Z',
        quarantines: 2,
        reverts: [{ at: '2026-11-23T09:00:00.000Z', runId: 'run', actor: 'somebody' }],
      }),
      finding({
        resourceId: exempted,
        decision: 'exempt',
        reason: 'exempt-resource',
        notBefore: '2026-12-24T00:00:00.000Z',
        exemption: {
          source: 'resource',
          expires: '2999-12-31T00:00:00.000Z',
          reason: 'a migration \u001b[31m',
          ticket: 'OPS-7',
          seenAt: '2026-11-23T09:00:00.000Z',
          by: 'somebody',
          renewals: 1,
        },
      }),
      finding({
        resourceId: deferred,
        decision: 'defer',
        reason: 'changed-by-others',
        notBefore: '2026-11-23T12:00:00.000Z',
        undoneUntil: '2999-12-20T00:00:00.000Z',
        undoneRunId: RUN_ID,
        undoneBy: 'key:night-shift',
      }),
      finding({ resourceId: closed, status: 'closed', closedBecause: 'compliant', verdict: 'compliant' }),
    ]);
  });

  function idOf(index: number): string {
    return findingId({ resourceId: others[index] ?? '', policyId: POLICY });
  }

  it('is said by the first column of findings list, beside what is planned', async () => {
    const { exitCode, out } = await run(['findings', 'list']);
    const [headings, ...lines] = out.split('\n');

    expect(exitCode).toBe(0);
    expect(headings).toMatch(/^ID {12}RESOURCE .* SINCE +PLANNED +LAST OUTCOME$/);
    expect(lines).toHaveLength(4);
    const planned = Object.fromEntries(lines.map((line) => [line.slice(0, 12), line.split(/ {2,}/).at(-2)]));
    expect(planned).toEqual({
      [findingId(finding())]: '-',
      [idOf(0)]: '2026-11-23T11:00:00.000Z',
      [idOf(1)]: '2026-12-24T00:00:00.000Z',
      [idOf(2)]: '2026-11-23T12:00:00.000Z',
    });
  });

  it('is in the JSON of findings list, too', async () => {
    const { out } = await run(['findings', 'list', '--status', 'all', '--format', 'json']);

    const records: Finding[] = JSON.parse(out);
    expect(records).toHaveLength(5);
    for (const record of records) expect(record).toMatchObject({ id: findingId(record) });
  });

  test.each([
    ['no id', 'contosobuild'],
    ['too short', 'abcde'],
    ['too long', '0123456789abc'],
  ])('is not guessed from something that is %s', async (_why, id) => {
    for (const command of [['approve'], ['reject', '--reason', 'x'], ['quarantine', 'release']]) {
      const { exitCode, errors } = await run([...command, id]);
      expect({ command, exitCode }).toEqual({ command, exitCode: 2 });
      expect(errors).toContain('findings list');
    }
  });

  it('is asked for again when there is no such finding', async () => {
    expect(await run(['approve', 'ffffffffffff'])).toMatchObject({
      exitCode: 1,
      errors: 'dockwarden: there is no finding ffffffffffff: "findings list --status all" shows the ids',
    });
  });

  test.each([
    ['is closed', 3, 'it is closed (compliant)'],
    ['is in quarantine', 0, 'its decision is quarantine (war-with-writer)'],
    ['is deferred', 2, 'its decision is defer (changed-by-others)'],
  ])('cannot be approved when it %s, and the app is not asked', async (_state, index, why) => {
    const { exitCode, errors } = await run(['approve', idOf(index), '--app-url', 'http://127.0.0.1:9']);

    expect({ exitCode, errors }).toEqual({
      exitCode: 1,
      errors: `dockwarden: finding ${idOf(index)} does not wait for approval: ${why}`,
    });
  });

  it('cannot be released when it is not in quarantine', async () => {
    expect(await run(['quarantine', 'release', idOf(1)])).toMatchObject({
      exitCode: 1,
      errors: `dockwarden: finding ${idOf(1)} is not in quarantine`,
    });
  });

  it('lists what is in quarantine, and until when', async () => {
    const { out } = await run(['quarantine', 'list']);
    const json: unknown = JSON.parse((await run(['quarantine', 'list', '--format', 'json'])).out);

    expect(out.split('\n')).toHaveLength(2);
    expect(out).toMatch(
      new RegExp(
        `${idOf(0)} +contosoquarantined +${POLICY} +war-with-writer +2026-11-23T11:00:00.000Z +2 +1 +somebody`,
      ),
    );
    expect(json).toEqual([expect.objectContaining({ id: idOf(0), quarantines: 2 })]);
  });

  it('lists exemptions, those by an undo too', async () => {
    const { out } = await run(['exemptions', 'list']);
    const json: unknown = JSON.parse((await run(['exemptions', 'list', '--format', 'json'])).out);

    expect(out).toMatch(
      /contosoexempted .* resource +2999-12-31T00:00:00.000Z +OPS-7 +1 +somebody +a migration \?\[31m/,
    );
    expect(out).toMatch(new RegExp(`contosodeferred .* undo +2999-12-20.* key:night-shift +run ${RUN_ID} was undone`));
    expect(json).toHaveLength(2);
  });

  it('may be the beginning of an id, as long as only one begins so', async () => {
    const [one, other] = findCollision();
    await app.save([one, other]);

    const start = findingId(one).slice(0, 6);
    const { exitCode, errors } = await run(['reject', start, '--reason', 'x']);

    expect(exitCode).toBe(1);
    expect(errors).toContain(`several findings begin with ${start}: `);
    for (const each of [one, other]) expect(errors).toContain(findingId(each));
    const { server, url, seen } = await serve(202, accepted);
    expect(
      (await run(['reject', findingId(one).slice(0, 11), '--reason', 'x', '--no-wait', '--app-url', url])).exitCode,
    ).toBe(0);
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ resourceId: one.resourceId });
    server.close();
  });
});

/** Two findings whose ids begin with the same six digits. */
function findCollision(): readonly [Finding, Finding] {
  const known = new Map<string, Finding>();
  for (let index = 0; ; index += 1) {
    const candidate = finding({ resourceId: sampleId('contosobuild').replace(/[^/]+$/, `contoso${index}`) });
    const start = findingId(candidate).slice(0, 6);
    const same = known.get(start);
    if (same !== undefined) return [same, candidate];
    known.set(start, candidate);
  }
}

describe('where the app is', () => {
  const undo = ['undo', RUN_ID, '--no-wait'];

  it('is said by the local run, with its key', async () => {
    const { server, url, seen } = await serve(202, accepted);
    await writeRun({ functions: url });

    expect(await run(undo)).toMatchObject({ exitCode: 0, errors: '' });
    expect(seen).toMatchObject([{ path: '/api/review/undo', headers: { 'x-functions-key': FUNCTION_KEY } }]);
    expect(seen[0]?.headers).not.toHaveProperty('authorization');
    server.close();
  });

  it('is said by the environment or, before that, by the option; the key by the environment alone', async () => {
    const [byOption, byEnvironment] = [await serve(202, accepted), await serve(202, accepted)];
    vi.stubEnv('DOCKWARDEN_APP_URL', byEnvironment.url);
    vi.stubEnv('DOCKWARDEN_APP_KEY', 'another-key');

    await run(undo);
    await run([...undo, '--reason', 'too early', '--app-url', byOption.url]);

    expect(byEnvironment.seen).toMatchObject([{ headers: { 'x-functions-key': 'another-key' } }]);
    expect(byOption.seen).toMatchObject([{ headers: { 'x-functions-key': 'another-key' } }]);
    expect(JSON.parse(byOption.seen[0]?.body ?? '')).toEqual({ runId: RUN_ID, reason: 'too early' });
    byOption.server.close();
    byEnvironment.server.close();
  });

  it('does not get the key of the local run when it is somewhere else', async () => {
    const { server, url, seen } = await serve(202, accepted);

    await run([...undo, '--app-url', url]);

    expect(seen[0]?.headers).not.toHaveProperty('x-functions-key');
    server.close();
  });

  test.each([
    'http://dockwarden.azurewebsites.net',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'ftp://localhost',
    'https://user:password@dockwarden.azurewebsites.net',
    'https://dockwarden.azurewebsites.net/api/health',
    'https://dockwarden.azurewebsites.net?code=x',
    'https://dockwarden.azurewebsites.net#x',
    'dockwarden.azurewebsites.net',
    '',
  ])('is not taken from "%s"', async (url) => {
    const { exitCode, errors } = await run([...undo, '--app-url', url]);

    expect(exitCode).toBe(1);
    expect(errors).toBe(
      'dockwarden: the address of the app has to be https://<host>, without path, user or query (http only for this machine)',
    );
  });

  it('has to be said when there is no local run', async () => {
    await rm(join(localRun.directory(), 'run.json'));

    expect(await run(undo)).toMatchObject({ exitCode: 1, errors: expect.stringContaining('--app-url') });
    vi.stubEnv('AzureWebJobsStorage__accountName', 'somewhere');
    await writeRun();
    expect(await run(undo)).toMatchObject({ exitCode: 1, errors: expect.stringContaining('--app-url') });
  });

  it('has to be on this machine when the tables are those of the local run', async () => {
    expect(await run([...undo, '--app-url', 'https://dockwarden.azurewebsites.net'])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('do not belong to the app at https://dockwarden.azurewebsites.net'),
    });
  });

  it('gets no key that cannot be one, and the key is not shown', async () => {
    for (const key of ['se cret', 'secret\n', 'sécret']) {
      vi.stubEnv('DOCKWARDEN_APP_KEY', key);
      const { exitCode, errors } = await run(undo);
      expect({ exitCode, errors }).toEqual({
        exitCode: 1,
        errors: 'dockwarden: DOCKWARDEN_APP_KEY holds characters that no key has',
      });
    }
  });

  it('gets a token where a scope is given', async () => {
    const { server, url, seen } = await serve(202, accepted);
    await writeRun({ functions: url });
    const { endpoint, header } = app.simulator.identityEndpoint('operator');

    const { exitCode } = await run([...undo, '--entra-scope', 'api://dockwarden/.default'], {
      environment: { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header },
    });

    expect(exitCode).toBe(0);
    expect(seen[0]?.headers).toMatchObject({
      authorization: expect.stringMatching(/^Bearer ey/),
      'x-functions-key': FUNCTION_KEY,
    });
    server.close();
  });

  it('is not asked without the token that was wanted', async () => {
    const { server, url, seen } = await serve(202, accepted);
    await writeRun({ functions: url });
    const { endpoint, header } = app.simulator.identityEndpoint('operator');

    const { exitCode, errors } = await run([...undo, '--entra-scope', 'no resource'], {
      environment: { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header },
    });

    expect({ exitCode, errors }).toEqual({
      exitCode: 1,
      errors: 'dockwarden: no token for no resource: sign in with "az login"',
    });
    expect(seen).toEqual([]);
    server.close();
  });

  it('is not believed when it sends the request elsewhere', async () => {
    const elsewhere = await serve(202, accepted);
    const { server, url, seen } = await serve(307, '', { location: `${elsewhere.url}/api/review/undo` });
    await writeRun({ functions: url });

    expect(await run(undo)).toMatchObject({ exitCode: 1, errors: expect.stringContaining('answered 307') });
    expect([seen.length, elsewhere.seen.length]).toEqual([1, 0]);
    server.close();
    elsewhere.server.close();
  });

  test.each([
    [401, '', 'answered 401: set DOCKWARDEN_APP_KEY'],
    [403, '<html>', 'answered 403: you are signed in, but may not use it'],
    [404, '', 'answered 404: there is no Dockwarden'],
    [500, '', 'answered 500'],
    [202, '', 'answered 202'],
    [200, accepted, 'answered 200'],
    [409, { code: 'stale\u001b[31m', message: 'look again' }, 'refused (409 stale?[31m): look again'],
    [503, { code: 'storage-unavailable', message: 'later' }, 'refused (503 storage-unavailable): later'],
  ])('and it answers %i %j, that is said', async (status, body, message) => {
    const { server, url } = await serve(status, body);
    await writeRun({ functions: url });

    const { exitCode, errors, out } = await run(undo);

    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(errors).toContain(message);
    server.close();
  });

  it('and it does not answer, that is said, with the reason', async () => {
    await writeRun({ functions: 'http://127.0.0.1:9' });

    const { exitCode, errors } = await run(undo);

    expect(exitCode).toBe(1);
    expect(errors).toMatch(
      /no answer from http:\/\/127\.0\.0\.1:9 \(.+\): "audit list" shows whether the request arrived/,
    );
  });

  it('is no setting of the app: nobody complains about it', async () => {
    vi.stubEnv('DOCKWARDEN_APP_URL', 'https://localhost');
    vi.stubEnv('DOCKWARDEN_APP_KEY', 'x');

    const out: string[] = [];
    await runCommandLine(['policies'], {
      readInput: async () => await Promise.resolve(''),
      print: () => undefined,
      printError: (line) => out.push(line),
    });

    expect(out.filter((line) => line.includes('DOCKWARDEN_APP'))).toEqual([]);
  });
});

describe('wrong usage', () => {
  test.each([
    [['approve']],
    [['reject', '0123456789ab']],
    [['undo']],
    [['undo', 'latest']],
    [['undo', `${RUN_ID}0`]],
    [['undo', RUN_ID, '--timeout', '0']],
    [['undo', RUN_ID, '--timeout', '1.5']],
    [['undo', RUN_ID, '--timeout', '86401']],
    [['undo', RUN_ID, '--app-key', 'x']],
    [['quarantine', 'release']],
    [['breaker', 'reset']],
    [['exemptions']],
    [['breaker', 'list', '--format', 'xml']],
  ])('is %j', async (args) => {
    const { exitCode, errors } = await run(args);

    expect(exitCode).toBe(2);
    expect(errors).not.toBe('');
  });

  it('is helped by help', async () => {
    for (const command of [['approve'], ['undo'], ['quarantine', 'release'], ['breaker', 'reset']]) {
      const { exitCode, out } = await run([...command, '--help']);
      expect(exitCode).toBe(0);
      for (const words of ['--app-url', '--no-wait', 'DOCKWARDEN_APP_KEY']) expect(out).toContain(words);
    }
  });
});

describe('asking the app', () => {
  beforeAll(async () => {
    await app.reset();
  });

  it('to approve shows what is approved, and then what came of it', async () => {
    const waiting = await app.violate();
    const id = findingId(waiting);

    const { exitCode, out, errors } = await run(['approve', id.slice(0, 6), '--comment', 'as agreed']);

    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    for (const shown of [
      `FINDING     ${id}`,
      `RESOURCE    ${waiting.resourceId}`,
      `POLICY      ${POLICY}`,
      'EVIDENCE    {"adminUserEnabled":true}',
      'WOULD CALL  registries.regenerateCredential "password"',
      'WOULD CALL  registries.update {"adminUserEnabled":false}',
      'approved until ',
    ])
      expect(out).toContain(shown);
    expect(out).toMatch(/outcome +contosoacr +acr-admin-user-disabled +fixed/);
    expect(out).not.toContain('acr-second-password-fresh');
    expect((await app.findings()).filter(({ policyId }) => policyId === POLICY)).toMatchObject([
      { status: 'closed', lastOutcome: 'fixed' },
    ]);
  });

  it('gives JSON, and nothing else, to whoever wants that', async () => {
    const waiting = await app.violate();

    const { exitCode, out, errors } = await run(['approve', findingId(waiting), '--format', 'json']);

    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    expect(JSON.parse(out)).toMatchObject({
      requestId: expect.any(String),
      isFinished: true,
      rows: [{ stage: 'approval' }, { stage: 'intent' }, { stage: 'outcome', outcome: 'fixed' }],
    });
  });

  it('to approve what is gone by then ends, too', async () => {
    const waiting = await app.violate('contosobuild');

    const { exitCode, errors } = await run(['approve', findingId(waiting)], {
      work: async () => {
        app.simulator.as('operator').patch(waiting.resourceId, { properties: { adminUserEnabled: false } });
        await app.work();
      },
    });

    expect({ exitCode, errors }).toEqual({
      exitCode: 0,
      errors: 'dockwarden: the finding is closed: there is nothing left to do',
    });
  });

  it('for a fix that then fails exits 1', async () => {
    const waiting = await app.violate();
    const identity = app.simulator.identity('dockwarden');
    const actions = identity.roleAssignments.flatMap((assignment) => assignment.actions);
    identity.roleAssignments = assignProductRole(actions.filter((action) => !action.endsWith('registries/write')));

    const { exitCode, out, errors } = await run(['approve', findingId(waiting)]);

    expect({ exitCode, errors }).toEqual({ exitCode: 1, errors: '' });
    expect(out).toMatch(/outcome +contosoacr .* denied/);
  });

  it('waits no longer than it was told, and says how to go on', async () => {
    await app.reset();
    await writeRun();
    const waiting = await app.violate('contosobuild');

    const { exitCode, errors, out, passed } = await run(['approve', findingId(waiting), '--timeout', '30'], {
      work: async () => {
        await Promise.resolve();
      },
    });

    expect(exitCode).toBe(1);
    // The real clock runs, too.
    expect(passed).toBeGreaterThan(20_000);
    expect(passed).toBeLessThanOrEqual(30_000);
    expect(out).toMatch(/approval +contosobuild/);
    expect(errors).toMatch(
      /nothing has come of it within 30 s; it is still asked for: look for causeId [0-9A-Z]{26} in "audit list --format json"/,
    );
  });

  it('does not wait when it is told so, or when the answer is all', async () => {
    const waiting = (await app.findings()).find(({ policyId }) => policyId === POLICY);
    const id = waiting === undefined ? '' : findingId(waiting);

    const rejected = await run(['reject', id, '--reason', 'not now']);
    await app.work();
    const approved = await run(['approve', id, '--no-wait', '--format', 'json']);

    expect(rejected).toMatchObject({ exitCode: 0, passed: 0, out: expect.stringMatching(/^rejected \(request /) });
    expect(approved).toMatchObject({ exitCode: 0, passed: 0 });
    expect(JSON.parse(approved.out)).toMatchObject({ isFinished: false, rows: [] });
    await app.work();
  });

  it('to take a fix back says whether it was', async () => {
    const fixed = (await app.rows('audit')).findLast(({ outcome }) => outcome === 'fixed');
    const runId = String(fixed?.['remediationRunId']);

    const undone = await run(['undo', runId.toLowerCase(), '--reason', 'too early']);
    const again = await run(['undo', runId]);

    expect({ exitCode: undone.exitCode, errors: undone.errors }).toEqual({ exitCode: 0, errors: '' });
    expect(undone.out).toMatch(/undo +contosobuild .* undone/);
    expect(again).toMatchObject({
      exitCode: 1,
      out: expect.stringMatching(/undo +contosobuild .* refused-already-undone/),
    });
    expect((await run(['exemptions', 'list'])).out).toMatch(
      new RegExp(`contosobuild .* undo .* run ${runId} was undone`),
    );
  });

  it('for a run that there is not is refused', async () => {
    expect(await run(['undo', RUN_ID])).toMatchObject({
      exitCode: 1,
      out: '',
      errors: `dockwarden: refused (404 run-not-found): there is no outcome of run ${RUN_ID}`,
    });
  });

  it('to end a quarantine shows what is decided then', async () => {
    const waiting = await app.violate();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await app.save([
      { ...waiting, decision: 'quarantine', reason: 'war-with-writer', quarantines: 1, quarantinedUntil: until },
    ]);

    const { exitCode, out, errors } = await run([
      'quarantine',
      'release',
      findingId(waiting),
      '--reason',
      'source is right',
    ]);

    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    expect(out).toMatch(/decision +contosoacr .* await-approval/);
    expect((await run(['quarantine', 'list'])).errors).toBe('nothing to show');
  });

  it('to reset a breaker is done at once', async () => {
    const guard = 'remediation/acr-disable-admin-user';
    await app.breakers().setFleet(new Map([[guard, 40]]), () => undefined);

    const list = await run(['breaker', 'list']);
    const { exitCode, out, passed } = await run(['breaker', 'reset', guard, '--reason', 'looked at']);

    expect(list.out).toMatch(new RegExp(`^NAME .*\\n${guard} +closed +- +\\d+ +0 +0 +40`));
    expect({ exitCode, passed }).toEqual({ exitCode: 0, passed: 0 });
    expect(out).toMatch(/^breaker remediation\/acr-disable-admin-user is reset; 0 findings/);
    expect(await run(['breaker', 'reset', 'remediation/none'])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('404 unknown-breaker'),
    });
  });

  it('lists the breakers that hold something back first', async () => {
    const [waiting, open] = [
      'subscription/11111111-2222-3333-4444-555555555555',
      'subscription/11111111-2222-3333-4444-555555555556',
    ];
    const limits = { windowMs: 600_000, cap: 1, sharePercent: undefined, failurePercent: undefined, failureMinimum: 1 };
    const failing = { ...limits, cap: undefined, failurePercent: 1 };
    const off = { ...limits, cap: undefined };
    const now = new Date();
    for (const key of ['0'.repeat(16), '1'.repeat(16)])
      await app.breakers().admit({
        key,
        remediationId: 'x',
        subscriptionId: waiting.split('/')[1] ?? '',
        limits: { remediation: off, subscription: limits },
        now,
      });
    const request = {
      key: '2'.repeat(16),
      remediationId: 'x',
      subscriptionId: open.split('/')[1] ?? '',
      limits: { remediation: off, subscription: failing },
      now,
    };
    await app.breakers().admit(request);
    await app.breakers().noteFailure(request);

    const { out } = await run(['breaker', 'list']);
    const json: unknown = JSON.parse((await run(['breaker', 'list', '--format', 'json'])).out);

    const [, ...lines] = out.split('\n');
    expect(lines.slice(0, 2).toSorted()).toEqual([
      expect.stringMatching(`${waiting} +at its cap +20`),
      expect.stringMatching(`${open} +open until reset +20`),
    ]);
    for (const line of lines.slice(2)) expect(line).toContain(' closed ');
    expect(json).toHaveLength(lines.length);
  });

  it('with the wrong key says where the key comes from', async () => {
    vi.stubEnv('DOCKWARDEN_APP_KEY', 'a-wrong-key');

    const { exitCode, errors } = await run(['undo', RUN_ID, '--no-wait']);

    expect(exitCode).toBe(1);
    expect(errors).toContain('answered 401: set DOCKWARDEN_APP_KEY');
    expect(errors).not.toContain('a-wrong-key');
  });
});
