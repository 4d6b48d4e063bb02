import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EVENT_TYPES } from '../../local/event-grid/event-types.ts';
import { projectRoot } from '../architecture/sources.ts';

/** The event types of the first column of a table: the first of a row is whole, those that follow share what stands before its last dot. */
function typesOf(row: string): readonly string[] {
  const [, cell = ''] = row.split('|');
  const names = [...cell.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name);
  const [first = ''] = names;
  const source = first.slice(0, first.lastIndexOf('.') + 1);
  return names.map((name) => (name.includes('.') ? name : `${source}${name}`));
}

test('the local run listens to what the page about triggers names, and to nothing else', () => {
  const page = readFileSync(join(projectRoot, 'docs', 'triggers.md'), 'utf8');
  const [, section = ''] = /\n## Events of Event Grid\n([^]*?)\n## /.exec(page) ?? [];
  const rows = section.split('\n').filter((line) => line.startsWith('| `Microsoft.'));

  const named = rows.flatMap(typesOf);

  expect(named.length).toBeGreaterThan(15);
  expect(EVENT_TYPES.toSorted()).toEqual(named.toSorted());
});
