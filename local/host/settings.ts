import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `[d.]hh:mm:ss[.fff]` → milliseconds; `-1` (unbounded) → Infinity. */
const TimeSpan = z.string().transform((text, context) => {
  const milliseconds = parseTimeSpan(text);
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue(`'${text}' is not a time span (hh:mm:ss)`);
  return z.NEVER;
});

/** The parts of host.json that this host acts on, with the defaults of the real one. */
const HostConfiguration = z.object({
  /** Default on Flex Consumption: 30 minutes. */
  functionTimeout: TimeSpan.default(1_800_000),
  logging: z.object({ logLevel: z.record(z.string(), z.string()).default({}) }).default({ logLevel: {} }),
  extensions: z
    .object({
      eventHubs: z
        // 100 since version 6 of the extension, which bundle 4 carries; 10 before.
        .object({ maxEventBatchSize: z.coerce.number().int().min(1).default(100) })
        .prefault({}),
      http: z.object({ routePrefix: z.string().default('api') }).prefault({}),
      queues: z
        .object({
          batchSize: z.coerce.number().int().min(1).max(32).default(16),
          newBatchThreshold: z.coerce.number().int().min(0).optional(),
          maxDequeueCount: z.coerce.number().int().min(1).default(5),
          visibilityTimeout: TimeSpan.default(0),
          maxPollingInterval: TimeSpan.default(60_000),
          messageEncoding: z.enum(['base64', 'none']).default('base64'),
        })
        .prefault({}),
    })
    .prefault({}),
});
export type HostConfiguration = z.infer<typeof HostConfiguration>;

const LocalSettings = z.object({ Values: z.record(z.string(), z.coerce.string()).default({}) });

/** `Values` of local.settings.json that the environment lacks: it never overrides. */
export function readLocalSettings(folder: string, environment: Environment): Record<string, string> {
  const { Values } = LocalSettings.parse(readJson(join(folder, 'local.settings.json')));
  return Object.fromEntries(Object.entries(Values).filter(([name]) => environment[name] === undefined));
}

/** host.json, with `AzureFunctionsJobHost__a__b` settings laid over its `a.b`. */
export function readHostConfiguration(folder: string, environment: Environment): HostConfiguration {
  const raw = z.record(z.string(), z.unknown()).parse(readJson(join(folder, 'host.json')));
  for (const [name, value] of Object.entries(environment)) {
    const path = /^AzureFunctionsJobHost__(?<path>.+)$/iu.exec(name)?.groups?.['path'];
    if (path !== undefined) overlay(raw, path.split('__'), value);
  }
  return HostConfiguration.parse(raw);
}

/**
 * Replaces each `%NAME%` with that setting. The real host does this too, and not the worker, so the app's own table
 * of registrations still shows the name. Throws for a name without a value.
 */
export function resolvePlaceholders(text: string, environment: Environment): string {
  return text.replace(/%(?<name>[^%]+)%/gu, (_match, name: string) => {
    const value = environment[name.replaceAll(':', '__')] ?? environment[name];
    if (value === undefined) throw new Error(`'%${name}%' does not resolve to a value.`);
    return value;
  });
}

/** `AzureWebJobs.<function>.Disabled` = `true` or `1`. */
export function isDisabled(functionName: string, environment: Environment): boolean {
  const setting = environment[`AzureWebJobs.${functionName}.Disabled`];
  return setting !== undefined && /^(?:1|true)$/iu.test(setting);
}

/** Milliseconds of a .NET time span, Infinity for `-1`, undefined when it is none. */
export function parseTimeSpan(text: string): number | undefined {
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const match = /^(?:(?<days>\d+)\.)?(?<hours>\d+):(?<minutes>\d+):(?<seconds>\d+(?:\.\d+)?)$/u.exec(text);
  if (match?.groups === undefined) return undefined;
  const { days = '0', hours, minutes, seconds } = match.groups;
  return ((Number(days) * 24 + Number(hours)) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
}

function overlay(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [wanted = '', ...rest] = path;
  // Configuration keys of .NET compare without regard to case.
  const key = Object.keys(target).find((name) => name.toLowerCase() === wanted.toLowerCase()) ?? wanted;
  const child = target[key];
  if (rest.length === 0) Object.assign(target, { [key]: value });
  else if (isRecord(child)) overlay(child, rest, value);
  else {
    const created: Record<string, unknown> = {};
    Object.assign(target, { [key]: created });
    overlay(created, rest, value);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return {}; // both files are optional for the host
  }
  return JSON.parse(text);
}
