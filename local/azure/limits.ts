import { tooManyRequests } from './errors.ts';
import type { Clock } from './provider.ts';

/** A token bucket: `size` tokens, refilled evenly. */
export interface BucketSize {
  readonly size: number;
  readonly perSecond: number;
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling */
const ARM_LIMITS = {
  reads: { size: 250, perSecond: 25 },
  writes: { size: 200, perSecond: 10 },
  deletes: { size: 200, perSecond: 10 },
} as const;
/** All callers of a subscription together may use this many times the share of one. */
const ARM_GLOBAL_FACTOR = 15;
/** https://learn.microsoft.com/azure/aks/quotas-skus-regions#throttling-limits-on-aks-resource-provider-apis */
export const AKS_LIMITS = {
  listInSubscription: { size: 500, perSecond: 1 },
  listInGroup: { size: 60, perSecond: 1 },
  getCluster: { size: 60, perSecond: 1 },
  putCluster: { size: 20, perSecond: 1 / 60 },
  getOperation: { size: 200, perSecond: 2 },
  other: { size: 60, perSecond: 1 },
} as const;
/** https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests */
const RESOURCE_GRAPH_LIMIT = { size: 15, perSecond: 3 } as const;

export type ArmKind = keyof typeof ARM_LIMITS;

interface Bucket {
  tokens: number;
  filledAt: number;
}

/** Token buckets of ARM and of the providers, on the simulator's clock. */
export class Limits {
  /** False: nothing is throttled; the headers still count down from a full bucket. */
  enabled = true;
  /** Sizes in force; tests make them small. */
  arm: Record<ArmKind, BucketSize> = { ...ARM_LIMITS };
  aks: Record<keyof typeof AKS_LIMITS, BucketSize> = { ...AKS_LIMITS };
  resourceGraph: BucketSize = RESOURCE_GRAPH_LIMIT;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one ARM token; returns the quota headers or throws 429. */
  takeArm(method: string, subscriptionId: string | undefined, objectId: string): Record<string, string> {
    const kind = method === 'DELETE' ? 'deletes' : method === 'GET' || method === 'HEAD' ? 'reads' : 'writes';
    const size = this.arm[kind];
    const scope = subscriptionId?.toLowerCase() ?? 'tenant';
    const own = this.take(`arm|${scope}|${objectId}|${kind}`, size);
    const whole = { size: size.size * ARM_GLOBAL_FACTOR, perSecond: size.perSecond * ARM_GLOBAL_FACTOR };
    const shared = this.take(`arm|${scope}|${kind}`, whole);
    const wait = Math.max(own.waitSeconds, shared.waitSeconds);
    if (wait > 0) {
      const who = own.waitSeconds > 0 ? `subscription '${scope}' actor '${objectId}'` : `subscription '${scope}'`;
      throw tooManyRequests(
        'SubscriptionRequestsThrottled',
        `Number of '${kind.slice(0, -1)}' requests for ${who} exceeded. Please try again after '${wait}' seconds.`,
        wait,
      );
    }
    const level = subscriptionId ? 'subscription' : 'tenant';
    return {
      [`x-ms-ratelimit-remaining-${level}-${kind}`]: String(own.remaining),
      [`x-ms-ratelimit-remaining-${level}-global-${kind}`]: String(shared.remaining),
    };
  }

  /** Takes a token of an AKS bucket or throws its 429. */
  takeAks(kind: keyof typeof AKS_LIMITS, key: string): void {
    const { waitSeconds } = this.take(`aks|${kind}|${key.toLowerCase()}`, this.aks[kind]);
    if (waitSeconds === 0) return;
    throw tooManyRequests(
      'Throttled',
      `The request was throttled by the AKS resource provider. Please retry after '${waitSeconds}' seconds.`,
      waitSeconds,
    );
  }

  /** Takes one token: what remains, or how many whole seconds to wait. */
  take(key: string, { size, perSecond }: BucketSize): { remaining: number; waitSeconds: number } {
    const now = this.#clock.now().getTime();
    const bucket = this.#buckets.get(key) ?? { tokens: size, filledAt: now };
    const seconds = Math.max(0, now - bucket.filledAt) / 1000;
    bucket.tokens = Math.min(size, bucket.tokens + seconds * perSecond);
    bucket.filledAt = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) {
      if (!this.enabled) return { remaining: 0, waitSeconds: 0 };
      return { remaining: 0, waitSeconds: Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond)) };
    }
    bucket.tokens -= 1;
    return { remaining: Math.floor(bucket.tokens), waitSeconds: 0 };
  }

  /** Fills every bucket again. */
  reset(): void {
    this.#buckets.clear();
  }
}
