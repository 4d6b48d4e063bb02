import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TABLES } from '../../src/doctor/checks/tables.ts';
import { appQueues } from '../../src/work/queue-depths.ts';

const sources = ['app.ts', 'functions/poison.ts', 'functions/resource-events.ts'].map((file) =>
  readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8'),
);

function namesIn(pattern: RegExp): readonly string[] {
  return [
    ...new Set(sources.flatMap((source) => [...source.matchAll(pattern)].map(([, name = '']) => name))),
  ].toSorted();
}

it('looks at every table that the app opens', () => {
  expect(namesIn(/\btable\('([a-z]+)'\)/g)).toEqual(TABLES.toSorted());
});

it('looks at every queue that the app fills or empties', () => {
  const filled = namesIn(/\bqueue\('([a-z-]+)'\)/g);
  const emptied = namesIn(/registerPoison\(name, '([a-z-]+)'\)/g);

  expect(emptied).toEqual(appQueues.toSorted());
  expect(appQueues).toEqual(expect.arrayContaining([...filled]));
  expect(filled).not.toEqual([]);
});
