import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type AdminTarget, answerAdmin } from './admin.ts';
import type { InvocationResponse } from './core-module.ts';
import { answerEventGrid } from './event-grid-webhook.ts';
import { type HostedFunction, isRunning } from './hosted-function.ts';
import { type HostAnswer, type HostRequest, readHeader } from './http-answer.ts';
import { createHttpInput, type HttpTrigger, readHttpAnswer } from './http-trigger.ts';
import type { TriggerInput } from './invocation.ts';
import { type AccessLevel, type HostKeys, isAllowed } from './keys.ts';
import { describeError, type Log } from './log.ts';

export interface HttpServerOptions {
  readonly admin: AdminTarget;
  readonly triggers: readonly HttpTrigger[];
  readonly keys: HostKeys | undefined;
  /** As behind the platform's authentication: its own headers are not taken from outside. */
  readonly isAuthenticationOn: boolean;
  readonly invoke: (hosted: HostedFunction, input: TriggerInput) => Promise<InvocationResponse>;
  readonly log: Log;
}

const eventGridPath = '/runtime/webhooks/eventgrid';

/** The host's HTTP front: function routes, Event Grid webhook, administration. */
export function createHttpServer(options: HttpServerOptions): Server {
  return createServer((incoming, outgoing) => {
    void handle(options, incoming, outgoing);
  });
}

async function handle(options: HttpServerOptions, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  let answer: HostAnswer;
  try {
    answer = await route(options, await readRequest(options, incoming));
  } catch (error) {
    options.log('Error', 'Host.Http', describeError(error));
    answer = { status: error instanceof SyntaxError || error instanceof URIError ? 400 : 500 };
  }
  for (const [name, value] of Object.entries(answer.headers ?? {})) outgoing.setHeader(name, value);
  outgoing.writeHead(answer.status);
  outgoing.end(answer.body);
}

async function readRequest({ isAuthenticationOn }: HttpServerOptions, incoming: IncomingMessage): Promise<HostRequest> {
  const url = new URL(incoming.url ?? '/', `http://${incoming.headers.host ?? 'localhost'}`);
  const headers = isAuthenticationOn ? withoutPrincipal(incoming.headers) : incoming.headers;
  return { method: incoming.method ?? 'GET', url, headers, body: await buffer(incoming) };
}

function withoutPrincipal(headers: HostRequest['headers']): HostRequest['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-ms-client-principal')));
}

async function route(options: HttpServerOptions, request: HostRequest): Promise<HostAnswer> {
  const path = request.url.pathname;
  if (path.toLowerCase() === eventGridPath) {
    if (!opens(options, 'eventgrid', request)) return { status: 401 };
    const find = (name: string): HostedFunction | undefined => findEventGridFunction(options.admin.functions, name);
    return await answerEventGrid({ find, invoke: options.invoke }, request);
  }
  if (path.toLowerCase().startsWith('/admin/')) {
    return opens(options, 'admin', request) ? answerAdmin(options.admin, request) : { status: 401 };
  }
  for (const trigger of options.triggers) {
    if (!isRunning(trigger.hosted) || !trigger.methods.includes(request.method)) continue;
    const parameters = trigger.route.match(path);
    if (parameters === undefined) continue;
    if (!opens(options, trigger.level, request)) return { status: 401 };
    return await answerFunction(options, trigger, createHttpInput(request, parameters));
  }
  return { status: 404 };
}

function opens(options: HttpServerOptions, level: AccessLevel, request: HostRequest): boolean {
  const codes = [...request.url.searchParams].filter(([name]) => name.toLowerCase() === 'code').map(([, code]) => code);
  const sent = readHeader(request, 'x-functions-key') ?? codes[0];
  return isAllowed(options.keys, level, sent);
}

function findEventGridFunction(functions: readonly HostedFunction[], name: string): HostedFunction | undefined {
  return functions.find(
    (hosted) => hosted.name === name && isRunning(hosted) && hosted.trigger.type.toLowerCase() === 'eventgridtrigger',
  );
}

async function answerFunction(
  options: HttpServerOptions,
  trigger: HttpTrigger,
  input: TriggerInput,
): Promise<HostAnswer> {
  try {
    return readHttpAnswer(await options.invoke(trigger.hosted, input));
  } catch {
    return { status: 500 }; // the invoker has logged why; Azure tells the caller nothing either
  }
}
