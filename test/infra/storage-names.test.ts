import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { messageKinds } from '../../src/poison/message-id.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A list of texts that the template exports. */
async function readList(name: string): Promise<readonly string[]> {
  const template = await readFile(join(root, 'infra/app/storage.bicep'), 'utf8');
  const [, list = ''] = new RegExp(`^var ${name} = \\[([^\\]]*)\\]`, 'm').exec(template) ?? [];
  return [...list.matchAll(/'([^']*)'/g)].map(([, text = '']) => text);
}

/** What a pattern finds in the code, each once, sorted. */
async function findInSource(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map(async (name) => await readFile(join(root, folder, name), 'utf8')));
  const found = texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name));
  return [...new Set(found)].toSorted();
}

test('the template makes every table that the app opens, and no other', async () => {
  const opened = await findInSource('src', /\btable\('(\w+)'\)/g);

  expect(opened.length).toBeGreaterThan(5);
  expect((await readList('tableNames')).toSorted()).toEqual(opened);
});

test('the template makes every queue that a function listens to or that the app sends to, and no other', async () => {
  const heard = await findInSource('src/functions', /queueName: '([\w-]+)'/g);
  const sent = await findInSource('src', /\bqueue\('([\w-]+)'\)/g);

  expect(heard.length).toBeGreaterThan(3);
  expect((await readList('queueNames')).toSorted()).toEqual([...new Set([...heard, ...sent])].toSorted());
});

test('every queue has a function for what it gives up, so that its poison queue is read', async () => {
  const registered = await findInSource('src/functions', /registerPoison\(name, '([\w-]+)'\)/g);

  expect(registered).toEqual((await readList('queueNames')).toSorted());
});

test('the template makes the containers for messages that nobody could handle', async () => {
  expect(await readList('containerNames')).toEqual([...messageKinds, 'app-package']);
});
