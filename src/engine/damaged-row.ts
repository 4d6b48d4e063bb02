import { isDockwardenError } from '../errors.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { EngineContext } from './ports.ts';

/** Does it for one of several resources. A row that somebody has damaged keeps only its own resource from being looked at: undefined then. */
export async function passOverDamaged<T>(
  { log }: Pick<EngineContext, 'log'>,
  { id }: ResourceId,
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_ROW')) throw error;
    log.error('a resource cannot be looked at: its row cannot be read', { resourceId: id, error: error.message });
    return undefined;
  }
}
