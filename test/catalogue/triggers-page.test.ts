import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { otherwise, type PlaybookEntry, playbook } from '../../src/policy/defender/playbook.ts';

const page = readFileSync('docs/triggers.md', 'utf8');

/** The rows of the table between the two marks, each as its trimmed cells. */
function rowsOf(text: string): readonly (readonly string[])[] {
  const [, table = ''] = /<!-- playbook -->([\s\S]*)<!-- \/playbook -->/.exec(text) ?? [];
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function cellOf(text: string | undefined): string {
  return text === undefined || text === '' ? '(any)' : `\`${text}\``;
}

function rowOf({ intent, prefix, resource, responses }: PlaybookEntry): readonly string[] {
  return [cellOf(prefix), cellOf(intent), cellOf(resource), responses.map((response) => `\`${response}\``).join(', ')];
}

it('the playbook on the page is the one that is followed, in its order', () => {
  expect(rowsOf(page)).toEqual([...playbook, otherwise].map(rowOf));
});

it('a row that is not followed would be noticed', () => {
  expect(rowsOf(page.replace('| `ACR_`', '| `ACR.`'))).not.toEqual([...playbook, otherwise].map(rowOf));
});
