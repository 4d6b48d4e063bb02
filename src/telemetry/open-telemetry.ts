import type { TokenCredential } from '@azure/identity';
import type { AzureMonitorExporterOptions } from '@azure/monitor-opentelemetry-exporter';
import type { MeterProvider, PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type * as packagesType from './azure-monitor.packages.ts';
import { attributeValue, type Measurement, type MetricId, type Metrics, metrics } from './metrics.ts';
import type { TelemetryTarget } from './target.ts';

/** How values are sent. */
export interface TelemetryOptions extends TelemetryTarget {
  /** Asked for tokens for Azure Monitor, and for nothing else; absent = none is sent. */
  readonly credential?: TokenCredential;
  /** Version of the product. */
  readonly version: string;
  /** Milliseconds between two exports. */
  readonly intervalMs?: number;
  /** Further options of the exporter's HTTP client. */
  readonly clientOptions?: Pick<AzureMonitorExporterOptions, 'tlsOptions'>;
}

/** Metrics that go to Azure Monitor. */
export interface Telemetry extends Metrics {
  /** Sends what has not been sent, for at most so many milliseconds. Never rejects. */
  flush(deadlineMs: number): Promise<void>;
  /** Why values could not be sent, once; undefined = nothing is known to be wrong. */
  takeProblem(): string | undefined;
  /** Ends for good: nothing is sent any more. Never rejects. */
  stop(): Promise<void>;
}

/** As often as Application Insights aggregates; what an instance has when it is killed is lost. */
const INTERVAL = 60_000;
/** One export, its one repetition included, in milliseconds. */
const EXPORT_TIMEOUT = 20_000;
/** Values that wait for the exporter to be loaded. */
const MOST_WAITING = 2000;
/** What tokens are for, in each cloud; a connection string may name another audience, and does not get a token for it. */
const AUDIENCES = /^https:\/\/monitor\.azure\.(?:com|us|cn)\/{1,2}\.default$/;

type AdditionalPolicy = NonNullable<AzureMonitorExporterOptions['additionalPolicies']>[number];
type Packages = typeof packagesType;

/**
 * Metrics through OpenTelemetry to Azure Monitor. Nothing is loaded before the first value. What goes wrong – a package that does not load, a connection
 * string that is none, an endpoint that does not answer – costs values and nothing else.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const waiting: Measurement[] = [];
  let provider: MeterProvider | undefined;
  let record: ((measurement: Measurement) => void) | undefined;
  let loading: Promise<void> | undefined;
  let problem: string | undefined;
  let isStopped = false;

  const note = (error: unknown): void => {
    problem ??= String(error).slice(0, 300);
  };

  async function load(): Promise<void> {
    try {
      const packages = await import('./azure-monitor.packages.ts');
      provider = createProvider(packages, options, note);
      record = createInstruments(provider, options.version);
      for (const measurement of waiting.splice(0)) record(measurement);
    } catch (error) {
      note(error);
      isStopped = true;
      waiting.length = 0;
    }
  }

  return {
    record(measurement) {
      if (isStopped) return;
      try {
        if (record !== undefined) {
          record(measurement);
          return;
        }
        if (waiting.length < MOST_WAITING) waiting.push(measurement);
        loading ??= load();
      } catch (error) {
        note(error);
      }
    },
    async flush(deadlineMs) {
      await withDeadline(deadlineMs, async () => {
        await loading;
        await provider?.forceFlush();
      }).catch(note);
    },
    takeProblem() {
      const taken = problem;
      problem = undefined;
      return taken;
    },
    async stop() {
      isStopped = true;
      await withDeadline(EXPORT_TIMEOUT, async () => {
        await loading;
        await provider?.shutdown();
      }).catch(note);
    },
  };
}

function createProvider(packages: Packages, options: TelemetryOptions, note: (error: unknown) => void): MeterProvider {
  const {
    connectionString,
    credential,
    roleName,
    roleInstance,
    version,
    intervalMs = INTERVAL,
    clientOptions,
  } = options;
  const exporter = new packages.AzureMonitorMetricExporter({
    connectionString,
    // What cannot be sent is dropped: an instance's disk does not outlive it.
    disableOfflineStorage: true,
    retryOptions: { maxRetries: 1, maxRetryDelayInMs: 2000 },
    ...(credential !== undefined && { credential: onlyForMonitor(credential) }),
    additionalPolicies: [{ policy: watchAnswers(note), position: 'perCall' }],
    ...clientOptions,
  });
  return new packages.MeterProvider({
    resource: packages.resourceFromAttributes({
      'service.name': roleName,
      'service.instance.id': roleInstance,
      'service.version': version,
    }),
    readers: [
      new packages.PeriodicExportingMetricReader({
        exporter: guard(packages, exporter, note),
        exportIntervalMillis: intervalMs,
        exportTimeoutMillis: Math.min(EXPORT_TIMEOUT, intervalMs),
      }),
    ],
  });
}

/** A promise of an exporter that nobody waits for would end the worker when it is rejected. */
function guard(
  { ExportResultCode }: Packages,
  exporter: InstanceType<Packages['AzureMonitorMetricExporter']>,
  note: (error: unknown) => void,
): PushMetricExporter {
  return {
    export(batch, done) {
      const finish: typeof done = (result) => {
        if (result.code === ExportResultCode.FAILED) note(result.error ?? 'Azure Monitor did not take the metrics');
        done(result);
      };
      exporter.export(batch, finish).catch((thrown: unknown) => {
        finish({ code: ExportResultCode.FAILED, error: thrown instanceof Error ? thrown : new Error(String(thrown)) });
      });
    },
    forceFlush: async () => {
      await exporter.forceFlush();
    },
    shutdown: async () => {
      await exporter.shutdown();
    },
    selectAggregationTemporality: (type) => exporter.selectAggregationTemporality(type),
  };
}

/** The exporter calls a passing fault a success, because it would store the values if it might: nobody would ever learn of a missing role. */
function watchAnswers(note: (error: unknown) => void): AdditionalPolicy['policy'] {
  return {
    name: 'watchAnswers',
    async sendRequest(request, next) {
      try {
        const answer = await next(request);
        if (answer.status >= 400) note(`Application Insights answered ${answer.status}`);
        return answer;
      } catch (error) {
        note(error);
        throw error;
      }
    },
  };
}

/** Gives every instrument its value. */
function createInstruments(provider: MeterProvider, version: string): (measurement: Measurement) => void {
  const meter = provider.getMeter('dockwarden', version);
  const created = new Map<MetricId, (value: number, attributes: Readonly<Record<string, string>>) => void>();
  const open = (id: MetricId) => {
    const { name, kind, unit, description } = metrics[id];
    if (kind === 'counter') {
      const counter = meter.createCounter(name, { unit, description });
      return counter.add.bind(counter);
    }
    const instrument =
      kind === 'gauge'
        ? meter.createGauge(name, { unit, description })
        : meter.createHistogram(name, { unit, description });
    return instrument.record.bind(instrument);
  };
  return ({ metric, value, attributes }) => {
    const told = Object.entries(attributes).map(([name, text]) => [name, attributeValue(text)] as const);
    const add = created.get(metric) ?? open(metric);
    created.set(metric, add);
    add(value, Object.fromEntries(told));
  };
}

function onlyForMonitor(credential: TokenCredential): TokenCredential {
  return {
    async getToken(scopes, tokenOptions) {
      const other = [scopes].flat().find((scope) => !AUDIENCES.test(scope));
      if (other !== undefined) throw new Error(`no token for ${other}: it is not Azure Monitor`);
      return await credential.getToken(scopes, tokenOptions);
    },
  };
}

async function withDeadline(milliseconds: number, act: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`metrics were not sent within ${milliseconds} ms`));
  }, milliseconds);
  try {
    await Promise.race([act(), promise]);
  } finally {
    clearTimeout(timer);
  }
}
