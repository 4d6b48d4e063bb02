import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLog } from '../../local/host/log.ts';
import { functionNames } from '../../src/functions/health.ts';
import { projectRoot } from '../architecture/sources.ts';

const {
  logging,
}: {
  logging: { logLevel: Record<string, string>; applicationInsights: { samplingSettings: { excludedTypes: string } } };
} = JSON.parse(readFileSync(join(projectRoot, 'host.json'), 'utf8'));

/** What is written of one line of each kind. */
function written(thresholds: Readonly<Record<string, string>>, category: string): boolean {
  const lines: string[] = [];
  createLog({ json: false, thresholds, write: (line) => lines.push(line) })('Information', category, 'audit {}');
  return lines.length > 0;
}

it('what the app logs about its rows is written, of every function', () => {
  expect(functionNames.filter((name) => !written(logging.logLevel, `Function.${name}.User`))).toEqual([]);
  const without = Object.fromEntries(Object.entries(logging.logLevel).filter(([name]) => !name.includes('reconcile.')));
  expect(functionNames.filter((name) => !written(without, `Function.${name}.User`))).toEqual(['reconcile']);
});

it('what the host says of each invocation besides is not: that is a request already', () => {
  expect(functionNames.filter((name) => written(logging.logLevel, `Function.${name}`))).toEqual([]);
  expect(written(logging.logLevel, 'Host.Results')).toBe(true);
});

it('no line is sampled away: the workbook counts them', () => {
  expect(logging.applicationInsights.samplingSettings.excludedTypes.split(';')).toContain('Trace');
});
