import { generatedNote, joinBlocks, list, table } from './markdown.ts';

/**
 * List prices in US dollars for East US, pay as you go, as published when this was written. They differ by region and agreement:
 * https://azure.microsoft.com/pricing. Free grants are per month; that of logs is shared by the whole billing account.
 */
const PRICES = {
  /** Flex Consumption, on demand: per execution, and per GB-second of an instance that runs something. */
  execution: 0.4 / 1_000_000,
  freeExecutions: 250_000,
  gigabyteSecond: 0.000026,
  freeGigabyteSeconds: 100_000,
  /** Event Grid: what comes in, what is compared with an advanced filter, what is delivered. */
  eventOperation: 0.6 / 1_000_000,
  freeEventOperations: 100_000,
  /** Storage account (general purpose v2, LRS). */
  queueOperation: 0.004 / 10_000,
  tableOperation: 0.00036 / 10_000,
  tableGigabyte: 0.045,
  /** Log Analytics, per GB taken in. */
  logGigabyte: 2.3,
  freeLogGigabytes: 5,
};

/** What one event costs in counts. Storage calls are what `test/acceptance/budgets.test.ts` allows at most; the rest follows from the path of an event. */
const COUNTS = {
  /** `resourceEvents`, then `reconcile`. */
  executions: 2,
  /** In, compared, out. */
  eventOperations: 3,
  /** Two messages: put, received, deleted. */
  queueOperations: 6,
  intakeTableOperations: 2,
  lookTableOperations: 4,
  fixTableOperations: 12,
  /** Our own change comes back as an event: one execution, which drops it. */
  ownEventsPerFix: 2,
};

/** What is assumed, and not measured. */
const ASSUMED = {
  fixedShare: 0.01,
  /** An instance is billed for a second at least; a look takes less, most of it waiting for Azure. */
  secondsPerExecution: 1,
  instanceGigabytes: 2,
  /** Messages that one instance works on at a time (`batchSize` + `newBatchThreshold` of host.json). */
  concurrency: 12,
  /** Functions that are busy; each has instances of its own. */
  busyFunctions: 2,
  logBytesPerExecution: 3000,
  /** The storage account's own log of who wrote and deleted what, per entry. */
  storageLogBytes: 1000,
  /** What is written or deleted per event: three rows (intake and look), two messages. */
  storageWrites: 7,
  auditBytesPerFix: 6000,
  secondsPerMonth: 2_628_000,
};

/** What one month costs, in dollars. */
export interface MonthlyCost {
  readonly events: number;
  readonly executions: number;
  readonly gigabyteSeconds: number;
  readonly eventOperations: number;
  readonly queueOperations: number;
  readonly tableOperations: number;
  readonly logGigabytes: number;
  readonly storageLogGigabytes: number;
  readonly parts: {
    readonly functions: number;
    readonly eventGrid: number;
    readonly storage: number;
    readonly logs: number;
  };
  readonly total: number;
}

/** The month of a deployment that gets this many events delivered. */
export function monthlyCost(events: number): MonthlyCost {
  const fixes = events * ASSUMED.fixedShare;
  const ownEvents = fixes * COUNTS.ownEventsPerFix;
  const executions = events * COUNTS.executions + ownEvents;
  // Alone, each is billed for its second; when there are many, instances that are busy all the time do them together.
  const busySeconds = Math.min(
    executions * ASSUMED.secondsPerExecution,
    ASSUMED.busyFunctions *
      ASSUMED.secondsPerMonth *
      Math.ceil((executions * ASSUMED.secondsPerExecution) / ASSUMED.secondsPerMonth / ASSUMED.concurrency),
  );
  const gigabyteSeconds = busySeconds * ASSUMED.instanceGigabytes;
  const eventOperations = (events + ownEvents) * COUNTS.eventOperations;
  const queueOperations = events * COUNTS.queueOperations + (ownEvents * COUNTS.queueOperations) / 2;
  const tableOperations =
    events * COUNTS.intakeTableOperations +
    (events - fixes) * COUNTS.lookTableOperations +
    fixes * COUNTS.fixTableOperations +
    ownEvents;
  const logGigabytes = (executions * ASSUMED.logBytesPerExecution) / 1e9;
  const storageLogGigabytes = (events * ASSUMED.storageWrites * ASSUMED.storageLogBytes) / 1e9;
  const parts = {
    functions:
      Math.max(0, executions - PRICES.freeExecutions) * PRICES.execution +
      Math.max(0, gigabyteSeconds - PRICES.freeGigabyteSeconds) * PRICES.gigabyteSecond,
    eventGrid: Math.max(0, eventOperations - PRICES.freeEventOperations) * PRICES.eventOperation,
    storage:
      queueOperations * PRICES.queueOperation +
      tableOperations * PRICES.tableOperation +
      ((fixes * ASSUMED.auditBytesPerFix) / 1e9) * PRICES.tableGigabyte,
    logs: Math.max(0, logGigabytes + storageLogGigabytes - PRICES.freeLogGigabytes) * PRICES.logGigabyte,
  };
  const total = parts.functions + parts.eventGrid + parts.storage + parts.logs;
  return {
    events,
    executions,
    gigabyteSeconds,
    eventOperations,
    queueOperations,
    tableOperations,
    logGigabytes,
    storageLogGigabytes,
    parts,
    total,
  };
}

const MONTHS = [1000, 100_000, 10_000_000];

/** `docs/cost.md`: what a deployment costs in a month, with its arithmetic. */
export function renderCostPage(): string {
  const months = MONTHS.map(monthlyCost);
  const row = (name: string, value: (month: MonthlyCost) => string): readonly string[] => [name, ...months.map(value)];
  return joinBlocks(
    generatedNote,
    '# What Dockwarden costs',
    'A deployment of the default profile has nothing that is billed by the hour or by the month: what costs is what happens. An idle one costs what the platform asks of its queues, and what is stored.',
    `These are list prices (US dollars, East US) as known when this was written; look up [yours](https://azure.microsoft.com/pricing). The counts are those that the tests allow at most. Event means: delivered to the queue, after the filter of the event subscription; a busy estate has some thousands a month.`,
    '## Per month',
    table(
      ['', ...months.map(({ events }) => `${whole(events)} events`)],
      [
        row('Functions', ({ parts }) => dollars(parts.functions)),
        row('Event Grid', ({ parts }) => dollars(parts.eventGrid)),
        row('Storage', ({ parts }) => dollars(parts.storage)),
        row('Logs', ({ parts }) => dollars(parts.logs)),
        row('**Total**', ({ total }) => `**${dollars(total)}**`),
      ],
    ),
    'Ten million looks a month are four in every second: at that rate an instance of each busy function runs all the time.',
    '## Counts behind it',
    table(
      ['', ...months.map(({ events }) => `${whole(events)} events`)],
      [
        row('Executions', ({ executions }) => whole(executions)),
        row('GB-seconds', ({ gigabyteSeconds }) => whole(gigabyteSeconds)),
        row('Event Grid operations', ({ eventOperations }) => whole(eventOperations)),
        row('Queue operations', ({ queueOperations }) => whole(queueOperations)),
        row('Table operations', ({ tableOperations }) => whole(tableOperations)),
        row('Logs of the app (GB)', ({ logGigabytes }) => logGigabytes.toFixed(2)),
        row('Log of who wrote to the storage (GB)', ({ storageLogGigabytes }) => storageLogGigabytes.toFixed(2)),
      ],
    ),
    '## Arithmetic',
    list([
      `Executions: ${COUNTS.executions} for each event (\`resourceEvents\`, \`reconcile\`), and one for each of our own changes that comes back (${percent(ASSUMED.fixedShare)} of the looks fix something, with ${COUNTS.ownEventsPerFix} changes). $${perMillion(PRICES.execution)} per million, the first ${whole(PRICES.freeExecutions)} free.`,
      `GB-seconds: ${ASSUMED.secondsPerExecution} second on an instance of ${ASSUMED.instanceGigabytes} GB for each execution, as if it were alone; but at most what ${ASSUMED.busyFunctions} functions need that are busy all the time, with ${ASSUMED.concurrency} messages on an instance at once. $${PRICES.gigabyteSecond.toFixed(6)} each, the first ${whole(PRICES.freeGigabyteSeconds)} free.`,
      `Event Grid: ${COUNTS.eventOperations} operations for each event (it comes in, is compared with the filter, is delivered). $${perMillion(PRICES.eventOperation)} per million, the first ${whole(PRICES.freeEventOperations)} free. Events of the subscription that the filter drops may count as one more each.`,
      `Queues: ${COUNTS.queueOperations} operations for each event (two messages: put, received, deleted). $${(PRICES.queueOperation * 10_000).toFixed(4)} per 10,000.`,
      `Tables: ${COUNTS.intakeTableOperations} operations to take an event in, ${COUNTS.lookTableOperations} for a look, ${COUNTS.fixTableOperations} for one that fixes. $${(PRICES.tableOperation * 10_000).toFixed(5)} per 10,000.`,
      `Logs: ${ASSUMED.logBytesPerExecution / 1000} kB for each execution, and ${ASSUMED.storageLogBytes / 1000} kB for each of the ${ASSUMED.storageWrites} rows and messages that an event writes or deletes (the storage account's log of who wrote what). $${PRICES.logGigabyte.toFixed(2)} per GB, the first ${PRICES.freeLogGigabytes} GB free.`,
    ]),
    'Sizes of logs, the share of fixes and the seconds are assumptions; nothing has been measured in live Azure.',
    '## What comes on top',
    list([
      'Each sweep (four a day): one execution, and a dozen table operations for a thousand resources that are in order.',
      'Queues are asked for messages also when there are none: an instance that runs asks each of its queues every two seconds, and while none runs the platform asks, at intervals that it does not publish. Eight queues asked every two seconds all month would be $4.20.',
      'Alert rules, if you name who gets them: $0.50 to $1.50 each, by how often they look.',
      'The export of Defender (`enableDefenderExport`): an Event Hub namespace, from $11. Polling costs nothing, and is some hours slower.',
      'A lower bill for many events: a longer `SWEEP_SCHEDULE`, fewer log lines (app setting `AzureFunctionsJobHost__logging__logLevel__default=Warning`, by hand after each deployment, which takes it away), no log of who wrote into the queues (parameter `storageWriteLogs`: records; [after an earlier deployment](deploying.md#later-deployments) it takes a command more).',
    ]),
  );
}

function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}

function whole(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

function percent(share: number): string {
  return `${share * 100} %`;
}

function perMillion(price: number): string {
  return (price * 1_000_000).toFixed(2);
}
