import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from './sources.ts';

const pages = ['.', 'docs', 'infra'].flatMap((folder) => {
  return readdirSync(join(projectRoot, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path));
});

function read(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

/** A page without what is code: neither links nor headings are in it. */
function withoutCode(page: string): string {
  return page.replaceAll(/^ *```.*?^ *```/gms, '').replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]#]/g, ''));
}

/** The headings of a page as GitHub makes anchors of them: one that comes again has a number. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(page).matchAll(/^#+ +(.+)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = text
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

/** The links of the page at `path` that lead nowhere in the project; those to the web are not looked at. */
function brokenLinks(path: string, page: string): readonly string[] {
  const targets = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const there = file === '' ? path : normalize(join(dirname(path), file));
    if (there === path) return anchor !== undefined && !anchorsOf(page).has(anchor);
    if (there.startsWith('..') || !existsSync(join(projectRoot, there))) return true;
    return anchor !== undefined && !anchorsOf(read(there)).has(anchor);
  });
}

test.each(pages)('every link in %s leads somewhere', (path) => {
  expect(brokenLinks(path, read(path))).toEqual([]);
});

test('a link that leads nowhere is found: no such file, no such heading here or there, outside of the project', () => {
  const page = [
    '# Here and there',
    '[good](#here-and-there) [good](operating.md#health) [good](https://example.com/#x) [good](policies)',
    '[bad](nowhere.md) [bad](#nowhere) [bad](operating.md#nowhere) [bad](../../README.md)',
    '`[code](nowhere.md)`',
    '```',
    '# Code',
    '```',
    '[bad](#code)',
  ].join('\n');

  expect(brokenLinks('docs/some-page.md', page)).toEqual([
    'nowhere.md',
    '#nowhere',
    'operating.md#nowhere',
    '../../README.md',
    '#code',
  ]);
});

test('the pages that there must be are looked at', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/deploying.md', 'infra/README.md']));
});
