import { createHash } from 'node:crypto';
import { auditKey } from '../audit/audit-log.ts';
import { isDockwardenError } from '../errors.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { parseResourceId, type ResourceId } from '../resources/resource-id.ts';
import { resourceColumns } from './audit-rows.ts';
import { type InputNote, recordInput } from './input-rows.ts';
import type { EngineContext } from './ports.ts';

/** Keeps a message whole, as blob `<queue>/<hash of the body>` of container `poison`: the same message twice is one blob. */
async function keepBody(context: EngineContext, queue: string, message: unknown): Promise<string> {
  const body = bodyOf(message);
  return await context.poison.save(queue, hashOf(body), body);
}

/** Tells a message from others: what its blob is called. */
export function hashMessage(message: unknown): string {
  return hashOf(bodyOf(message));
}

function hashOf(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 32);
}

/** Deeper than anything that is ever understood, and not too deep to be written down. */
const MAX_DEPTH = 100;

/** Of what is nested so deep that no text can be made of it, everything down to `MAX_DEPTH`: it was made for nothing else. */
function bodyOf(message: unknown): string {
  if (typeof message === 'string') return message;
  if (message instanceof Uint8Array) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(message);
  try {
    return JSON.stringify(message) ?? '';
  } catch {
    return JSON.stringify(cutOff(message, MAX_DEPTH));
  }
}

function cutOff(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '(nested too deep to be kept)';
  if (Array.isArray(value)) return value.map((element) => cutOff(element, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutOff(member, levels - 1)]));
}

/** The blob that a message is kept in, as audit rows name it; or why storage will never take it. */
export type Kept = { readonly causeId: string } | { readonly refused: string };

/** Keeps a message whole, if it can be kept at all. Rejects while another try may help. */
export async function keepIfPossible(context: EngineContext, queue: string, message: unknown): Promise<Kept> {
  try {
    return { causeId: `poison/${await keepBody(context, queue, message)}` };
  } catch (error) {
    if (!isDockwardenError(error, 'INTERNAL_INVARIANT')) throw error;
    context.log.error('a message cannot be kept', { queue, error: error.message });
    return { refused: error.message };
  }
}

/** What a row says of what was kept, or could not be. */
export function noteKept(kept: Kept, detail: string): Pick<InputNote, 'causeId' | 'detail'> {
  if ('causeId' in kept) return { ...kept, detail };
  return { detail: `${detail}; it cannot be kept: ${kept.refused}` };
}

/**
 * Gives up a message that nobody asks for again, and that comes again all the same while its batch does: it is on record once a day. Where storage
 * refuses its body for good, the row is all that is left of it.
 */
export async function giveUp(context: EngineContext, queue: string, message: unknown, why: string): Promise<void> {
  const kept = await keepIfPossible(context, queue, message);
  context.log.error('message given up', { queue, why, ...kept });
  await recordInput(context, { reason: 'poison', subject: hashMessage(message), ...noteKept(kept, why) });
}

/** Keeps a message that was given up on as a blob, and says so in the audit. */
export async function keepPoison(
  context: EngineContext,
  queue: string,
  message: unknown,
  why: string,
): Promise<string> {
  const blob = await keepBody(context, queue, message);
  const now = context.clock.now();
  const resource = isPlainObject(message) ? readResource(message['resourceId']) : undefined;
  context.log.error('message given up', { queue, blob: `poison/${blob}`, why });
  await context.audit.append(auditKey(now, context.newRunId(now), 'input'), {
    time: now.toISOString(),
    stage: 'input',
    reason: 'poison',
    ...(resource !== undefined && resourceColumns(resource)),
    causeId: `poison/${blob}`,
    error: why,
    configHash: context.settings.hash,
    version: context.version,
  });
  return blob;
}

function readResource(id: unknown): ResourceId | undefined {
  if (typeof id !== 'string') return undefined;
  try {
    return parseResourceId(id);
  } catch {
    return undefined;
  }
}
