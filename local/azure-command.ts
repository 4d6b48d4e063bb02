/** `npm run -s azure -- …`: raw requests to the simulated Azure of a running `npm start`, and the environment for other clients. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { loginAz } from './az-login.ts';
import { newestApiVersion } from './azure/newest-api-version.ts';
import { createClientEnvironment, formatExports } from './client-environment.ts';
import { findRun, RUN_DIRECTORY, type RunFile } from './run-file.ts';

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
const METHODS = ['GET', 'PUT', 'PATCH', 'POST', 'DELETE', 'HEAD'];

const usage = `Usage: npm run -s azure -- <method> <path> [json]
       npm run -s azure -- env

Talks to the simulated Azure of a running "npm start".

  <method> <path> [json]  a raw ARM request, for example: GET /subscriptions
                          prints the JSON of the answer; without an api-version in the path the newest one of the type is used
  env                     prints exports for az and the Azure SDKs, and signs az in: eval "$(npm run -s azure -- env)"

  --as <identity>         operator (default), automation or dockwarden
  --directory <path>      where "npm start" keeps its run.json (default .dockwarden)
  --help                  show this help

Exit codes: 0 ok, 1 refused or not running, 2 wrong usage`;

interface Command {
  readonly run: RunFile;
  readonly identity: string;
  readonly directory: string;
}

async function main(): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(process.argv.slice(2));
  } catch (error) {
    return fail(error);
  }
  const { positionals, values } = parsed;
  if (values.help) {
    console.log(usage);
    return EXIT.ok;
  }
  const request = parseRequest(positionals);
  const isEnvironment = positionals.length === 1 && positionals[0] === 'env';
  if (request instanceof Error && !isEnvironment) return fail(request);

  const directory = values.directory === undefined ? RUN_DIRECTORY : resolve(values.directory);
  const run = await findRun(directory);
  if (run === undefined) {
    console.error(
      'nothing is running here: start it with "npm start" in another terminal (--directory, if it keeps its files elsewhere)',
    );
    return EXIT.failed;
  }
  const command = { run, identity: values.as, directory };
  if (run.identities[values.as] === undefined) {
    return fail(new Error(`--as takes one of ${Object.keys(run.identities).join(', ')}, not '${values.as}'`));
  }
  try {
    return request instanceof Error ? await printEnvironment(command) : await sendRequest(command, request);
  } catch (error) {
    console.error(describeError(error));
    return EXIT.failed;
  }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      as: { type: 'string', default: 'operator' },
      directory: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

function fail(error: unknown): number {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  return EXIT.usage;
}

const ANY_ORIGIN = 'https://arm.invalid';

/** "fetch failed" alone tells nothing: what stands behind it does. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}

interface ArmRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
}

function parseRequest([method = '', path = '', body, ...more]: readonly string[]): ArmRequest | Error {
  if (!METHODS.includes(method.toUpperCase())) return new Error(`'${method}' is neither a method nor env`);
  if (!path.startsWith('/')) return new Error('the path must start with /');
  // `//host/x` and `/\\host/x` name another server, and the request carries a token.
  if (new URL(path, ANY_ORIGIN).origin !== ANY_ORIGIN) return new Error('the path must not name another server');
  if (more.length > 0) return new Error(`too many arguments: put the JSON into quotes`);
  if (body !== undefined && !isJson(body)) return new Error('the body is not valid JSON: put it into single quotes');
  return { method: method.toUpperCase(), path, body };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function printEnvironment({ directory, identity, run }: Command): Promise<number> {
  const environment = createClientEnvironment(run, identity, directory) ?? {};
  const login = await loginAz(environment, run.arm);
  if (login === 'az-missing') console.error('az is not installed (Debian: apt-get install azure-cli): not signed in');
  if (login === 'signed-in') console.error(`az is signed in as ${identity}`);
  console.log('# Ports and sign-ins change: repeat this after a restart of npm start.');
  console.log(formatExports(environment));
  return EXIT.ok;
}

const Token = z.object({ access_token: z.string() });

async function sendRequest({ identity, run }: Command, { body, method, path }: ArmRequest): Promise<number> {
  const url = new URL(path, run.arm);
  if (!url.searchParams.has('api-version')) url.searchParams.set('api-version', newestApiVersion(url.pathname));
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), await readFile(run.caFile, 'utf8')]);
  const token = await requestToken(run, identity);
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  if (!response.ok) console.error(`${response.status} ${response.statusText}`);
  if (text !== '') console.log(isJson(text) ? JSON.stringify(JSON.parse(text), undefined, 2) : text);
  return response.ok ? EXIT.ok : EXIT.failed;
}

async function requestToken({ identities }: RunFile, identity: string): Promise<string> {
  const { endpoint = '', header = '' } = identities[identity] ?? {};
  const query = new URLSearchParams({ 'api-version': '2019-08-01', resource: 'https://management.azure.com' });
  const response = await fetch(`${endpoint}?${query.toString()}`, { headers: { 'x-identity-header': header } });
  return Token.parse(await response.json()).access_token;
}

process.exitCode = await main();
