/**
 * Deletes the role assignments that the settings call for no longer, after a deployment: a remediation that was set back to `observe` keeps no
 * right to write. azd runs it (azure.yaml) with the outputs of the template as environment variables.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const OUTPUT = 'AZURE_UNUSED_ROLE_ASSIGNMENT_IDS';
const ENDPOINT_OUTPUT = 'AZURE_RESOURCE_MANAGER';
const API_VERSION = '2022-04-01';
/** Longest wait for one answer, in milliseconds. */
const TIMEOUT = 30_000;

/** Only assignments of a subscription or a management group, and nothing that would lead a path elsewhere. */
const ASSIGNMENT =
  /^\/(?:subscriptions\/[\da-f-]{36}|providers\/Microsoft\.Management\/managementGroups\/[\w.()-]{1,90})\/providers\/Microsoft\.Authorization\/roleAssignments\/[\da-f-]{36}$/i;

export interface Removal {
  /** Ids of role assignments, as a JSON array of texts, or of such arrays: one for each subscription. */
  readonly ids: string;
  /** Azure Resource Manager, an https origin. */
  readonly endpoint: string;
  readonly getToken: (scope: string) => Promise<string>;
  readonly send: (url: string, token: string) => Promise<{ readonly status: number }>;
}

/** What was deleted, and what may still be there, with the reason. An assignment that was never there counts as neither. */
export interface Removed {
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly id: string; readonly why: string }[];
}

/** Deletes them one by one; one that fails keeps none of the others. Throws for a list that is none, before anything is sent. */
export async function removeUnusedRoles({ ids, endpoint, getToken, send }: Removal): Promise<Removed> {
  const wanted = parseIds(ids);
  const origin = parseOrigin(endpoint);
  if (wanted.length === 0) return { deleted: [], failed: [] };
  const token = await getToken(`${origin}/.default`);
  const deleted: string[] = [];
  const failed: { id: string; why: string }[] = [];
  for (const id of wanted) {
    try {
      const { status } = await send(`${origin}${id}?api-version=${API_VERSION}`, token);
      if (status === 200) deleted.push(id);
      // 204: there is no such assignment.
      else if (status !== 204) failed.push({ id, why: `Azure answered ${status}` });
    } catch (error) {
      failed.push({ id, why: messageOf(error) });
    }
  }
  return { deleted, failed };
}

function parseIds(text: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${OUTPUT} is no JSON: deploy with this version of infra/main.bicep first`);
  }
  if (!Array.isArray(value))
    throw new Error(`${OUTPUT} is no list: deploy with this version of infra/main.bicep first`);
  return value.flat().map((id: unknown) => {
    if (typeof id !== 'string' || !ASSIGNMENT.test(id)) {
      throw new Error(`${OUTPUT} holds something that is no id of a role assignment: nothing was deleted`);
    }
    return id;
  });
}

function parseOrigin(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'https:') throw new Error(`${ENDPOINT_OUTPUT} is no https address: nothing was deleted`);
  return url.origin;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The token of whoever is signed in to azd. */
async function askAzd(scope: string): Promise<string> {
  const { stdout } = await promisify(execFile)('azd', ['auth', 'token', '--output', 'json', '--scope', scope]);
  const answer: unknown = JSON.parse(stdout);
  const token: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'token') : undefined;
  if (typeof token !== 'string') throw new Error('azd gave no token: azd auth login');
  return token;
}

async function main(): Promise<void> {
  const { deleted, failed } = await removeUnusedRoles({
    ids: process.env[OUTPUT] ?? '',
    endpoint: process.env[ENDPOINT_OUTPUT] ?? '',
    getToken: askAzd,
    send: async (url, token) =>
      await fetch(url, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT),
      }),
  });
  for (const id of deleted) console.log(`no longer assigned: ${id}`);
  for (const { id, why } of failed) {
    console.error(`may still be assigned (${why}): az role assignment delete --ids ${id}`);
  }
  if (failed.length > 0) process.exitCode = 1;
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
