/** An ARM URL path taken apart. The last `/providers/{namespace}/…` decides the type; without one the namespace is `Microsoft.Resources`. */
export interface ResourcePath {
  /** The path without a trailing slash, percent-decoded, in the caller's spelling. */
  readonly path: string;
  readonly subscriptionId: string | undefined;
  readonly resourceGroup: string | undefined;
  /** What stands before the last `/providers/`: the parent scope of a list or of an extension resource ('' = tenant). */
  readonly scope: string;
  readonly namespace: string;
  /** Type segments after the namespace; the last one has no name when the path is a collection or a POST action. */
  readonly types: readonly string[];
  readonly names: readonly string[];
}

/** Takes an ARM path apart; never throws. */
export function parseResourcePath(rawPath: string): ResourcePath {
  const segments = rawPath.split('/').filter(Boolean).map(decodeSegment);
  const provider = segments.findLastIndex((s, i) => s.toLowerCase() === 'providers' && i + 2 < segments.length);
  const rest = provider < 0 ? segments : segments.slice(provider + 2);
  const isSubscription = segments[0]?.toLowerCase() === 'subscriptions';
  const isGroup = isSubscription && segments[2]?.toLowerCase() === 'resourcegroups';
  return {
    path: `/${segments.join('/')}`,
    subscriptionId: isSubscription ? segments[1] : undefined,
    resourceGroup: isGroup ? segments[3] : undefined,
    scope: provider <= 0 ? '' : `/${segments.slice(0, provider).join('/')}`,
    namespace: provider < 0 ? 'Microsoft.Resources' : (segments[provider + 1] ?? ''),
    types: rest.filter((_, i) => i % 2 === 0),
    names: rest.filter((_, i) => i % 2 === 1),
  };
}

/** True when `scope` is `id` itself or one of its parents (segment-wise, case-insensitive). '' and '/' contain everything. */
export function isWithin(id: string, scope: string): boolean {
  const parent = scope.toLowerCase().replace(/\/+$/, '');
  const child = id.toLowerCase();
  return child === parent || child.startsWith(`${parent}/`);
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
