import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AuditRecord, outcomes } from '../../src/audit/audit-log.ts';
import { decisionNames, Finding } from '../../src/findings/findings.ts';
import { WorkItem } from '../../src/work/work-items.ts';
import { projectRoot } from '../architecture/sources.ts';

/** docs/operating.md is written by hand; what it lists has to be what the code has, in both directions. */
const page = readFileSync(join(projectRoot, 'docs/operating.md'), 'utf8');

function readSource(path: string): string {
  return readFileSync(join(projectRoot, 'src', path), 'utf8');
}

const errorCodes = [
  ...(/export type ErrorCode =([^;]*);/.exec(readSource('errors.ts'))?.[1]?.matchAll(/'([^']+)'/g) ?? []),
].map(([, code]) => code ?? '');

/** Every `code` in the first column of the tables of one section. */
function readFirstColumn(heading: string, table = 0): string[] {
  const section = page.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n\n').filter((block) => block.startsWith('|'))[table] ?? '';
  return rows
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''));
}

describe.each([
  { heading: 'Error codes', listed: errorCodes, atLeast: 15 },
  { heading: 'Outcomes', listed: [...outcomes], atLeast: 10 },
  { heading: 'Decisions', listed: [...decisionNames], atLeast: 6 },
  { heading: '`audit`', listed: Object.keys(AuditRecord.shape), atLeast: 30 },
  { heading: '`findings`', listed: Object.keys(Finding.shape), atLeast: 15 },
  { heading: '`work`', listed: Object.keys(WorkItem.shape), atLeast: 10 },
])('section $heading', ({ heading, listed, atLeast }) => {
  test('lists what the code has, and nothing else', () => {
    expect(listed.length).toBeGreaterThanOrEqual(atLeast);
    expect(readFirstColumn(heading).toSorted()).toEqual(listed.toSorted());
  });
});

test('every reason of a decision is explained', () => {
  const reasons = [...readSource('engine/decide.ts').matchAll(/reason: '([a-z-]+)'/g)].map(
    ([, reason]) => reason ?? '',
  );

  expect(reasons.length).toBeGreaterThan(7);
  expect(reasons.filter((reason) => !readFirstColumn('Decisions', 1).includes(reason))).toEqual([]);
});
