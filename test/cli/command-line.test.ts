import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateResources, parseElements } from '../../src/cli/evaluate.ts';
import { formatTable } from '../../src/cli/format-table.ts';
import { listAudit } from '../../src/cli/list-records.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { registry } from '../../src/policy/acr/registry-example.ts';
import { cluster } from '../../src/policy/aks/cluster-example.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { parseSettings } from '../../src/settings/settings.ts';

const settings = parseSettings({}, { policies, remediations });
const now = new Date('2026-11-23T10:00:00Z');
const REGISTRIES = 'Microsoft.ContainerRegistry/registries';
/** What the present scanner, and the one before, say about images. */
const [PRESENT, FORMER] = ['c0b7cfc6-3172-465a-b378-53c7ff2cc0d5', 'dbd0cb49-b563-45e7-9724-889e799fa648'];
const LABELLED = '../shared/fixtures/rulesets/dev-cases.jsonl';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockwarden-cli-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A file cannot tell how the nodes are, or what Defender has said. */
function unread(needs: readonly string[] = []) {
  return { verdict: 'unknown', evidence: { missing: `related ${needs[0]}` } };
}

/** What Defender says about the images of a registry, as ARM returns it. */
function assessment(code: string, name = PRESENT) {
  return { type: 'Microsoft.Security/assessments', name, properties: { status: { code } } };
}

async function run(args: readonly string[], input = '') {
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await runCommandLine(args, {
    readInput: async () => await Promise.resolve(input),
    print: (line) => out.push(line),
    printError: (line) => errors.push(line),
  });
  return { exitCode, out: out.join('\n'), errors: errors.join('\n') };
}

describe('evaluate', () => {
  it('judges an array of resources and exits 1 because of a violation', async () => {
    const file = join(folder, 'resources.json');
    await writeFile(file, JSON.stringify([registry({ adminUserEnabled: true }), cluster()]));

    const { exitCode, out } = await run(['evaluate', '--format', 'json', file]);

    expect(exitCode).toBe(1);
    const judged: Readonly<Record<string, object>> = {
      'acr-admin-user-disabled': { verdict: 'violation', evidence: { adminUserEnabled: true } },
      'acr-second-password-fresh': { verdict: 'violation', evidence: { lastRotated: null, maxAgeDays: 90 } },
      'aks-required-tags-present': {
        verdict: 'not-applicable',
        evidence: { reason: 'AKS_REQUIRED_TAGS names no tags' },
      },
    };
    expect(JSON.parse(out)).toEqual(
      [registry(), cluster()].flatMap(({ id }) =>
        policies
          .filter(({ resource }) => String(id).includes(`/${resource}/`))
          .map((policy) => ({ resourceId: id, policy: policy.id, ...(judged[policy.id] ?? unread(policy.needs)) })),
      ),
    );
  });

  it.each([
    [[], 'not-applicable'],
    [[assessment('Healthy')], 'compliant'],
    [[{ ...assessment('Unhealthy'), name: 'another' }], 'not-applicable'],
    [[assessment('Unhealthy')], 'violation'],
    [[assessment('Healthy', FORMER), assessment('Unhealthy')], 'violation'],
    [[assessment('Healthy'), assessment('Unhealthy', '33422D8F-AB1E-42BE-BC9A-38685BB567B9')], 'violation'],
    [[{ ...assessment('Unhealthy'), properties: 5 }], 'unknown'],
    [[assessment('Healthy', FORMER), { ...assessment(''), properties: { status: {} } }], 'unknown'],
    [undefined, 'unknown'],
  ])('judges images by the assessment in "related": %j is %s', (related, verdict) => {
    const [found] = evaluateResources([{ ...registry(), related }], settings, now).filter(
      ({ policy }) => policy === 'acr-image-vulnerabilities-resolved',
    );
    expect(found?.verdict).toBe(verdict);
  });

  it('reads one JSON object a line from standard input and exits 0 when all is well', async () => {
    const lines = [registry(), registry()].map((resource) => JSON.stringify(resource)).join('\n');

    const { exitCode, out } = await run(['evaluate', '-'], `${lines}\n`);

    expect(exitCode).toBe(0);
    const each = policies.filter(({ resource }) => resource === REGISTRIES).length;
    expect(out.split('\n')).toHaveLength(1 + 2 * each);
  });

  it('says which line is not JSON', async () => {
    const { exitCode, errors } = await run(['evaluate', '-'], `${JSON.stringify(registry())}\n{"id":\n`);

    expect(exitCode).toBe(1);
    expect(errors).toMatch(/line 2/);
  });

  it('refuses input that is no JSON at all, and a file that is not there', async () => {
    expect(await run(['evaluate', '-'], '<html>')).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('not JSON'),
    });
    expect(await run(['evaluate', join(folder, 'none.json')])).toMatchObject({
      exitCode: 1,
      errors: `dockwarden: no such file: ${join(folder, 'none.json')}`,
    });
    expect(await run(['evaluate', folder])).toMatchObject({
      exitCode: 1,
      errors: `dockwarden: ${folder} is a folder, not a file`,
    });
    expect(await run(['evaluate', join(folder, 'x'.repeat(300))])).toMatchObject({
      exitCode: 1,
      errors: expect.stringMatching(/^dockwarden: ENAMETOOLONG/),
    });
  });

  it('answers unknown for a resource without properties, and nothing for a type that is not covered', () => {
    const bare = { ...registry(), properties: 'none' };

    const evaluations = evaluateResources(
      [bare, { id: 'x', type: 'Microsoft.Storage/storageAccounts' }, 7, null],
      settings,
      now,
    );

    expect(new Set(evaluations.map(({ policy }) => policy))).toEqual(
      new Set(policies.filter(({ resource }) => resource === REGISTRIES).map(({ id }) => id)),
    );
    for (const { evidence, verdict } of evaluations)
      expect({ verdict, evidence }).toEqual({ verdict: 'unknown', evidence: { missing: 'properties' } });
  });

  it('takes a list as ARM answers it, and the type from the id', async () => {
    const { type: _type, ...untyped } = registry({ adminUserEnabled: true });

    const { exitCode, out, errors } = await run(['evaluate', '-'], JSON.stringify({ value: [untyped] }));

    expect({ exitCode, errors }).toEqual({ exitCode: 1, errors: '' });
    expect(out).toContain('acr-admin-user-disabled');
  });

  it('names what is no resource, and exits 1 when nothing else is there', async () => {
    const only = await run(['evaluate', '-'], '[7, {"name":"x"}, {"id":"x"}]');
    const among = await run(['evaluate', '-'], JSON.stringify([{ ...registry(), id: undefined }, registry()]));

    expect(only.exitCode).toBe(1);
    for (const text of ['element 0', 'element 1', 'element 2']) expect(only.errors).toContain(text);
    expect(among.exitCode).toBe(0);
    expect(among.errors).toContain('element 0');
    expect(among.out).not.toContain('undefined');
  });

  it('counts what no policy covers and exits 0', async () => {
    const input = '[{"id":"x","type":"Microsoft.Storage/storageAccounts"}]';

    expect(await run(['evaluate', '-'], input)).toMatchObject({
      exitCode: 0,
      errors: expect.stringContaining('1 of 1 elements'),
    });
  });

  it('suspects resources that az flattened, and says when related is no array', async () => {
    const flattened = { ...registry(), properties: undefined };

    expect((await run(['evaluate', '-'], JSON.stringify(flattened))).errors).toContain('az resource show');
    expect((await run(['evaluate', '-'], JSON.stringify({ ...cluster(), related: {} }))).errors).toContain('"related"');
  });

  it('places the error of an array that was cut short in the whole text', async () => {
    const { exitCode, errors } = await run(['evaluate', '-'], '[\n  {"id": "a"},\n');

    expect(exitCode).toBe(1);
    expect(errors).toContain('not JSON');
    expect(errors).not.toContain('line 1:');
  });

  it('judges whatever the modes and switches say', () => {
    const off = parseSettings(
      { POLICY_ACR_ADMIN_USER_DISABLED: 'off', DOCKWARDEN_MODE: 'off' },
      { policies, remediations },
    );

    const evaluations = evaluateResources([registry({ adminUserEnabled: true })], off, now);
    expect(evaluations.find(({ policy }) => policy === 'acr-admin-user-disabled')).toMatchObject({
      verdict: 'violation',
    });
  });

  it('never throws on any JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.jsonValue(), (text, related) => {
        const elements = parseElements(text);
        const odd = [...elements, { ...registry(), related }, { ...registry(), properties: related }];
        expect(evaluateResources(odd, settings, now).length).toBeGreaterThanOrEqual(4);
      }),
    );
  });

  it('agrees with the public labels of the policies that exist', ({ skip }) => {
    if (!existsSync(LABELLED)) skip('the labelled cases are not beside the project');
    const ids = new Set(policies.map(({ id }) => id));
    const cases = readFileSync(LABELLED, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .filter(({ control }) => ids.has(control));
    const expected: Readonly<Record<string, string>> = { pass: 'compliant', fail: 'violation', na: 'not-applicable' };

    expect(cases.length).toBeGreaterThanOrEqual(6);
    for (const { id, control, expected: label, resource, related } of cases) {
      const evaluations = evaluateResources([{ ...resource, related }], settings, now);
      const found = evaluations.find(({ policy }) => policy === control);
      expect({ id, verdict: found?.verdict }).toEqual({ id, verdict: expected[label] });
    }
  });
});

describe('the command line', () => {
  it('exits 2 and points to the help for a wrong flag, value or command', async () => {
    for (const args of [
      ['unknown'],
      ['evaluate'],
      ['evaluate', '--frmat', 'json', '-'],
      ['evaluate', '--format', 'xml', '-'],
      ['audit', 'list', '--since', 'yesterday'],
      ['findings', 'list', '--status', 'lost'],
      ['audit', 'list', '--outcome', 'fixt'],
      ['audit', 'list', '--policy', 'acr-admin'],
      [],
    ]) {
      const { exitCode, errors } = await run(args);
      expect({ args, exitCode }).toEqual({ args, exitCode: 2 });
      expect(errors).not.toBe('');
    }
  });

  it('prints help and version and exits 0', async () => {
    expect(await run(['--help'])).toMatchObject({ exitCode: 0, out: expect.stringContaining('evaluate') });
    expect(await run(['audit', 'list', '--help'])).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('--since'),
    });
    expect(await run(['--version'])).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  });

  it('lists the policies with what fixes them', async () => {
    const { exitCode, out } = await run(['policies']);

    expect(exitCode).toBe(0);
    for (const { id } of policies) expect(out).toContain(id);
    expect(JSON.parse((await run(['policies', '--format', 'json'])).out)).toHaveLength(policies.length);
  });

  it('says that a run file was left behind by a process that is gone', async () => {
    const left = { pid: 2 ** 30, arm: '', caFile: '', identities: {}, storage: { blob: '', queue: '', table: '' } };
    await writeFile(join(folder, 'run.json'), JSON.stringify(left));

    expect(await run(['audit', 'list', '--directory', folder])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('left behind'),
    });
  });

  it('lists audit rows newest first, also within a run, with what stands behind them', async () => {
    const row = { stage: 'outcome', partitionKey: 'p', rowKey: 'r' } as const;
    const rows = [
      { ...row, time: '2026-11-23T10:00:00.000Z', stage: 'intent' as const },
      { ...row, time: '2026-11-23T10:00:02.000Z', error: 'x'.repeat(200) },
      { ...row, time: '2026-11-23T10:00:01.000Z', error: 'no role' },
    ];
    const audit = {
      append: async () => await Promise.resolve(true),
      find: async () => await Promise.resolve(undefined),
      list: async function* list() {
        yield* await Promise.resolve(rows);
      },
    };

    const listing = await listAudit(audit, { since: new Date(0) }, now, () => undefined);

    expect(listing.rows.map(([time]) => time?.slice(17, 19))).toEqual(['02', '01', '00']);
    expect(listing.rows.map((cells) => cells.at(-1)?.length)).toEqual([60, 7, 1]);
  });

  it('shows control characters of a name as question marks', () => {
    expect(formatTable(['A'], [['x\u001b[31my\nz\u202e']])).toBe('A\nx?[31my?z?');
  });
});
