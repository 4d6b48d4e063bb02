import { createHash } from 'node:crypto';
import { auditKey } from '../audit/audit-log.ts';
import { isPlainObject } from '../resources/lenient.ts';
import { parseResourceId, type ResourceId } from '../resources/resource-id.ts';
import { resourceColumns } from './audit-rows.ts';
import type { EngineContext } from './ports.ts';

/** Keeps a message whole, as blob `<queue>/<hash of the body>` of container `poison`: the same message twice is one blob. */
export async function keepBody(context: EngineContext, queue: string, message: unknown): Promise<string> {
  const body = bodyOf(message);
  return await context.poison.save(queue, createHash('sha256').update(body).digest('hex').slice(0, 32), body);
}

/** What is nested so deep that no text can be made of it was made for nothing else, and is not kept. */
function bodyOf(message: unknown): string {
  if (typeof message === 'string') return message;
  try {
    return JSON.stringify(message) ?? '';
  } catch {
    return '"nested too deep to be kept"';
  }
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
