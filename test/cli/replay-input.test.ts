import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';

/** Nothing runs here, and no storage account is named. */
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockwarden-replay-input-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function replay(subject: string, input = '', ...options: readonly string[]) {
  const errors: string[] = [];
  const exitCode = await runCommandLine(['replay', subject, '--directory', folder, ...options], {
    readInput: async () => await Promise.resolve(input),
    print: (line) => errors.push(`printed: ${line}`),
    printError: (line) => errors.push(line),
  });
  return { exitCode, errors: errors.join('\n') };
}

test('a file that is not there is told before it matters where the app keeps its tables', async () => {
  const file = join(folder, 'none.json');

  expect(await replay(file)).toEqual({ exitCode: 1, errors: `dockwarden: no such file: ${file}` });
});

test.each([
  ['', 'the input is not JSON'],
  ['[]', 'holds no event'],
  ['{"id":', 'the input is not JSON'],
])('so is input without an event: %j', async (content, message) => {
  const file = join(folder, 'events.json');
  await writeFile(file, content);

  expect(await replay(file)).toMatchObject({ exitCode: 1, errors: expect.stringContaining(message) });
  expect(await replay('-', content)).toMatchObject({ exitCode: 1, errors: expect.stringContaining(message) });
});

test.each(['01KB0000000000000000000000', '-'])(
  'with something to replay, the tables are looked for: %s',
  async (subject) => {
    expect(await replay(subject, '{"id":"1"}')).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('no storage to read'),
    });
  },
);

test('what is nested without end is told, and takes no other along', async () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

  expect(await replay('-', `[${deep},${deep}]`, '--observe')).toEqual({
    exitCode: 1,
    errors: ['printed: nested too deep to be an event', 'printed: nested too deep to be an event'].join('\n'),
  });
});
