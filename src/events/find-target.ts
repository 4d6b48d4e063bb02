import { isDockwardenError } from '../errors.ts';
import { mentionsCoveredType, parseResourceId, type ResourceId } from '../resources/resource-id.ts';
import { type IgnoredInput, type InvalidInput, ignored, invalid } from './parsed.ts';

/** The covered resource that an id belongs to. An odd id of a foreign type is ignored, an odd id of a covered one reported. */
export function findTarget(
  id: string,
  eventId: string | undefined,
): ResourceId | IgnoredInput<'resource-type-not-covered'> | InvalidInput {
  if (!mentionsCoveredType(id)) return ignored('resource-type-not-covered', eventId);
  try {
    return parseResourceId(id);
  } catch (error) {
    if (!isDockwardenError(error, 'INPUT_INVALID_RESOURCE_ID')) throw error;
    return invalid('invalid-resource-id', error.message, eventId);
  }
}
