import * as z from 'zod';
import { lenient, lenientObject, parseJson } from '../../resources/lenient.ts';
import type { Environment } from '../../settings/settings.ts';
import { deleteSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';

type Code = 'host-json-invalid' | 'host-setting-unsafe' | 'host-setting-overridden';

const HostJson = lenientObject({
  version: lenient(z.string()),
  functionTimeout: lenient(z.string()),
  extensions: lenientObject({
    http: lenientObject({ routePrefix: lenient(z.string()) }),
    queues: lenientObject({
      visibilityTimeout: lenient(z.string()),
      messageEncoding: lenient(z.string()),
      maxDequeueCount: lenient(z.union([z.number(), z.string()])),
    }),
  }),
});

/** Least time between two deliveries of a message that failed, in seconds: without it five tries are over before anything has passed. */
const LEAST_WAIT = 10;
const LEAST_TRIES = 3;

interface Rule {
  /** As `host.json` nests it. */
  readonly path: readonly [string, string, string];
  readonly read: (host: z.infer<typeof HostJson>) => string | number | undefined;
  readonly isSafe: (value: string) => boolean;
  readonly why: string;
}

const RULES: readonly Rule[] = [
  {
    path: ['extensions', 'queues', 'visibilityTimeout'],
    read: ({ extensions }) => extensions.queues.visibilityTimeout,
    isSafe: (value) => secondsOf(value) >= LEAST_WAIT,
    why: `a message that failed has to wait ${LEAST_WAIT} seconds at least, or a short outage drives it into the poison queue`,
  },
  {
    path: ['extensions', 'queues', 'messageEncoding'],
    read: ({ extensions }) => extensions.queues.messageEncoding ?? 'base64',
    isSafe: (value) => value.toLowerCase() === 'base64',
    why: 'Event Grid writes base64, and so does Dockwarden',
  },
  {
    path: ['extensions', 'queues', 'maxDequeueCount'],
    read: ({ extensions }) => extensions.queues.maxDequeueCount ?? 5,
    isSafe: (value) => Number(value) >= LEAST_TRIES,
    why: `a message needs ${LEAST_TRIES} tries at least`,
  },
  {
    path: ['extensions', 'http', 'routePrefix'],
    read: ({ extensions }) => extensions.http.routePrefix ?? 'api',
    isSafe: (value) => value === 'api',
    why: 'the command line asks the app below /api',
  },
];

/** `host.json` of the package, and what app settings change of it: what the host runs with. */
export const hostCheck = defineCheck<DeployedContext, Code>({
  id: 'host',
  title: 'host.json and the settings that override it',
  codes: ['host-json-invalid', 'host-setting-unsafe', 'host-setting-overridden'],
  async run(context) {
    const host = parseJson(await context.hostJson());
    const parsed = HostJson.parse(host);
    const environment = await context.readEnvironment();
    const findings: DoctorFinding<Code>[] = [];
    if (parsed.version !== '2.0') {
      findings.push({
        severity: 'error',
        code: 'host-json-invalid',
        subject: 'host.json',
        message: 'host.json of this version is not one that the Functions host reads (version 2.0).',
        command: 'git checkout -- host.json && npm run build',
      });
    }
    for (const rule of RULES) findings.push(...judge(rule, rule.read(parsed), environment, context));
    return findings;
  },
});

function judge(
  { path, isSafe, why }: Rule,
  shipped: string | number | undefined,
  environment: Environment,
  { app }: DeployedContext,
): DoctorFinding<Code>[] {
  const name = `AzureFunctionsJobHost__${path.join('__')}`;
  const [setting, overriding] =
    Object.entries(environment).find(([key]) => key.toLowerCase().replaceAll(':', '__') === name.toLowerCase()) ?? [];
  const value = String(overriding ?? shipped ?? '');
  if (isSafe(value)) return [];
  const isOverridden = setting !== undefined && overriding !== undefined;
  return [
    {
      severity: 'error',
      code: isOverridden ? 'host-setting-overridden' : 'host-setting-unsafe',
      subject: isOverridden ? setting : `host.json ${path.join('.')}`,
      message: `The Functions host runs with ${path.join('.')} = ${JSON.stringify(value.slice(0, 40))}: ${why}.`,
      command: isOverridden ? deleteSetting(app, setting) : 'git checkout -- host.json && npm run build',
    },
  ];
}

/** `[d.]hh:mm:ss[.fff]` in seconds; NaN for anything else. */
function secondsOf(text: string): number {
  const [, days = '0', hours, minutes, seconds] =
    /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d+)?)$/.exec(text) ?? [];
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}
