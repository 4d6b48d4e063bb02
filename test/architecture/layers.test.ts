import { describe, expect, test } from 'vitest';
import { findLayerViolations, layers, listImports } from './layers.ts';
import { readSources } from './sources.ts';

const sources = readSources('src');

describe('imports inside src', () => {
  test('follow the table of layers', () => {
    expect(findLayerViolations(sources)).toEqual([]);
  });

  test('were really looked at', () => {
    expect(Object.keys(sources).length).toBeGreaterThan(40);
    expect(listImports(sources).length).toBeGreaterThan(100);
  });

  test('every entry of the table names a folder or file that exists', () => {
    const existing = new Set(Object.keys(sources).map((path) => path.split('/')[1]?.replace(/\.ts$/, '')));

    expect(Object.keys(layers).filter((name) => !existing.has(name))).toEqual([]);
  });
});

describe('a planted violation is caught', () => {
  test.each([
    ['a static import', `import { x } from '../engine/x.ts';`],
    ['a type-only import', `import type { X } from '../engine/x.ts';`],
    ['an import for its side effects', `import '../engine/x.ts';`],
    ['a dynamic import', `export const load = async () => await import('../engine/x.ts');`],
    [
      'a dynamic import of something computed (R51: no name from outside reaches import)',
      `export const load = async (name: string) => await import(name);`,
    ],
    ['a re-export', `export { x } from '../engine/x.ts';`],
    ['a re-export of everything', `export * from '../engine/x.ts';`],
    ['a package', `import * as z from 'zod';`],
    ['a part of a package', `import { z } from 'zod/mini';`],
    ['a module of Node', `import { readFileSync } from 'node:fs';`],
    ['something outside src', `import { startAzurite } from '../../local/azurite.ts';`],
  ])('%s', (_what, source) => {
    expect(findLayerViolations({ 'src/policy/planted.ts': source })).toHaveLength(1);
  });

  test('a folder without an entry', () => {
    expect(findLayerViolations({ 'src/helpers/planted.ts': '' })).toEqual([
      'src/helpers has no entry in the table of layers',
    ]);
  });

  test('even where everything of src is allowed, nothing of local is', () => {
    expect(findLayerViolations({ 'src/app.ts': `import '../local/start.ts';` })).toHaveLength(1);
  });

  test('what the table allows is not reported', () => {
    const source = `import { x } from '../resources/x.ts';\nexport * from './acr/y.ts';`;

    expect(findLayerViolations({ 'src/policy/planted.ts': source })).toEqual([]);
  });
});
