import { createHash } from 'node:crypto';
import type { ResourceId } from '../resources/resource-id.ts';

/** 32 hex digits that stand for a resource in row keys, which may not hold slashes. */
export function hashOf(resource: Pick<ResourceId, 'key'>): string {
  return createHash('sha256').update(resource.key).digest('hex').slice(0, 32);
}
