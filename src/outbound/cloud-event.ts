/** What receivers get (CloudEvents 1.0). */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** Events come at least once: receivers drop an id that they know. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  /** ISO 8601 in UTC. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: object;
}

const SUBSCRIPTION = /^\/subscriptions\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/|$)/i;

/** The source of an event about this resource; without a subscription where it names none. */
export function sourceOf(resourceId: string): string {
  const subscription = SUBSCRIPTION.exec(resourceId)?.[1];
  return `${subscription === undefined ? '' : `/subscriptions/${subscription}`}/providers/dockwarden`;
}
