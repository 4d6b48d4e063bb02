import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { listDeployActions, listNamespaces, templateTypes } from '../../../src/doctor/before-deploy/template-types.ts';

const infra = resolve(import.meta.dirname, '../../../infra');
const files = globSync('**/*.bicep', { cwd: infra });

/** Types of the resources that a file makes; what is `existing` is only named. Types of children are relative to their parent's. */
function listTypes(text: string): string[] {
  const types: string[] = [];
  let parent = '';
  for (const [line, indent = '', type = ''] of text.matchAll(/^( *)resource \w+ '([^'@]+)(?:@[^']+)?'.*$/gm)) {
    const full = indent === '' ? type : `${parent}/${type}`;
    if (indent === '') parent = type;
    if (!/ existing[ =]/.test(line)) types.push(full);
  }
  return types;
}

test('every type that the template makes is asked for, and no other', () => {
  const made = files.flatMap((file) => listTypes(readFileSync(join(infra, file), 'utf8')));
  // Every module is a deployment.
  const expected = new Set([...made, 'Microsoft.Resources/deployments']);

  expect(made.length).toBeGreaterThan(20);
  expect(Object.values(templateTypes).flat().toSorted()).toEqual([...expected].toSorted());
});

test.each([
  ['defender', templateTypes.export],
  ['operating', templateTypes.operating],
] as const)('what only an option makes is in folder %s', (folder, types) => {
  const made = files
    .filter((file) => file.startsWith(`${folder}/`))
    .flatMap((file) => listTypes(readFileSync(join(infra, file), 'utf8')));
  const shared: readonly string[] = templateTypes.always;

  expect([...new Set(made)].filter((type) => !shared.includes(type)).toSorted()).toEqual([...types]);
});

test('resource groups are made with the action of their subscription, and ARM itself needs no registration', () => {
  expect(listDeployActions(templateTypes.always)).toContain('Microsoft.Resources/subscriptions/resourceGroups/write');
  expect(listDeployActions(templateTypes.always)).not.toContain('Microsoft.Resources/resourceGroups/write');
  // The workbook is there unless somebody does not want it.
  expect(listDeployActions(templateTypes.always)).toContain('Microsoft.Insights/workbooks/write');
  expect(listNamespaces(templateTypes.always)).toEqual([
    'Microsoft.EventGrid',
    'Microsoft.Insights',
    'Microsoft.ManagedIdentity',
    'Microsoft.OperationalInsights',
    'Microsoft.Storage',
    'Microsoft.Web',
  ]);
});
