import type { HttpCookie, HttpData, InvocationResponse } from './core-module.ts';
import { type HostedFunction, readOption } from './hosted-function.ts';
import type { HostAnswer, HostRequest } from './http-answer.ts';
import { parseRoute, type Route } from './http-routes.ts';
import type { TriggerInput } from './invocation.ts';
import type { AccessLevel } from './keys.ts';

export interface HttpTrigger {
  readonly hosted: HostedFunction;
  readonly route: Route;
  readonly methods: readonly string[];
  readonly level: AccessLevel;
}

/** HTTP functions in the order in which their routes are tried. */
export function listHttpTriggers(functions: readonly HostedFunction[], routePrefix: string): HttpTrigger[] {
  const triggers: HttpTrigger[] = [];
  for (const hosted of functions) {
    if (hosted.trigger.type.toLowerCase() !== 'httptrigger') continue;
    const { trigger, name } = hosted;
    const route = parseRoute(`${routePrefix}/${readOption(trigger, 'route') ?? name}`);
    const methods = Array.isArray(trigger['methods']) ? trigger['methods'] : ['GET', 'POST'];
    triggers.push({
      hosted,
      route,
      methods: methods.map((method) => String(method).toUpperCase()),
      level: readLevel(hosted),
    });
  }
  return triggers.toSorted((one, other) => one.route.precedence.localeCompare(other.route.precedence));
}

function readLevel({ trigger }: HostedFunction): AccessLevel {
  const level = readOption(trigger, 'authLevel')?.toLowerCase();
  return level === 'anonymous' || level === 'admin' ? level : 'function';
}

/** Request as trigger input. */
export function createHttpInput(request: HostRequest, parameters: Readonly<Record<string, string>>): TriggerInput {
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.push([name, Array.isArray(value) ? value.join(',') : value]);
  }
  const http: HttpData = {
    method: request.method,
    url: request.url.href,
    nullableHeaders: toNullable(headers),
    nullableQuery: toNullable(joinRepeated(request.url.searchParams)),
    nullableParams: toNullable(Object.entries(parameters)),
    ...(request.body.length > 0 && { body: { bytes: request.body } }),
  };
  return { data: { http } };
}

/** What the function returned as HTTP answer; nothing returned is 204. */
export function readHttpAnswer(response: InvocationResponse): HostAnswer {
  const http = response.returnValue?.http;
  if (http === undefined) return { status: 204 };
  const cookies = (http.cookies ?? []).map(formatCookie);
  const body = http.body?.bytes ?? http.body?.string;
  return {
    status: Number(http.statusCode ?? 200),
    headers: { ...http.headers, ...(cookies.length > 0 && { 'set-cookie': cookies }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body) }),
  };
}

/** A parameter that is sent more than once, in whatever casing, arrives once: under its first spelling, with all values as `a,b`. */
function joinRepeated(parameters: URLSearchParams): Iterable<[string, string]> {
  const joined = new Map<string, [string, string]>();
  for (const [name, value] of parameters) {
    const [first, values] = joined.get(name.toLowerCase()) ?? [];
    joined.set(name.toLowerCase(), [first ?? name, values === undefined ? value : `${values},${value}`]);
  }
  return joined.values();
}

function toNullable(entries: Iterable<[string, string]>): Record<string, { value: string }> {
  return Object.fromEntries([...entries].map(([name, value]) => [name, { value }]));
}

function formatCookie(cookie: HttpCookie): string {
  const parts = [`${cookie.name ?? ''}=${cookie.value ?? ''}`];
  if (cookie.path?.value !== undefined) parts.push(`Path=${cookie.path.value}`);
  if (cookie.httpOnly?.value === true) parts.push('HttpOnly');
  if (cookie.secure?.value === true) parts.push('Secure');
  return parts.join('; ');
}
