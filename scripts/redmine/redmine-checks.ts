import { randomBytes } from 'node:crypto';
import { createRedmineSystem } from '../../src/tickets/redmine.ts';
import type { RedmineOptions } from '../../src/tickets/redmine-client.ts';
import {
  type RemoteTicket,
  type TicketDraft,
  TicketError,
  type TrackingSystem,
} from '../../src/tickets/ticket-system.ts';
import { findForeignTags, findRenderedTexts, readIssuePage, readText } from './redmine-page.ts';
import type { RedmineTarget } from './redmine-target.ts';

export interface RedmineCheck {
  readonly what: string;
  /** What the target must have for it. */
  readonly needs?: 'elsewhereId' | 'login';
  /** What is wrong, in words; undefined when nothing is. */
  readonly findProblem: (at: CheckedRedmine) => Promise<string | undefined>;
}

/** A Redmine with our adapter for it. */
export interface CheckedRedmine {
  readonly target: RedmineTarget;
  readonly system: TrackingSystem;
  /** Another adapter for the same server. */
  readonly connect: (changes: Partial<RedmineOptions>) => TrackingSystem;
}

const EPOCH = new Date(0);
const DAY_MS = 86_400_000;
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '@team@ #1 r1 commit:abc user:admin',
  '!http://x.test/y.png!',
  '"link":http://x.test http://x.test www.x.test',
  '${jndi:ldap://x.test/a} {{macro}}',
  '*bold* _it_ -off- +in+ ^up^ ~down~ %{color:red}red% ??cite??',
  '|a|b| h1. head <pre>pre</pre> [[Wiki]]',
];
const draft: TicketDraft = {
  title: 'AKS node reboot missing: aks-prod / system',
  severity: 'high',
  body: [
    { kind: 'text', text: 'Reboot the nodes of pool system.' },
    { kind: 'list', items: ['aks-system-0001', 'aks-system-0002'] },
  ],
};

export function checkedRedmine(target: RedmineTarget): CheckedRedmine {
  const [trackerId = 1] = Object.values(target.trackers);
  const connect = (changes: Partial<RedmineOptions>): TrackingSystem =>
    createRedmineSystem({
      baseUrl: target.url,
      apiKey: target.apiKey,
      projectId: target.projectId,
      trackerId,
      fieldId: target.customFieldId,
      http: { allowLoopbackHttp: true },
      ...changes,
    });
  return { target, system: connect({}), connect };
}

export const redmineChecks: readonly RedmineCheck[] = [
  {
    what: 'probe: the credential and the target are right',
    findProblem: async ({ system }) => await system.probe(signal()).then(() => undefined),
  },
  {
    what: 'create → get → update → comment → close → get → reopen → get',
    findProblem: lifeCycle,
  },
  {
    what: 'find: none, one open, one closed (since before and after), two open with the oldest first',
    findProblem: finding,
  },
  {
    what: 'find: eight closed tickets do not hide the open one',
    async findProblem({ system }) {
      const key = newKey();
      for (let generation = 0; generation < 8; generation += 1)
        await system.close((await system.create(draft, key, signal())).id, 'obsolete', 'Gone.', signal());
      const { id } = await system.create(draft, key, signal());
      const found = await system.findByKey(key, EPOCH, signal());
      return differ(
        'found',
        [found.length <= 5, found.filter(({ state }) => state === 'open').map((one) => one.id)],
        [true, [id]],
      );
    },
  },
  {
    what: 'find: a ticket of a child project with the same key is not adopted',
    needs: 'elsewhereId',
    async findProblem({ system, target, connect }) {
      const key = newKey();
      await connect({ projectId: target.elsewhereId ?? '' }).create(draft, key, signal());
      return differ('found', await system.findByKey(key, EPOCH, signal()), []);
    },
  },
  {
    what: 'a field that does not exist is found out by create, find and probe',
    async findProblem({ connect }) {
      const wrong = connect({ fieldId: 4711 });
      const kinds = [
        await kindOf(wrong.create(draft, newKey(), signal())),
        await kindOf(wrong.findByKey(newKey(), EPOCH, signal())),
        await kindOf(wrong.probe(signal())),
      ];
      return differ('kinds of error', kinds, ['invalid', 'not-found', 'not-found']);
    },
  },
  {
    what: 'a tracker or a project that does not exist is found out by probe',
    async findProblem({ connect }) {
      const kinds = [
        await kindOf(connect({ trackerId: 4711 }).probe(signal())),
        await kindOf(connect({ projectId: 'no-such-project' }).probe(signal())),
      ];
      return differ('kinds of error', kinds, ['not-found', 'not-found']);
    },
  },
  {
    what: 'a bad API key is auth, for every method',
    async findProblem({ system, connect, target }) {
      const { id } = await system.create(draft, newKey(), signal());
      const bad = connect({ apiKey: target.apiKey.replaceAll(/./g, '0') });
      const kinds = [
        await kindOf(bad.probe(signal())),
        await kindOf(bad.findByKey(newKey(), EPOCH, signal())),
        await kindOf(bad.create(draft, newKey(), signal())),
        await kindOf(bad.get(id, signal())),
        await kindOf(bad.comment(id, 'x', signal())),
      ];
      return differ('kinds of error', kinds, ['auth', 'auth', 'auth', 'auth', 'auth']);
    },
  },
  {
    what: 'a refusal is shown in Redmine’s words',
    async findProblem({ connect }) {
      const creating = connect({ priorities: { high: 4711 } }).create(draft, newKey(), signal());
      const error = await creating.catch((thrown: unknown) => thrown);
      if (!(error instanceof TicketError)) return 'it was no refusal';
      return error.kind === 'invalid' && /priority/i.test(error.message)
        ? undefined
        : `${error.kind}: ${error.message}`;
    },
  },
  {
    what: 'a ticket that does not exist: get finds nothing, comment says so',
    findProblem: async ({ system }) =>
      differ(
        'answers',
        [await system.get('99999999', signal()), await kindOf(system.comment('99999999', 'x', signal()))],
        [undefined, 'not-found'],
      ),
  },
  {
    what: 'what somebody rejected is wont-fix, and is not closed once more',
    findProblem: rejecting,
  },
  {
    what: 'hostile text is stored whole, with the title on one line',
    async findProblem({ system, target }) {
      const title = `one\r\nline\u2028only \ud800 ${HOSTILE.join(' ')}`;
      const { id } = await system.create({ ...hostileDraft(), title }, newKey(), signal());
      await system.comment(id, `${HOSTILE.join('\n')} \udfff`, signal());
      const { subject } = await readIssue(target, id);
      return /^one line only [^\p{Cc}\p{Zl}]*$/u.test(subject) && subject.length <= 255
        ? undefined
        : `title: ${subject}`;
    },
  },
  {
    what: 'hostile text is shown as text on the page, and nothing of it is alive',
    needs: 'login',
    findProblem: showing,
  },
  {
    what: '100 kB of text is cut and stored',
    async findProblem({ system, target }) {
      const text = '<b>&!@#*_`'.repeat(10_000);
      const { id } = await system.create(
        { title: text, severity: 'low', body: [{ kind: 'text', text }] },
        newKey(),
        signal(),
      );
      await system.comment(id, text, signal());
      const { description } = await readIssue(target, id);
      return description.length > 1000 && description.length <= 33_000 ? undefined : `${description.length} characters`;
    },
  },
];

async function lifeCycle({ system }: CheckedRedmine): Promise<string | undefined> {
  const key = newKey();
  const states: unknown[] = [];
  const look = async (id: string): Promise<void> => {
    const { state, closedAs } = (await system.get(id, signal())) ?? {};
    states.push(closedAs === undefined ? state : `${state} ${closedAs}`);
  };
  const { id } = await system.create(draft, key, signal());
  await look(id);
  await system.update(id, { ...draft, title: 'Another title', severity: 'low' }, key, signal());
  await system.comment(id, 'Still missing after a day.', signal());
  await system.close(id, 'fixed', 'All nodes rebooted.', signal());
  await look(id);
  await system.close(id, 'fixed', 'All nodes rebooted.', signal());
  await system.reopen(id, 'Missing again.', signal());
  await look(id);
  return differ('states', states, ['open', 'closed fixed', 'open']);
}

async function finding({ system }: CheckedRedmine): Promise<string | undefined> {
  const key = newKey();
  const find = async (since: Date) =>
    (await system.findByKey(key, since, signal())).map(({ id, state }) => `${id} ${state}`);
  const none = await find(EPOCH);
  const first = await system.create(draft, key, signal());
  const open = await find(new Date(Date.now() + DAY_MS));
  await system.close(first.id, 'fixed', 'Done.', signal());
  const closed = [await find(EPOCH), await find(new Date(Date.now() + DAY_MS))];
  await system.reopen(first.id, 'Again.', signal());
  const second: RemoteTicket = await system.create(draft, key, signal());
  const two = await find(EPOCH);
  await system.close(second.id, 'duplicate', `Same as #${first.id}.`, signal());
  return differ(
    'found',
    [none, open, closed, two, await find(EPOCH)],
    [
      [],
      [`${first.id} open`],
      [[`${first.id} closed`], []],
      [`${first.id} open`, `${second.id} open`],
      [`${first.id} open`, `${second.id} closed`],
    ],
  );
}

async function rejecting({ system, target }: CheckedRedmine): Promise<string | undefined> {
  const rejected = target.statuses.find(({ name, closed }) => closed && /reject/i.test(name));
  if (rejected === undefined) return 'there is no status Rejected';
  const { id } = await system.create(draft, newKey(), signal());
  await fetch(`${target.url}/issues/${id}.json`, {
    method: 'PUT',
    headers: { 'x-redmine-api-key': target.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ issue: { status_id: rejected.id } }),
  });
  await system.close(id, 'fixed', 'Done.', signal());
  const { state, closedAs } = (await system.get(id, signal())) ?? {};
  return differ('state', [state, closedAs], ['closed', 'wont-fix']);
}

async function showing({ system, target }: CheckedRedmine): Promise<string | undefined> {
  const { id } = await system.create(hostileDraft(), newKey(), signal());
  await system.comment(id, HOSTILE.join('\n'), signal());
  const texts = findRenderedTexts(await readIssuePage(target, id));
  if (texts.length !== 2) return `the page has ${texts.length} texts of ours, not 2`;
  for (const html of texts) {
    const [tag] = findForeignTags(html);
    if (tag !== undefined) return `the page has ${tag}`;
    const lost = HOSTILE.find((line) => !readText(html).includes(line));
    if (lost !== undefined) return `the page does not show ${lost}, but ${readText(html)}`;
  }
  return undefined;
}

function hostileDraft(): TicketDraft {
  return {
    title: 'hostile text',
    severity: 'info',
    body: [
      ...HOSTILE.map((text) => ({ kind: 'text', text }) as const),
      { kind: 'heading', text: 'Evidence' },
      { kind: 'list', items: HOSTILE },
      { kind: 'facts', rows: HOSTILE.map((text) => [text, text] as const) },
      { kind: 'link', label: 'Portal', url: 'https://portal.azure.com/' },
    ],
  };
}

async function readIssue(
  { url, apiKey }: RedmineTarget,
  id: string,
): Promise<{ subject: string; description: string }> {
  const answer = await fetch(`${url}/issues/${id}.json`, { headers: { 'x-redmine-api-key': apiKey } });
  const { issue }: { issue?: { subject?: string; description?: string } } = Object(await answer.json());
  return { subject: issue?.subject ?? '', description: issue?.description ?? '' };
}

async function kindOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return error instanceof TicketError ? error.kind : String(error);
  }
}

function differ(name: string, found: unknown, expected: unknown): string | undefined {
  const [seen, wanted] = [JSON.stringify(found), JSON.stringify(expected)];
  return seen === wanted ? undefined : `${name}: ${seen}, expected ${wanted}`;
}

/** Of the real form, and of nobody else, so that a check may run again on the same server. */
function newKey(): string {
  return `dw-${randomBytes(16).toString('hex')}`;
}

function signal(): AbortSignal {
  return AbortSignal.timeout(60_000);
}
