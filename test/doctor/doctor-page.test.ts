import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { beforeDeployChecks } from '../../src/doctor/before-deploy/before-deploy-checks.ts';
import { type Check, NOT_CHECKED } from '../../src/doctor/check.ts';
import { deployedChecks } from '../../src/doctor/deployed-checks.ts';
import { plantedFaults } from './planted-faults.ts';

const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');
const [ofDeployed = '', ofBefore = ''] = [...page.matchAll(/<!-- codes -->(.*?)<!-- \/codes -->/gs)].map(
  ([, text]) => text,
);

/** Check, code and severities of each row. */
function rowsOf(table: string): readonly (readonly [string, string, readonly string[]])[] {
  return table
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .filter(([, check = '']) => check !== '' && check !== 'check' && !check.startsWith('---'))
    .map(([, check = '', code = '', severities = '']) => [check, code, severities.split(', ')] as const);
}

function codesOf(checks: readonly Pick<Check, 'id' | 'codes'>[]): readonly string[] {
  return checks.flatMap(({ codes, id }) => codes.map((code) => `${id} ${code}`));
}

it('explains every code of a deployed set-up, and no other', () => {
  const rows = rowsOf(ofDeployed).map(([check, code]) => `${check} ${code}`);

  expect(rows.toSorted()).toEqual([`any ${NOT_CHECKED}`, ...codesOf(deployedChecks)].toSorted());
});

it('explains every code of a subscription that is to be deployed to, and no other', () => {
  const rows = rowsOf(ofBefore).map(([check, code]) => `${check} ${code}`);

  expect(rows.toSorted()).toEqual(codesOf(beforeDeployChecks).toSorted());
});

it('names the severities that are reported', () => {
  for (const [, code, severities] of rowsOf(ofDeployed)) {
    const planted = new Set(plantedFaults.filter((fault) => fault.code === code).map(({ severity }) => severity));
    expect(code === NOT_CHECKED ? ['warning'] : [...planted].toSorted()).toEqual([...severities].toSorted());
  }
});
