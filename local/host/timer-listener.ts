import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import * as z from 'zod';
import type { TriggerInput } from './invocation.ts';
import { describeError, type Log } from './log.ts';
import type { Schedule } from './ncrontab.ts';
import type { Listener } from './queue-listener.ts';

/** What is remembered of a timer between two starts of the host. */
export interface TimerStatus {
  readonly last: Date;
  readonly next: Date;
  readonly lastUpdated: Date;
}

/** Where a timer's status survives a restart. */
export interface TimerStore {
  read(): Promise<TimerStatus | undefined>;
  write(status: TimerStatus): Promise<void>;
}

export interface TimerListenerOptions {
  readonly name: string;
  readonly schedule: Schedule;
  readonly runOnStartup: boolean;
  /** Absent: a missed run stays missed. */
  readonly store: TimerStore | undefined;
  readonly invoke: (input: TriggerInput) => Promise<unknown>;
  readonly log: Log;
}

/** `DateTime.MinValue`, which the host writes when a timer has never run. */
const never = new Date('0001-01-01T00:00:00.000Z');
/** setTimeout takes no longer wait. */
const longestWaitMs = 2 ** 31 - 1;
/** Timers of Node can fire a little early; a run before its second would be followed by another one. */
const lateByMs = 5;

/** Runs a timer function at its times, once for a missed one, never twice at the same time. */
export function listenToTimer(options: TimerListenerOptions): Listener {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let current = start();

  async function start(): Promise<void> {
    const now = new Date();
    const status = await readStatus(options);
    const next = options.schedule.next(now);
    options.log('Information', 'Host.Startup', `The next occurrence of '${options.name}' is ${next.toISOString()}`);
    const isPastDue = status !== undefined && status.next.getTime() < now.getTime();
    const last = status?.last ?? never;
    if (isPastDue || options.runOnStartup) await run(last, isPastDue);
    else {
      await writeStatus(options, { last, next, lastUpdated: now });
      arm(last);
    }
  }

  function arm(last: Date): void {
    if (stopping.signal.aborted) return;
    const due = options.schedule.next(new Date());
    const wait = due.getTime() - Date.now() + lateByMs;
    timer = setTimeout(
      () => {
        if (wait > longestWaitMs) arm(last);
        else current = run(last, false);
      },
      Math.min(wait, longestWaitMs),
    );
  }

  async function run(last: Date, isPastDue: boolean): Promise<void> {
    if (stopping.signal.aborted) return;
    const started = new Date();
    const before = { last, next: options.schedule.next(started), lastUpdated: last };
    // The invoker has logged a failure; the schedule goes on either way.
    await options.invoke(createTimerInput(before, isPastDue)).catch(() => {});
    const next = options.schedule.next(new Date());
    await writeStatus(options, { last: started, next, lastUpdated: new Date() });
    arm(started);
  }

  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await current;
    },
  };
}

/** Input of a timer function, in the host's spelling; the library turns the names into camel case. */
export function createTimerInput(status: TimerStatus, isPastDue: boolean): TriggerInput {
  const input = {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: serialize(status),
    IsPastDue: isPastDue,
  };
  return { data: { json: JSON.stringify(input) } };
}

/** Status of a timer that nobody keeps, as of now. */
export function createFreshStatus(schedule: Schedule): TimerStatus {
  return { last: never, next: schedule.next(new Date()), lastUpdated: never };
}

/** Keeps timer status where the real host does: container `azure-webjobs-hosts`, one blob per function. */
export function createBlobTimerStore(container: ContainerClient, hostId: string, functionName: string): TimerStore {
  const path = `timers/${hostId}/Host.Functions.${functionName}/status`;
  const blob: BlockBlobClient = container.getBlockBlobClient(path);
  return {
    async read() {
      if (!(await container.exists()) || !(await blob.exists())) return undefined;
      const content = await blob.downloadToBuffer();
      const { Last, Next, LastUpdated } = StoredStatus.parse(JSON.parse(content.toString()));
      return { last: Last, next: Next, lastUpdated: LastUpdated };
    },
    async write(status) {
      await container.createIfNotExists();
      const text = JSON.stringify(serialize(status));
      await blob.upload(text, Buffer.byteLength(text));
    },
  };
}

const StoredStatus = z.object({ Last: z.coerce.date(), Next: z.coerce.date(), LastUpdated: z.coerce.date() });

function serialize({ last, next, lastUpdated }: TimerStatus) {
  return { Last: last.toISOString(), Next: next.toISOString(), LastUpdated: lastUpdated.toISOString() };
}

async function readStatus({ store, name, log }: TimerListenerOptions): Promise<TimerStatus | undefined> {
  try {
    return await store?.read();
  } catch (error) {
    log('Warning', 'Host.Listener', `Timer '${name}': its status cannot be read: ${describeError(error)}`);
    return undefined;
  }
}

async function writeStatus({ store, name, log }: TimerListenerOptions, status: TimerStatus): Promise<void> {
  try {
    await store?.write(status);
  } catch (error) {
    log('Warning', 'Host.Listener', `Timer '${name}': its status cannot be written: ${describeError(error)}`);
  }
}
