import type { Fault, FaultEffect } from '../azure/faults.ts';
import type { ArmRequest } from '../azure/provider.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import { isMutating } from './mutating.ts';
import { draw } from './random.ts';

/** Shares of requests, from 0 to 1. */
export interface FaultRates {
  /** 429, half of them with `Retry-After`. */
  readonly throttled: number;
  /** 500 and 503, nothing applied. */
  readonly failing: number;
  /** 409 of a resource that is busy; only writes meet it. */
  readonly busy: number;
  /** The connection breaks before the answer; half of the requests have been obeyed by then. */
  readonly dropped: number;
}

/** What becomes of a request. */
const fates = ['throttled', 'throttled-wait', 'error', 'gateway', 'busy', 'lost', 'answer-lost'] as const;
export type Fate = (typeof fates)[number] | 'answered';

const RETRY_AFTER_SECONDS = 17;

/** The same request meets the same fate at its n-th time, whoever makes it and whenever. */
export function fateOf(
  seed: string,
  rates: FaultRates,
  request: Pick<ArmRequest, 'method' | 'path'>,
  nth: number,
): Fate {
  const { method, path } = request;
  const busy = isMutating(request) ? rates.busy : 0;
  const shares: readonly (readonly [Fate, number])[] = [
    ['throttled', rates.throttled / 2],
    ['throttled-wait', rates.throttled / 2],
    ['error', rates.failing / 2],
    ['gateway', rates.failing / 2],
    ['busy', busy],
    ['lost', rates.dropped / 2],
    ['answer-lost', rates.dropped / 2],
  ];
  let left = draw(seed, 'fate', method, path.toLowerCase(), nth);
  for (const [fate, share] of shares) {
    if (left < share) return fate;
    left -= share;
  }
  return 'answered';
}

/** Requests by what became of them. */
export type FateCounts = Readonly<Record<Fate, number>>;

/** Lets the product's requests meet their fates from here on; the counts go on living. */
export function armFates(
  { faults }: Pick<AzureSimulator, 'faults'>,
  seed: string,
  rates: FaultRates,
): { readonly reads: FateCounts; readonly writes: FateCounts } {
  const counts = { reads: noFates(), writes: noFates() };
  const times = new Map<string, number>();
  const known = new WeakMap<ArmRequest, Fate>();

  function meet(request: ArmRequest): Fate {
    const decided = known.get(request);
    if (decided !== undefined) return decided;
    const identity = `${request.method} ${request.path.toLowerCase()}`;
    const nth = (times.get(identity) ?? 0) + 1;
    times.set(identity, nth);
    const fate = fateOf(seed, rates, request, nth);
    known.set(request, fate);
    counts[isMutating(request) ? 'writes' : 'reads'][fate] += 1;
    return fate;
  }

  for (const { fate, effect, path } of effects()) {
    const fault: Fault = {
      caller: 'dockwarden',
      times: Infinity,
      when: (request) => meet(request) === fate,
      effect,
      ...(path !== undefined && { path }),
    };
    faults.add(fault);
  }
  return counts;
}

function noFates(): Record<Fate, number> {
  return { throttled: 0, 'throttled-wait': 0, error: 0, gateway: 0, busy: 0, lost: 0, 'answer-lost': 0, answered: 0 };
}

/** The answers as Azure words them. */
function effects(): readonly { readonly fate: Fate; readonly effect: FaultEffect; readonly path?: RegExp }[] {
  const throttled = errorBody('SubscriptionRequestsThrottled', 'Number of requests exceeded. Please try again later.');
  const clusterBusy = 'Operation is not allowed because there is an in progress update managed cluster operation.';
  return [
    { fate: 'throttled', effect: { kind: 'answer', status: 429, body: throttled } },
    {
      fate: 'throttled-wait',
      effect: { kind: 'answer', status: 429, headers: { 'retry-after': `${RETRY_AFTER_SECONDS}` }, body: throttled },
    },
    {
      fate: 'error',
      effect: {
        kind: 'answer',
        status: 500,
        body: errorBody('InternalServerError', 'Encountered internal server error.'),
      },
    },
    { fate: 'gateway', effect: { kind: 'answer', status: 503, body: '<h2>The service is unavailable.</h2>' } },
    {
      fate: 'busy',
      path: /\/registries\//i,
      effect: {
        kind: 'answer',
        status: 409,
        body: errorBody(
          'AnotherOperationInProgress',
          'Another operation on this or dependent resource is in progress.',
        ),
      },
    },
    {
      fate: 'busy',
      path: /\/managedClusters\//i,
      effect: {
        kind: 'answer',
        status: 409,
        body: { code: 'OperationNotAllowed', details: null, message: clusterBusy, subcode: '' },
      },
    },
    { fate: 'lost', effect: { kind: 'drop' } },
    { fate: 'answer-lost', effect: { kind: 'apply-then-drop' } },
  ];
}

function errorBody(code: string, message: string) {
  return { error: { code, message } };
}
