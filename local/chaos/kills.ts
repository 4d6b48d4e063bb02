import type { ArmRequest } from '../azure/provider.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import { isMutating } from './mutating.ts';
import { createRandom, pick } from './random.ts';
import type { WorkerPool } from './worker-pool.ts';

/** One worker to be killed: at the first request of this kind after so many. */
export interface Kill {
  readonly after: number;
  /** `write`, `read`: the one whose request Azure has just got, which is obeyed all the same · `any`: whoever. */
  readonly aim: 'write' | 'read' | 'any';
  /** Which of them, for `any`. */
  readonly share: number;
}

/** Kills spread over the first `span` requests, in order. */
export function planKills(seed: string, count: number, span: number): readonly Kill[] {
  const random = createRandom(seed, 'kills');
  return Array.from(
    { length: count },
    (): Kill => ({
      after: Math.ceil(random() * span),
      aim: pick(random, ['write', 'write', 'read', 'any']),
      share: random(),
    }),
  ).toSorted((one, other) => one.after - other.after);
}

/** Lets the product's own requests time the kills. */
export function armKills(
  { faults }: Pick<AzureSimulator, 'faults'>,
  kills: readonly Kill[],
  pool: Pick<WorkerPool, 'killWorkerOn' | 'killAny'>,
): void {
  let seen = 0;
  let done = 0;
  faults.add({
    caller: 'dockwarden',
    times: Infinity,
    when: (request) => {
      seen += 1;
      const next = kills[done];
      if (next !== undefined && seen >= next.after && carryOut(next, request, pool)) done += 1;
      return false;
    },
    effect: { kind: 'before', run: () => undefined },
  });
}

function carryOut(
  { aim, share }: Kill,
  request: ArmRequest,
  pool: Pick<WorkerPool, 'killWorkerOn' | 'killAny'>,
): boolean {
  if (aim === 'any') return pool.killAny(share);
  return isMutating(request) === (aim === 'write') && pool.killWorkerOn(resourceIn(request.path));
}

/** Id of the resource that the path is about, in lower case. */
function resourceIn(path: string): string {
  return path.toLowerCase().split('/').slice(0, 9).join('/');
}
