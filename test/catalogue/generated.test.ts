import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { sampleId } from '../../local/azure/sample-ids.ts';
import { findChanges } from '../../scripts/generate.ts';
import { renderFiles, renderReadme } from '../../scripts/generated/render.ts';
import { eventFamilies } from '../../src/outbound/event-families.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { describeSettings } from '../../src/settings/catalogue.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = await mkdtemp(join(tmpdir(), 'dockwarden-generated-'));

afterAll(async () => {
  await rm(copy, { recursive: true });
});

test('the generated files are current', async () => {
  const { write, remove } = await findChanges(root);

  expect([...write.keys(), ...remove]).toEqual([]);
});

test('there is a page for every policy, remediation and tracker, and a row for every setting', async () => {
  const files = await renderFiles();
  const settings = files.get('docs/settings.md') ?? '';

  expect([...files.keys()]).toEqual([
    ...policies.map(({ id }) => `docs/policies/${id}.md`),
    ...remediations.map(({ id }) => `docs/remediations/${id}.md`),
    ...trackers.map(({ id }) => `docs/remediations/${id}.md`),
    ...eventFamilies.map(({ id }) => `docs/events/${id}.schema.json`),
    'docs/events/README.md',
    'docs/cost.md',
    'docs/settings.md',
    'infra/generated/roles.json',
    'infra/generated/event-filters.json',
    'infra/generated/settings.bicep',
  ]);
  for (const { name } of describeSettings({ policies, remediations, trackers }))
    expect(settings).toContain(`| \`${name}\` `);
});

test('a file that was edited, one that is missing and one too many are named', async () => {
  for (const path of ['README.md', 'docs', 'infra']) await cp(join(root, path), join(copy, path), { recursive: true });
  await writeFile(join(copy, 'docs/settings.md'), 'edited');
  await writeFile(join(copy, 'docs/policies/acr-gone.md'), 'too many');
  await rm(join(copy, 'infra/generated/roles.json'));

  const { write, remove } = await findChanges(copy);

  expect([...write.keys()]).toEqual(['docs/settings.md', 'infra/generated/roles.json']);
  expect(remove).toEqual(['docs/policies/acr-gone.md']);
});

test('the registry that the README breaks is in the sample', async () => {
  expect(await readFile(join(root, 'README.md'), 'utf8')).toContain(` PATCH ${sampleId('contosoacr')} '`);
});

test('a README without its markers is refused', () => {
  expect(() => renderReadme('# Dockwarden')).toThrow('markers');
});
