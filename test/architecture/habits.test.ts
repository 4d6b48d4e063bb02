import { describe, expect, test } from 'vitest';
import { readSources } from './sources.ts';

interface Habit {
  readonly name: string;
  readonly folders: readonly string[];
  readonly forbidden: RegExp;
  /** Files in which it is allowed. */
  readonly except: (path: string) => boolean;
  readonly planted: string;
}

const nowhere = () => false;

const habits: readonly Habit[] = [
  {
    name: 'the environment is read in the composition roots only',
    folders: ['src'],
    forbidden: /\bprocess\s*\.\s*env\b|\bprocess\s*\[|import\.meta\.env|from 'node:process'/,
    except: (path) => path === 'src/app.ts' || path.startsWith('src/cli/'),
    planted: `const mode = process.env['DOCKWARDEN_MODE'];`,
  },
  {
    name: 'nothing that is shipped knows that it is being tested (R58)',
    folders: ['src'],
    forbidden: /\bNODE_ENV\b|\bVITEST\b/,
    except: nowhere,
    planted: `if (env.NODE_ENV === 'test') throw error;`,
  },
  {
    name: 'no module is mocked',
    folders: ['test'],
    forbidden: /\bvi\s*\.\s*(?:mock|doMock|hoisted)\b/,
    except: nowhere,
    planted: ['vi', "mock('../../src/app.ts');"].join('.'),
  },
  {
    name: 'no test sleeps',
    folders: ['test'],
    forbidden: /node:timers\/promises|new Promise(?:<\w+>)?\(\s*\(?\w+\)?\s*=>\s*setTimeout/,
    except: nowhere,
    planted: ['await new Promise((done) =>', 'setTimeout(done, 10));'].join(' '),
  },
  {
    name: 'nothing but the azure folder names a management client',
    folders: ['src'],
    forbidden: /from '@azure\/(?:arm-|keyvault-)/,
    except: (path) => path.startsWith('src/azure/'),
    planted: `import { RegistriesClient } from '@azure/arm-containerregistry';`,
  },
];

/** This file spells out what it forbids. */
const self = 'test/architecture/habits.test.ts';

function findOffenders({ folders, forbidden, except }: Habit): string[] {
  return folders
    .flatMap((folder) => Object.entries(readSources(folder)))
    .filter(([path, source]) => path !== self && !except(path) && forbidden.test(source))
    .map(([path]) => path);
}

describe.each(habits)('$name', (habit) => {
  test('everywhere', () => {
    expect(findOffenders(habit)).toEqual([]);
  });

  test('and a planted violation is caught', () => {
    expect(habit.forbidden.test(habit.planted)).toBe(true);
  });
});

function hasBadName(path: string): boolean {
  return /(?:^|\/)(?:utils?|common|shared|helpers?)\/|(?:^|\/)types\.ts$/.test(path);
}

describe('file names', () => {
  const folders = ['src', 'local', 'scripts', 'test'];

  test('say what is inside: no folder for everything, no file for all types', () => {
    const paths = folders.flatMap((folder) => Object.keys(readSources(folder)));

    expect(paths.length).toBeGreaterThan(100);
    expect(paths.filter(hasBadName)).toEqual([]);
    expect(['src/utils/x.ts', 'local/azure/types.ts'].every(hasBadName)).toBe(true);
  });
});
