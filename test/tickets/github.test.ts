import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TicketDraft } from '../../src/tickets/ticket-system.ts';
import { TicketError } from '../../src/tickets/ticket-system.ts';
import { describeTrackingSystem } from './conformance.ts';
import { readGitHubDescription } from './github-openapi.ts';
import { createGitHubRig, type GitHubRig } from './github-rig.ts';
import { ticketErrorOf } from './ticket-errors.ts';

const KEY = `dw-${'7bc23dec'.repeat(4)}`;
const OTHER_KEY = `dw-${'594eca7c'.repeat(4)}`;
const EPOCH = new Date(0);
const DAY_MS = 86_400_000;
const draft: TicketDraft = {
  title: 'AKS node reboot missing: aks-prod / system',
  severity: 'medium',
  body: [
    { kind: 'text', text: 'Reboot the nodes below.' },
    { kind: 'list', items: ['aks-system-1', 'aks-system-2'] },
  ],
};

describeTrackingSystem('GitHub', createGitHubRig);

let rig: GitHubRig;
beforeEach(async () => {
  rig = await createGitHubRig();
});
afterEach(async () => {
  await rig.stop();
});

const signal = () => AbortSignal.timeout(20_000);
const create = async () => await rig.system.create(draft, KEY, signal());
const ticket = (id: string) => rig.server.tickets().find((found) => found.id === id);
const writes = () => rig.server.requests.filter(({ method }) => method !== 'GET');
const sentBody = (index: number): unknown => JSON.parse(writes().at(index)?.body ?? 'null');

function issueOf(id: string): Record<string, unknown> {
  const time = rig.clock.now().toISOString();
  return {
    number: Number(id),
    html_url: `${rig.server.url}/octo/findings/issues/${id}`,
    state: 'open',
    title: 'x',
    body: null,
    labels: ['bug', { name: null }],
    created_at: time,
    updated_at: time,
  };
}

describe('an issue', () => {
  it('is made with both labels, the text, and the key as its last line', async () => {
    const made = await create();

    expect(made).toEqual({
      id: '1',
      url: `${rig.server.url}/octo/findings/issues/1`,
      state: 'open',
      updatedAt: rig.clock.now(),
    });
    expect(sentBody(0)).toEqual({
      title: draft.title,
      body: `Reboot the nodes below.\n\n- aks-system-1\n- aks-system-2\n\nSeverity: medium\n\n<!-- dockwarden: ${KEY} -->`,
      labels: ['dockwarden', KEY],
    });
    expect(writes()[0]?.headers).toMatchObject({
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${rig.secret}`,
      'user-agent': 'dockwarden',
      'x-github-api-version': '2022-11-28',
    });
  });

  it('keeps the labels of people when its text changes', async () => {
    const { id } = await create();
    rig.server.setLabels(id, ['dockwarden', KEY, 'team: platform']);

    await rig.system.update(id, { ...draft, title: 'now three nodes', severity: 'high' }, KEY, signal());

    expect(sentBody(-1)).not.toHaveProperty('labels');
    expect(ticket(id)).toMatchObject({ title: 'now three nodes', labels: ['dockwarden', KEY, 'team: platform'] });
    expect(ticket(id)?.body).toContain('Severity: high');
  });

  it('gets its own labels back when somebody took one off, besides those of people', async () => {
    const { id } = await create();
    rig.server.setLabels(id, ['team: platform']);

    await rig.system.update(id, draft, KEY, signal());

    expect(ticket(id)?.labels).toEqual(['team: platform', 'dockwarden', KEY]);
  });

  it('is not written again when nothing is different', async () => {
    const { id } = await create();

    await rig.system.update(id, draft, KEY, signal());

    expect(writes()).toHaveLength(1);
  });

  it('tells when its new text was accepted and ignored', async () => {
    const { id } = await create();
    rig.server.fault({
      method: 'PATCH',
      effect: { kind: 'change', change: (answer) => ({ ...answer, body: { ...Object(answer.body), body: 'old' } }) },
    });

    const error = await ticketErrorOf(rig.system.update(id, { ...draft, title: 'new' }, KEY, signal()));

    expect(error.kind).toBe('invalid');
  });

  it.each([
    ['fixed', 'completed', 'fixed'],
    ['obsolete', 'not_planned', 'wont-fix'],
    ['duplicate', 'duplicate', 'duplicate'],
  ] as const)('is closed as %s with the reason %s', async (reason, stateReason, closedAs) => {
    const { id } = await create();

    await rig.system.close(id, reason, 'All nodes were rebooted.', signal());

    expect(sentBody(1)).toEqual({ state: 'closed', state_reason: stateReason });
    expect(await rig.system.get(id, signal())).toMatchObject({ state: 'closed', closedAs });
    expect(ticket(id)?.comments).toEqual(['All nodes were rebooted.']);
  });

  it('is closed and reopened once only, with one comment each', async () => {
    const { id } = await create();

    await rig.system.close(id, 'fixed', 'done', signal());
    await rig.system.close(id, 'fixed', 'done', signal());
    await rig.system.reopen(id, 'again', signal());
    await rig.system.reopen(id, 'again', signal());

    expect(await rig.system.get(id, signal())).toEqual(expect.not.objectContaining({ closedAs: expect.anything() }));
    expect(ticket(id)).toMatchObject({ state: 'open', comments: ['done', 'again'] });
    expect(sentBody(3)).toEqual({ state: 'open', state_reason: 'reopened' });
  });

  it('stays as a person closed it', async () => {
    const { id } = await create();
    rig.server.closeByHand(id, 'wont-fix');

    await rig.system.close(id, 'fixed', 'done', signal());

    expect(await rig.system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'wont-fix' });
    expect(writes()).toHaveLength(1);
  });

  it('counts as fixed when it was closed without a reason', async () => {
    const { id } = await create();
    rig.server.closeByHand(id, 'fixed');
    rig.server.fault({
      method: 'GET',
      effect: {
        kind: 'change',
        change: (answer) => ({ ...answer, body: { ...Object(answer.body), state_reason: null } }),
      },
    });

    expect(await rig.system.get(id, signal())).toMatchObject({ state: 'closed', closedAs: 'fixed' });
  });

  it('refers to the issue that it is a duplicate of, and to no other', async () => {
    const { id } = await create();
    const url = `${rig.server.url}/Octo/findings/issues/12`;

    await rig.system.close(
      id,
      'duplicate',
      `Duplicate of ${url}, not of #3 or ${url.replace('findings', 'other')}`,
      signal(),
    );

    const [text = ''] = ticket(id)?.comments ?? [];
    expect(text).toMatch(/^Duplicate of #12, not of #\u200b3 or https:\u200b\/\//);
  });

  it('gets comments that call nobody, and none that is empty', async () => {
    const { id } = await create();

    await rig.system.comment(id, '@octocat see #1\n<img src=x>', signal());
    await rig.system.comment(id, '\u0000 \n', signal());

    expect(ticket(id)?.comments).toEqual(['@\u200boctocat see #\u200b1\n&lt;img src=x&gt;']);
  });

  it('that is locked gets no comment, and the credential is not blamed', async () => {
    const { id } = await create();
    rig.server.lock(id);

    const error = await ticketErrorOf(rig.system.comment(id, 'x', signal()));

    expect(error).toMatchObject({ kind: 'invalid', message: expect.stringContaining('locked') });
  });

  it('takes hostile text of any size', async () => {
    const hostile = `<script>alert(1)</script>"><img src=x> @team !http://x! \${jndi:ldap://x} \ud800\r\n<!-- dockwarden: ${OTHER_KEY} -->\r\n`;
    const { id } = await rig.system.create(
      {
        title: `a\r\nb ${hostile.repeat(50)}`,
        severity: 'low',
        body: [
          { kind: 'text', text: hostile.repeat(1000) },
          { kind: 'commands', lines: ['echo', `<!-- dockwarden: ${OTHER_KEY} -->`] },
        ],
      },
      KEY,
      signal(),
    );

    const stored = ticket(id);
    expect(stored?.title).toMatch(/^a b <script>.*…$/);
    expect(stored?.title.length).toBeLessThanOrEqual(200);
    expect(stored?.body.length).toBeLessThanOrEqual(30_000);
    expect(stored?.body).toMatch(new RegExp(`… shortened\n\nSeverity: low\n\n<!-- dockwarden: ${KEY} -->$`));
    expect(await rig.system.findByKey(OTHER_KEY, EPOCH, signal())).toEqual([]);
  });
});

describe('an issue that is not there', () => {
  it('is undefined when deleted, unknown, transferred or a pull request', async () => {
    const deleted = await create();
    rig.server.delete(deleted.id);
    const elsewhere = rig.server.plant({ title: 'x', key: KEY, elsewhere: true });
    const pullRequest = rig.server.plantPullRequest(KEY);

    for (const id of [deleted.id, elsewhere, pullRequest, '999'])
      expect(await rig.system.get(id, signal())).toBeUndefined();
    expect(rig.server.requests.every(({ path }) => path.startsWith('/repos/octo/findings'))).toBe(true);
  });

  it('takes no changes', async () => {
    const pullRequest = rig.server.plantPullRequest(KEY);
    const { id } = await create();
    rig.server.transfer(id);

    for (const target of [pullRequest, id, '999']) {
      const calls = [
        rig.system.update(target, draft, KEY, signal()),
        rig.system.close(target, 'fixed', 'x', signal()),
        rig.system.reopen(target, 'x', signal()),
      ];
      for (const call of calls) expect((await ticketErrorOf(call)).kind).toBe('not-found');
    }
    expect((await ticketErrorOf(rig.system.comment('999', 'x', signal()))).kind).toBe('not-found');
    expect(writes().filter(({ method }) => method === 'PATCH')).toEqual([]);
  });

  it('is not followed to another host', async () => {
    const { id } = await create();
    rig.server.fault({
      effect: { kind: 'answer', answer: { status: 301, headers: { location: 'https://evil.test/issues/1' } } },
    });

    expect((await ticketErrorOf(rig.system.get(id, signal()))).kind).toBe('invalid');
  });

  it.each(['', '0', '1/comments', '../../other/issues/1', '1?x', '-1', '1e3'])('has no number like %j', async (id) => {
    expect((await ticketErrorOf(rig.system.get(id, signal()))).kind).toBe('invalid');
    expect((await ticketErrorOf(rig.system.comment(id, 'x', signal()))).kind).toBe('invalid');
    expect(rig.server.requests).toEqual([]);
  });
});

describe('the search', () => {
  it('finds by the exact label, and skips pull requests', async () => {
    const { id } = await create();
    rig.server.plantPullRequest(KEY);
    rig.server.plant({ title: 'other', key: OTHER_KEY });

    expect(await rig.system.findByKey(KEY, EPOCH, signal())).toEqual([await rig.system.get(id, signal())]);
  });

  it('refuses a hit that does not carry the key', async () => {
    rig.server.plant({ title: 'a stranger', key: 'bug' });
    rig.server.fault({
      path: /labels=/,
      effect: {
        kind: 'answer',
        answer: { status: 200, body: [] },
      },
    });
    expect(await rig.system.findByKey(KEY, EPOCH, signal())).toEqual([]);

    // A server that ignores the filter answers with everything.
    const [stranger] = rig.server.tickets();
    rig.server.fault({
      path: /labels=/,
      effect: { kind: 'change', change: (answer) => ({ ...answer, body: [{ ...issueOf(stranger?.id ?? '') }] }) },
    });
    expect(await rig.system.findByKey(KEY, EPOCH, signal())).toEqual([]);
  });

  it('finds by the last line of the text when the label is not there', async () => {
    const { id } = await create();
    rig.server.setLabels(id, []);
    const quoted = rig.server.plant({ title: 'somebody quotes it' });
    rig.server.setBody(quoted, `> <!-- dockwarden: ${KEY} -->\n<!-- dockwarden: ${KEY} -->\nthat is what it says`);

    expect((await rig.system.findByKey(KEY, EPOCH, signal())).map((found) => found.id)).toEqual([id]);
  });

  it('looks for that line also when the label finds only what was closed before', async () => {
    const old = await create();
    await rig.system.close(old.id, 'fixed', 'done', signal());
    rig.clock.advance(DAY_MS);
    const since = rig.clock.now();
    rig.server.canLabel = false;
    const { id } = await create();

    expect((await rig.system.findByKey(KEY, since, signal())).map((found) => found.id)).toEqual([id]);
  });

  it('looks for that line in the newest issues only', async () => {
    for (let index = 0; index < 120; index++) rig.server.plant({ title: `issue ${index}` });
    rig.server.setBody('1', `x\n\n<!-- dockwarden: ${KEY} -->`);
    rig.server.setBody('30', `x\n\n<!-- dockwarden: ${KEY} -->\n`);

    expect((await rig.system.findByKey(KEY, EPOCH, signal())).map(({ id }) => id)).toEqual(['30']);
    expect(rig.server.requests).toHaveLength(5);
  });

  it('reads pages that stay small, however long the newest issues are', async () => {
    for (let index = 0; index < 100; index++) {
      rig.server.setBody(rig.server.plant({ title: `issue ${index}` }), 'x'.repeat(30_000));
    }

    expect(await rig.system.findByKey(KEY, EPOCH, signal())).toEqual([]);
  });

  it('leaves out what was closed before, and keeps what is open however old', async () => {
    const ids = [];
    for (let index = 0; index < 3; index++) {
      ids.push(rig.server.plant({ title: `issue ${index}`, key: KEY }));
      rig.clock.advance(DAY_MS);
    }
    const [first = '', second = '', third = ''] = ids;
    rig.server.closeByHand(second, 'fixed');
    rig.clock.advance(DAY_MS);
    const since = rig.clock.now();
    rig.clock.advance(DAY_MS);
    rig.server.closeByHand(third, 'wont-fix');

    const found = await rig.system.findByKey(KEY, since, signal());

    expect(found.map(({ id, state }) => [id, state])).toEqual([
      [first, 'open'],
      [third, 'closed'],
    ]);
    expect(await rig.system.findByKey(KEY, EPOCH, signal())).toHaveLength(3);
  });

  it('gives the oldest five, open ones first of all', async () => {
    for (let index = 0; index < 9; index++) rig.server.plant({ title: `issue ${index}`, key: KEY });
    for (const id of ['1', '2', '3', '4', '5', '6']) rig.server.closeByHand(id, 'fixed');

    const found = await rig.system.findByKey(KEY, EPOCH, signal());

    expect(found.map(({ id }) => id)).toEqual(['1', '2', '7', '8', '9']);
  });

  it('is empty only when GitHub said so', async () => {
    rig.server.fault({ path: /labels=/, effect: { kind: 'answer', answer: { status: 200, body: { items: [] } } } });

    expect((await ticketErrorOf(rig.system.findByKey(KEY, EPOCH, signal()))).kind).toBe('unavailable');
  });
});

describe('labels that GitHub drops', () => {
  beforeEach(() => {
    rig.server.canLabel = false;
  });

  it('do not lose the issue, but the probe says what is wrong', async () => {
    await rig.system.probe(signal());
    const { id } = await create();

    expect(ticket(id)?.labels).toEqual([]);
    expect((await rig.system.findByKey(KEY, EPOCH, signal())).map((found) => found.id)).toEqual([id]);
    expect(await ticketErrorOf(rig.system.probe(signal()))).toMatchObject({
      kind: 'auth',
      message: expect.stringMatching(/drops the labels.*Write/),
    });
  });

  it('are tried again after an hour', async () => {
    await create();

    rig.clock.advance(3_600_001);

    await expect(rig.system.probe(signal())).resolves.toBeUndefined();
  });

  it('are forgotten as soon as one stays', async () => {
    const { id } = await create();
    rig.server.canLabel = true;

    await rig.system.update(id, draft, KEY, signal());

    await expect(rig.system.probe(signal())).resolves.toBeUndefined();
    expect(ticket(id)?.labels).toEqual(['dockwarden', KEY]);
  });
});

describe('the probe', () => {
  it('accepts a private repository, and writes nothing', async () => {
    await rig.system.probe(signal());

    expect(writes()).toEqual([]);
  });

  it('refuses a public repository unless it was allowed', async () => {
    rig.server.repository.private = false;

    expect(await ticketErrorOf(rig.system.probe(signal()))).toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('not private'),
    });
    await expect(rig.connect({ allowPublic: true }).probe(signal())).resolves.toBeUndefined();
  });

  it.each([
    ['archived', { archived: true }, 'invalid'],
    ['without issues', { has_issues: false }, 'not-found'],
  ] as const)('refuses a repository that is %s', async (_name, change, kind) => {
    Object.assign(rig.server.repository, change);

    expect((await ticketErrorOf(rig.system.probe(signal()))).kind).toBe(kind);
  });

  it('refuses a repository that has another name by now', async () => {
    rig.server.fault({
      effect: {
        kind: 'change',
        change: (answer) => ({ ...answer, body: { ...Object(answer.body), full_name: 'octo/renamed' } }),
      },
    });

    expect((await ticketErrorOf(rig.system.probe(signal()))).kind).toBe('not-found');
  });

  it.each(['octo', 'octo/', '/findings', 'octo/..', 'octo/a/b', 'octo/find ings', 'octo/x?y', '-/x', ''])(
    'refuses %j as a repository, and asks nobody',
    async (repository) => {
      expect((await ticketErrorOf(rig.connect({ repository }).probe(signal()))).kind).toBe('invalid');
      expect(rig.server.requests).toEqual([]);
    },
  );

  it.each(['', 'api.github.com', 'http://api.github.com', 'https://'])(
    'refuses %j as a base address',
    async (baseUrl) => {
      expect((await ticketErrorOf(rig.connect({ baseUrl }).probe(signal()))).kind).toBe('invalid');
    },
  );
});

describe('an issue that came back from elsewhere', () => {
  it('is refused', async () => {
    rig.server.fault({
      method: 'POST',
      effect: {
        kind: 'change',
        change: (answer) => ({
          ...answer,
          body: { ...Object(answer.body), html_url: `${rig.server.url}/octo/other/issues/1` },
        }),
      },
    });

    expect(await ticketErrorOf(create())).toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('outside of octo/findings'),
    });
  });
});

describe('the token', () => {
  it('that cannot be read, or is empty, stops everything before the first request', async () => {
    const broken = rig.connect({ getToken: async () => await Promise.reject(new Error(`vault said ${rig.secret}`)) });
    const throwing = rig.connect({
      getToken: () => {
        throw new Error(`vault said ${rig.secret}`);
      },
    });
    const refused = rig.connect({
      getToken: async () => await Promise.reject(new TicketError('auth', 'the vault refused us')),
    });

    for (const system of [broken, throwing]) {
      const error = await ticketErrorOf(system.create(draft, KEY, signal()));
      expect(error.kind).toBe('unavailable');
      expect(JSON.stringify([error.message, error.cause])).not.toContain(rig.secret);
    }
    expect((await ticketErrorOf(refused.probe(signal()))).message).toBe('the vault refused us');
    expect((await ticketErrorOf(rig.connect({ credential: ' ' }).probe(signal()))).kind).toBe('auth');
    expect(rig.server.requests).toEqual([]);
  });
});

describe('limits', () => {
  it.each([
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1787227290' }, 'API rate limit exceeded', 90_000],
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' }, 'API rate limit exceeded', 1000],
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' }, 'API rate limit exceeded', 60_000],
    [429, { 'retry-after': '30', 'x-ratelimit-remaining': '0' }, 'slow down', 30_000],
    [429, { 'retry-after': 'Thu, 20 Aug 2026 12:05:00 GMT' }, 'slow down', 300_000],
    [429, {}, '', 60_000],
    [403, { 'x-ratelimit-remaining': '4999' }, 'You have exceeded a secondary rate limit', 60_000],
  ] as const)('are told from refusals: %d %j %j', async (status, headers, message, retryAfterMs) => {
    rig.server.fault({ effect: { kind: 'answer', answer: { status, headers, body: { message } } } });

    expect(await ticketErrorOf(create())).toMatchObject({ kind: 'rate-limited', retryAfterMs });
  });

  it('are not seen in a 403 that says nothing of them', async () => {
    rig.server.fault({
      effect: {
        kind: 'answer',
        answer: {
          status: 403,
          headers: { 'x-ratelimit-remaining': '4999' },
          body: { message: 'Must have admin rights' },
        },
      },
    });

    expect((await ticketErrorOf(create())).kind).toBe('auth');
  });
});

describe('the key', () => {
  it('must fit a label', async () => {
    for (const key of ['', 'a,b', 'x -->', 'k'.repeat(51)]) {
      expect((await ticketErrorOf(rig.system.create(draft, key, signal()))).kind).toBe('invalid');
      expect((await ticketErrorOf(rig.system.findByKey(key, EPOCH, signal()))).kind).toBe('invalid');
    }
    expect(rig.server.requests).toEqual([]);
  });
});

describe('the published description', () => {
  const description = readGitHubDescription();

  it.skipIf(description === undefined)(
    'refuses what it should refuse (skipped where the description is not there)',
    () => {
      const path = '/repos/octo/findings/issues';
      const check = (method: string, body: unknown, at = path, query = '') =>
        description?.checkRequest(method, at, new URLSearchParams(query), body);

      expect(check('POST', { title: 'x', labels: ['a'] })).toEqual([]);
      expect(check('POST', { body: 'x' })).toEqual(['body.title is missing']);
      expect(check('POST', { title: 'x', lables: [] })).toEqual(['body.lables is unknown']);
      expect(check('POST', { title: 'x', body: 1 })).toEqual(['body.body is not of type string']);
      expect(check('PATCH', { state: 'done' }, `${path}/1`)).toEqual(['body.state is none of open, closed']);
      expect(check('PATCH', { state_reason: null }, `${path}/1`)).toEqual([]);
      expect(check('GET', undefined, path, 'state=any&per_page=x')).toEqual([
        'query state is none of open, closed, all',
        'query per_page is not of type integer',
      ]);
      expect(check('DELETE', undefined)).toBeUndefined();
      expect(description?.checkAnswer('POST', path, 201, { number: 1 })).toContain('answer.title is missing');
    },
  );
});
