import { once } from 'node:events';
import type { Server } from 'node:http';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBlobs, connectEventHubs, connectQueues, hostConnection } from './connections.ts';
import { type FunctionApp, loadFunctionApp } from './core.ts';
import { CHECKPOINT_CONTAINER, createBlobCheckpoints } from './event-hub-checkpoints.ts';
import { isBatched } from './event-hub-input.ts';
import { listenToEventHub } from './event-hub-listener.ts';
import { createEventHubReader } from './event-hub-reader.ts';
import { type HostedFunction, hostFunction, isRunning, readConnection, readOption } from './hosted-function.ts';
import { createHttpServer } from './http-server.ts';
import { listHttpTriggers } from './http-trigger.ts';
import { createInvoker, type Invoker } from './invocation.ts';
import type { HostKeys } from './keys.ts';
import { describeError, type Log, toLogLevel } from './log.ts';
import { parseSchedule } from './ncrontab.ts';
import { writeOutputs } from './outputs.ts';
import { type Listener, listenToQueue } from './queue-listener.ts';
import type { Environment, HostConfiguration } from './settings.ts';
import { createBlobTimerStore, listenToTimer, type TimerStore } from './timer-listener.ts';

export interface HostOptions {
  /** Deploy folder. */
  readonly folder: string;
  readonly configuration: HostConfiguration;
  readonly environment: Environment;
  /** 0 = any free port. */
  readonly port: number;
  readonly keys: HostKeys | undefined;
  /** Seconds; see `QueueListenerOptions`. */
  readonly receiveVisibilitySeconds: number;
  readonly log: Log;
  /** Called when Azure would replace the worker process; whatever runs has been failed by then. */
  readonly onWorkerLost: (reason: Error) => void;
}

export interface Host {
  readonly url: string;
  /** Stops listeners, gives running functions 5 s, runs the app's terminate hooks. */
  stop(): Promise<void>;
  /** Fails whatever runs, as the loss of the worker process does: messages go back to their queues. */
  loseWorker(reason: Error): Promise<void>;
}

const hostVersion = '4.1048.200-local';
/** What the real host grants the worker between its message and the end. */
const shutdownGraceMs = 5_000;

/** Loads an app and runs it: HTTP front, queue, Event Hub and timer listeners. Answers once everything listens. */
export async function runHost(options: HostOptions): Promise<Host> {
  const { environment, configuration, log } = options;
  const app = await loadFunctionApp(options.folder, {
    log: (level, category, message) => {
      log(toLogLevel(level), category === 'user' ? 'Function.User' : 'Worker', message);
    },
  });
  const functions = app.functions.map((registered) => hostFunction(registered, environment));
  reportFunctions(app, functions, log);

  const invoker = createInvoker({
    registry: app.registry,
    log,
    timeoutMs: configuration.functionTimeout,
    async writeOutputs(target, response) {
      const hosted = functions.find((candidate) => candidate.registered === target);
      const { messageEncoding } = configuration.extensions.queues;
      if (hosted !== undefined) await writeOutputs({ environment, messageEncoding, log }, hosted, response);
    },
    onTimeout: options.onWorkerLost,
  });
  const server = createHttpServer({
    admin: {
      functions,
      loadError: app.loadError,
      hostVersion,
      run(hosted, input) {
        invoker.invoke(hosted.registered, input).catch(() => {}); // detached; the invoker logs
      },
    },
    triggers: listHttpTriggers(functions.filter(isRunning), configuration.extensions.http.routePrefix),
    keys: options.keys,
    isAuthenticationOn: environment['WEBSITE_AUTH_ENABLED']?.toLowerCase() === 'true',
    invoke: async (hosted, input) => await invoker.invoke(hosted.registered, input),
    log,
  });
  const url = await listen(server, options.port);
  const listeners = functions.filter(isRunning).flatMap((hosted) => startListener(options, hosted, invoker));
  log('Information', 'Host.Startup', `Host started on ${url}`);

  return {
    url,
    stop: async () => await stopHost(app, server, listeners, invoker),
    async loseWorker(reason) {
      const stopped = listeners.map(async (listener) => await listener.stop());
      invoker.failAll(reason);
      await Promise.race([Promise.all(stopped), sleep(shutdownGraceMs)]);
    },
  };
}

function reportFunctions(app: FunctionApp, functions: readonly HostedFunction[], log: Log): void {
  if (app.loadError !== undefined) {
    log('Error', 'Host.Startup', `The entry point threw, so the app has no functions: ${describeError(app.loadError)}`);
  }
  log('Information', 'Host.Startup', `${functions.length} functions found`);
  for (const { name, trigger, disabled, error } of functions) {
    log('Information', 'Host.Startup', `${name}: ${trigger.type}${disabled ? ' (disabled)' : ''}`, { function: name });
    if (error === undefined) continue;
    log('Error', 'Host.Startup', `The '${name}' function is in error: ${error}`, { function: name });
  }
}

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The host has no port.');
  return `http://127.0.0.1:${address.port}`;
}

function startListener(options: HostOptions, hosted: HostedFunction, invoker: Invoker): Listener[] {
  const { environment, configuration, log } = options;
  const { trigger, registered, name } = hosted;
  switch (trigger.type.toLowerCase()) {
    case 'queuetrigger':
      return [
        listenToQueue({
          queues: connectQueues(readConnection(trigger), environment),
          queueName: readOption(trigger, 'queueName') ?? '',
          settings: configuration.extensions.queues,
          receiveVisibilitySeconds: options.receiveVisibilitySeconds,
          invoke: async (input) => await invoker.invoke(registered, input),
          log,
        }),
      ];
    case 'timertrigger':
      return [
        listenToTimer({
          name,
          schedule: parseSchedule(readOption(trigger, 'schedule') ?? ''),
          runOnStartup: trigger['runOnStartup'] === true,
          store: createTimerStore(options, hosted),
          invoke: async (input) => await invoker.invoke(registered, input),
          log,
        }),
      ];
    case 'eventhubtrigger':
      return [startEventHubListener(options, hosted, invoker)];
    default:
      return [];
  }
}

function startEventHubListener(
  { configuration, environment, log }: HostOptions,
  { registered, trigger }: HostedFunction,
  invoker: Invoker,
): Listener {
  const connection = connectEventHubs(readOption(trigger, 'connection') ?? '', environment);
  const eventHubName = readOption(trigger, 'eventHubName') ?? '';
  const consumerGroup = readOption(trigger, 'consumerGroup') ?? '$Default';
  const { fullyQualifiedNamespace } = connection;
  return listenToEventHub({
    hub: { fullyQualifiedNamespace, eventHubName, consumerGroup },
    reader: createEventHubReader(connection, eventHubName, consumerGroup),
    checkpoints: createBlobCheckpoints(
      connectBlobs(hostConnection, environment).getContainerClient(CHECKPOINT_CONTAINER),
    ),
    isBatched: isBatched(trigger),
    maxEventBatchSize: configuration.extensions.eventHubs.maxEventBatchSize,
    invoke: async (input) => await invoker.invoke(registered, input),
    log,
  });
}

/** Without host storage, with `useMonitor: false`, or when it runs more often than every minute: nothing is kept. */
function createTimerStore({ environment, folder, log }: HostOptions, hosted: HostedFunction): TimerStore | undefined {
  if (hosted.trigger['useMonitor'] === false) return undefined;
  const schedule = parseSchedule(readOption(hosted.trigger, 'schedule') ?? '');
  const first = schedule.next(new Date());
  if (schedule.next(first).getTime() - first.getTime() < 60_000) return undefined;
  try {
    const container = connectBlobs(hostConnection, environment).getContainerClient('azure-webjobs-hosts');
    const hostId = environment['AzureFunctionsWebHost__hostid'] ?? basename(folder).toLowerCase();
    return createBlobTimerStore(container, hostId, hosted.name);
  } catch {
    log('Warning', 'Host.Listener', `Timer '${hosted.name}': no host storage, a missed run stays missed.`);
    return undefined;
  }
}

async function stopHost(
  app: FunctionApp,
  server: Server,
  listeners: readonly Listener[],
  invoker: Invoker,
): Promise<void> {
  server.close();
  const drained = Promise.all([...listeners.map(async (listener) => await listener.stop()), invoker.idle()]);
  await Promise.race([drained, sleep(shutdownGraceMs)]);
  const { hooks, appHookData } = app.registry;
  for (const hook of hooks.appTerminate) await hook({ hookData: {}, appHookData });
  server.closeAllConnections();
}
