import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageKinds } from '../../src/poison/message-id.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** What of the storage account the code uses, each name once. */
export interface StorageUse {
  readonly queues: readonly string[];
  readonly tables: readonly string[];
  readonly containers: readonly string[];
}

/** Reads the names where the code names them: triggers in `src/functions`, clients in `src/app.ts`. */
export function readStorageUse(): StorageUse {
  const app = read('src/app.ts');
  return {
    queues: withPoison(
      namesIn(`${read('src/functions/*.ts')}\n${app}`, /\bqueueName: '([a-z-]+)'|\bqueue\('([a-z-]+)'\)/g),
    ),
    tables: namesIn(app, /\btable\('([a-z]+)'\)/g),
    containers: messageKinds,
  };
}

function namesIn(text: string, pattern: RegExp): readonly string[] {
  const found = [...text.matchAll(pattern)].flatMap(([, ...names]) => names.filter((name) => name !== undefined));
  return [...new Set(found)].toSorted();
}

function read(pattern: string): string {
  return globSync(pattern, { cwd: project })
    .map((path) => readFileSync(join(project, path), 'utf8'))
    .join('\n');
}

/** The host moves what fails too often to the queue of the same name with `-poison`; it should not have to make it then. */
function withPoison(queues: readonly string[]): readonly string[] {
  return queues.flatMap((name) => [name, `${name}-poison`]);
}
