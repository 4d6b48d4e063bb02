import { type CloudEvent, sourceOf } from '../outbound/cloud-event.ts';
import { isAgentPoolName } from '../resources/managed-cluster.ts';
import { cleanLine, cleanName, cleanText, titleLine } from './text/plain.ts';
import { renderText } from './text/text.ts';
import { type TicketChange, TicketError, type TicketNotice } from './ticket-system.ts';

/** What receivers get (CloudEvents 1.0). Every text in it is untrusted: a receiver escapes it for whatever it shows it in. */
export interface TicketEvent extends CloudEvent {
  /** `{key}:{generation}:{sequence}`: events come at least once, and receivers drop an id that they know. */
  readonly id: string;
  readonly type: `dockwarden.ticket.${TicketChange}.v1`;
  /** Id of the resource, or of its agent pool. */
  readonly subject: string;
  readonly data: TicketEventData;
}

export interface TicketEventData {
  readonly ticketKey: string;
  readonly generation: number;
  readonly sequence: number;
  readonly state: 'open' | 'resolved' | 'suppressed';
  readonly change: TicketChange;
  readonly policyId: string;
  readonly resourceId: string;
  /** Agent pool, or id of an alert of Defender; empty = the whole resource. */
  readonly part: string;
  readonly severity: string;
  readonly confidence?: string;
  readonly title: string;
  /** Plain text. */
  readonly body: string;
  /** Changes with what makes it news: verdict, confidence, and who is concerned. */
  readonly evidenceHash: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  /** Looks that saw it. */
  readonly occurrences: number;
  /** At most 50 names; `itemCount` says how many there are. */
  readonly items: readonly string[];
  readonly itemCount: number;
  readonly resolution?: string;
}

const MAX_ITEMS = 50;
const MAX_TITLE = 200;
/** As long as an id of a resource may be. */
const MAX_RESOURCE_ID = 2048;
const MANAGED_CLUSTER = /\/providers\/Microsoft\.ContainerService\/managedClusters\/[^/]+$/i;

const STATES = {
  opened: 'open',
  updated: 'open',
  resolved: 'resolved',
  reopened: 'open',
  suppressed: 'suppressed',
} as const satisfies Record<TicketChange, TicketEventData['state']>;

/**
 * The event of a notice. All its texts are cut, so it stays far below the 1 MB that Event Grid takes; the body may be the longest of them.
 * Throws `TicketError` `invalid` when the notice has a time or a resource id that is none.
 */
export function toTicketEvent(notice: TicketNotice): TicketEvent {
  const { change, key, generation, sequence, severity, confidence, resolution, draft } = notice;
  const resourceId = cleanLine(notice.resourceId, MAX_RESOURCE_ID);
  const part = cleanName(notice.part);
  if (resourceId !== notice.resourceId || resourceId === '')
    throw new TicketError('invalid', 'the notice is about a resource whose id cannot be sent as it is');
  return {
    specversion: '1.0',
    id: `${cleanName(key)}:${generation}:${sequence}`,
    source: sourceOf(resourceId),
    type: `dockwarden.ticket.${change}.v1`,
    subject:
      isAgentPoolName(part) && MANAGED_CLUSTER.test(resourceId) ? `${resourceId}/agentPools/${part}` : resourceId,
    time: toText(notice.time),
    datacontenttype: 'application/json',
    data: {
      ticketKey: cleanName(key),
      generation,
      sequence,
      state: STATES[change],
      change,
      policyId: cleanName(notice.policyId),
      resourceId,
      part,
      severity,
      ...(confidence !== undefined && { confidence }),
      title: titleLine(draft.title, MAX_TITLE),
      body: renderText(draft.body),
      evidenceHash: cleanName(notice.evidenceHash),
      firstSeenAt: toText(notice.firstSeenAt),
      lastSeenAt: toText(notice.lastSeenAt),
      occurrences: notice.occurrences,
      items: notice.items.slice(0, MAX_ITEMS).map(cleanName),
      itemCount: notice.itemCount,
      ...(resolution !== undefined && { resolution: cleanText(resolution, MAX_RESOURCE_ID) }),
    },
  };
}

/** Seconds are precise enough, and the same text comes out of every library that signs or compares. */
function toText(time: Date): string {
  if (Number.isNaN(time.getTime())) throw new TicketError('invalid', 'the notice has a time that is none');
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
