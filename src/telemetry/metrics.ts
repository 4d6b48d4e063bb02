/** One metric, described once: the instrument, the documentation and the checks of the queries all come from here. */
export interface MetricDefinition {
  /** As Application Insights shows it (`AppMetrics.Name`); part of the product's interface, never changed. */
  readonly name: `dockwarden.${string}`;
  /** `gauge`: the value at one moment. */
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** Unit as UCUM spells it: `ms`, or the thing that is counted in braces. */
  readonly unit: string;
  /** What is measured, and when. */
  readonly description: string;
  /** Name → meaning. Of few values only: never a resource id, a name of a person, a text. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Returns its argument; keeps the names of the attributes as types. */
function define<const Definition extends MetricDefinition>(definition: Definition): Definition {
  return definition;
}

/** Every metric there is. */
export const metrics = {
  latency: define({
    name: 'dockwarden.latency',
    kind: 'histogram',
    unit: 'ms',
    description:
      'Time that each stage took on the way from a cause to its verified fix; one value per stage of each run that ended as `fixed`.',
    attributes: {
      stage:
        '`queued`: from the event to its message in queue `work`; `started`: waiting there; `read`, `decided`, `fixed` (waits for a window, an approval and Azure included), `verified`; `total`: from the event to the outcome',
      cause: '`event`, `notification`, `alert`, `sweep` or `operator`',
    },
  }),
  decisions: define({
    name: 'dockwarden.decisions',
    kind: 'counter',
    unit: '{decision}',
    description:
      'Decisions that were recorded. A decision that has not changed is not recorded again; `fix` counts when a run begins. Quarantines are those with decision `quarantine`.',
    attributes: { decision: 'the decision', reason: 'its reason code', policy: 'id of the policy' },
  }),
  outcomes: define({
    name: 'dockwarden.outcomes',
    kind: 'counter',
    unit: '{run}',
    description: 'Runs that ended.',
    attributes: { outcome: 'how it ended', remediation: 'id of the remediation' },
  }),
  calls: define({
    name: 'dockwarden.azure.calls',
    kind: 'counter',
    unit: '{call}',
    description:
      'Calls to Azure and to the API servers of clusters, as operations name them; the polls of a long-running operation count as one call with it.',
    attributes: {
      operation: 'id of the operation, as in the audit',
      effect: '`read` or `write`',
      result: '`done`, or the error code',
    },
  }),
  throttled: define({
    name: 'dockwarden.azure.throttled',
    kind: 'counter',
    unit: '{call}',
    description: 'Calls that were answered with 429.',
    attributes: { operation: 'id of the operation' },
  }),
  sweeps: define({
    name: 'dockwarden.sweeps',
    kind: 'counter',
    unit: '{sweep}',
    description:
      'Sweeps that ended. None for longer than the schedule allows means that the sweep, the app or its telemetry does not work.',
    attributes: { result: '`complete` or `incomplete`' },
  }),
  sweepDuration: define({
    name: 'dockwarden.sweep.duration',
    kind: 'histogram',
    unit: 'ms',
    description: 'How long a sweep took.',
    attributes: { result: '`complete` or `incomplete`' },
  }),
  sweepResources: define({
    name: 'dockwarden.sweep.resources',
    kind: 'gauge',
    unit: '{resource}',
    description: 'Resources of covered types that the last sweep saw.',
    attributes: {},
  }),
  sweepQueued: define({
    name: 'dockwarden.sweep.queued',
    kind: 'gauge',
    unit: '{resource}',
    description: 'Resources that the last sweep put into queue `work`.',
    attributes: {},
  }),
  findingsOpen: define({
    name: 'dockwarden.findings.open',
    kind: 'gauge',
    unit: '{finding}',
    description:
      'Open findings in `SCOPES` as the last sweep found them stored, by what was decided: what waits, and for what.',
    attributes: { decision: 'the decision, or `none`' },
  }),
  queueMessages: define({
    name: 'dockwarden.queue.messages',
    kind: 'gauge',
    unit: '{message}',
    description:
      'Messages in the queues of the app when the last sweep ended, roughly; those that wait for their time are counted, too. In a `-poison` queue only what no function can read stays.',
    attributes: { queue: 'name of the queue' },
  }),
  messagesKept: define({
    name: 'dockwarden.messages.kept',
    kind: 'gauge',
    unit: '{message}',
    description:
      'Messages in the containers `poison` and `dead-letter`, counted by each sweep; 1000 means 1000 or more.',
    attributes: { container: '`poison` or `dead-letter`' },
  }),
  messagesGivenUp: define({
    name: 'dockwarden.messages.given_up',
    kind: 'counter',
    unit: '{message}',
    description: 'Messages that nobody could handle and that were put aside.',
    attributes: { queue: 'the queue that it came from, or `unknown`' },
  }),
  inputs: define({
    name: 'dockwarden.inputs',
    kind: 'counter',
    unit: '{row}',
    description:
      'Other audit rows of stage `input`: what came in and called for nothing or could not be read, and sweeps that could not read everything.',
    attributes: { reason: 'its reason code' },
  }),
  notices: define({
    name: 'dockwarden.notices',
    kind: 'counter',
    unit: '{row}',
    description: 'Audit rows of stage `notice`, except those of the breaker.',
    attributes: { reason: 'its reason code' },
  }),
  requests: define({
    name: 'dockwarden.requests',
    kind: 'counter',
    unit: '{row}',
    description: 'What people asked for, and the answers: audit rows of the stages `approval`, `operator` and `undo`.',
    attributes: { stage: 'the stage', reason: 'its reason code' },
  }),
  breakerTrips: define({
    name: 'dockwarden.breaker.trips',
    kind: 'counter',
    unit: '{trip}',
    description: 'Breakers that tripped.',
    attributes: { kind: '`breaker-cap` (ends by itself) or `breaker-open` (until an operator resets it)' },
  }),
  tickets: define({
    name: 'dockwarden.tickets',
    kind: 'counter',
    unit: '{step}',
    description: 'Steps in the life of tickets.',
    attributes: { step: 'its reason code' },
  }),
  configurationFindings: define({
    name: 'dockwarden.configuration.findings',
    kind: 'counter',
    unit: '{finding}',
    description: 'Settings that are wrong; each once a day for each state of the settings.',
    attributes: { problem: 'what is wrong' },
  }),
} as const;

export type MetricId = keyof typeof metrics;

/** Every attribute that the metric declares, and no other. */
export type AttributesOf<Id extends MetricId> = Readonly<Record<keyof (typeof metrics)[Id]['attributes'], string>>;

/** One value. */
export type Measurement = {
  [Id in MetricId]: { readonly metric: Id; readonly value: number; readonly attributes: AttributesOf<Id> };
}[MetricId];

/** Where values go. Recording never throws, never waits, and calls nobody. */
export interface Metrics {
  record(measurement: Measurement): void;
}

/** For whoever measures nothing. */
export const noMetrics: Metrics = { record: () => undefined };

/** The value of an attribute: a code of ours, or `other`. What looks like anything else – an id of a resource, a sentence – is not told. */
export function attributeValue(text: string | undefined): string {
  return text !== undefined && /^[\w.:-]{1,100}$/.test(text) ? text : 'other';
}
