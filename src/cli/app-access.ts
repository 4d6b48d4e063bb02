import { DefaultAzureCredential } from '@azure/identity';
import * as z from 'zod';
import type { ReviewAction } from '../engine/review.ts';
import { DockwardenError } from '../errors.ts';
import { parseJson } from '../resources/lenient.ts';
import type { AppOptions } from './options.ts';
import { readOwnEnvironment } from './own-environment.ts';
import type { RunFile } from './run-file.ts';

/** Where the app listens, and the key to it. */
interface AppAddress {
  readonly origin: string;
  readonly key: string | undefined;
}

const Accepted = z.object({ requestId: z.string(), message: z.string() });
export type Accepted = z.infer<typeof Accepted>;

const Refused = z.object({ code: z.string(), message: z.string() });

/** Longest wait for an answer, in milliseconds. */
const ANSWER_TIMEOUT = 60_000;

type Options = Pick<AppOptions, 'appUrl' | 'entraScope'>;
type Body = Readonly<Record<string, unknown>>;

/** Asks the app for something that it does later. Throws when it refuses, with its reason; never repeats a request by itself. */
export async function askApp(
  options: Options,
  run: RunFile | undefined,
  action: ReviewAction,
  body: Body,
): Promise<Accepted> {
  return await postToApp(options, run, action, body, new Map([[202, Accepted]]));
}

/** The same for an action that has answers of its own, by status. */
export async function postToApp<T>(
  options: Options,
  run: RunFile | undefined,
  action: ReviewAction,
  body: Body,
  answers: ReadonlyMap<number, z.ZodType<T>>,
): Promise<T> {
  const { origin, key } = locateApp(options.appUrl, run);
  const token = options.entraScope === undefined ? undefined : await requestToken(options.entraScope);
  const response = await send(new URL(`/api/review/${action}`, origin), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { 'x-functions-key': key }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const answer = parseJson(await response.text());
  const expected = answers.get(response.status)?.safeParse(answer);
  if (expected?.success === true) return expected.data;
  const refused = Refused.safeParse(answer);
  throw new DockwardenError(
    'INPUT_INVALID_MESSAGE',
    refused.success
      ? `refused (${response.status} ${refused.data.code}): ${refused.data.message}`
      : `the app at ${origin} answered ${response.status}${explain(response.status)}`,
    { status: response.status },
  );
}

/** What the platform's own answers mean; those of the app come with a reason. */
function explain(status: number): string {
  if (status === 401)
    return ': set DOCKWARDEN_APP_KEY to a function key of the app; if it asks to sign in, give --entra-scope';
  if (status === 403) return ': you are signed in, but may not use it';
  if (status === 404) return ': there is no Dockwarden that takes requests at this address';
  if (status >= 300 && status < 400) return ': it asks to sign in: give --entra-scope';
  return '';
}

function locateApp(appUrl: string | undefined, run: RunFile | undefined): AppAddress {
  const { appKey, appUrl: defaultUrl } = readOwnEnvironment();
  const key = appKey === undefined ? undefined : checkKey(appKey);
  const given = appUrl ?? defaultUrl;
  const local = run?.functions === undefined ? undefined : new URL(run.functions).origin;
  if (given === undefined && local === undefined) {
    throw new DockwardenError(
      'CONFIG_MISSING',
      'where the app is, is not known: give --app-url, set DOCKWARDEN_APP_URL, or run "npm start" (--directory, if it keeps its files elsewhere)',
    );
  }
  const origin = given === undefined ? local : parseAppUrl(given);
  if (origin === undefined) {
    throw new DockwardenError(
      'CONFIG_MISSING',
      'the address of the app has to be https://<host>, without path, user or query (http only for this machine)',
    );
  }
  if (run !== undefined && !isLoopback(new URL(origin))) {
    throw new DockwardenError(
      'CONFIG_MISSING',
      `the tables of the local run do not belong to the app at ${origin}: give --storage-account`,
    );
  }
  return { origin, key: key ?? (origin === local ? run?.functionKey : undefined) };
}

/** Fetch would put a key that it cannot send into its error. */
function checkKey(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new DockwardenError('CONFIG_MISSING', 'DOCKWARDEN_APP_KEY holds characters that no key has');
}

function parseAppUrl(text: string): string | undefined {
  const url = URL.parse(text) ?? undefined;
  if (url === undefined || url.pathname !== '/' || url.search !== '' || url.hash !== '') return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)) ? url.origin : undefined;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

async function requestToken(scope: string): Promise<string> {
  try {
    const { token } = await new DefaultAzureCredential().getToken(scope);
    return token;
  } catch (error) {
    throw new DockwardenError('CONFIG_MISSING', `no token for ${scope}: sign in with "az login"`, { cause: error });
  }
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    // The key must not follow a redirect to somewhere else.
    return await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(ANSWER_TIMEOUT) });
  } catch (error) {
    throw new DockwardenError(
      'AZURE_TRANSIENT',
      `no answer from ${url.origin} (${reasonOf(error)}): "audit list" shows whether the request arrived`,
      { cause: error },
    );
  }
}

/** "fetch failed" alone tells nothing. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
