import { guidFrom } from './identities.ts';
import type { Clock } from './provider.ts';
import type { RawResource } from './resource-store.ts';

/** What AKS says about planned maintenance of a cluster. */
export interface ScheduledEvent {
  readonly clusterId: string;
  readonly eventStatus: 'Scheduled' | 'Started' | 'Completed' | 'Canceled' | 'Cancelled' | 'Failed';
  /** Default `AutoUpgrader`; Azure has been seen to misspell it. */
  readonly eventSource?: string;
  /** Default `NodeOSUpgrade <status>`. */
  readonly eventDetails?: string;
  /** Default: now. */
  readonly lastUpdateTime?: Date;
}

/** Rows of table `containerserviceeventresources`. */
export class ScheduledEvents {
  readonly #clock: Clock;
  readonly #rows: RawResource[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds an event, and returns it as Resource Graph tells it. */
  add(event: ScheduledEvent): RawResource {
    const { clusterId, eventSource = 'AutoUpgrader', eventStatus, lastUpdateTime = this.#clock.now() } = event;
    const name = guidFrom('scheduled-event', clusterId.toLowerCase(), String(this.#rows.length));
    // Resource Graph tells the ids of these rows in lower case.
    const id = `${clusterId.toLowerCase()}/scheduledevents/${name}`;
    const row = {
      id,
      name,
      type: 'microsoft.containerservice/managedclusters/scheduledevents',
      location: 'westeurope',
      properties: {
        eventStatus,
        eventSource,
        eventDetails: event.eventDetails ?? `NodeOSUpgrade ${eventStatus.toLowerCase()}`,
        lastUpdateTime: lastUpdateTime.toISOString().replace(/\.\d+Z$/, 'Z'),
        resources: [clusterId.replace('/resourceGroups/', '/resourcegroups/')],
      },
    };
    this.#rows.push(row);
    return row;
  }

  list(): readonly RawResource[] {
    return this.#rows;
  }
}
