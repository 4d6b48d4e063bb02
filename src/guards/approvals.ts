import * as z from 'zod';
import type { ResourceId } from '../resources/resource-id.ts';
import { hashOf } from '../storage/resource-key.ts';
import type { TableStore } from '../storage/table-store.ts';

const text = () => z.exactOptional(z.string());

/** The answer to "may this be fixed?" for one (resource, policy); the newest answer replaces the one before. */
export const Approval = z.object({
  /** Id of the operator's request; the audit rows about it carry it as `causeId`. */
  requestId: z.string(),
  resourceId: z.string(),
  policyId: z.string(),
  /** Hash of the evidence that was looked at; another evidence needs another approval. */
  evidence: z.string(),
  /** `pending`: a second person has to agree · `granted` · `rejected` · `used`: a run has begun with it, and no other may. */
  state: z.enum(['pending', 'granted', 'rejected', 'used']),
  /** Object id of a verified person, or `key:<name>`; the second one where two are asked for. */
  by: z.string(),
  byType: z.enum(['User', 'ServicePrincipal', 'Key']),
  secondBy: text(),
  /** ISO 8601. */
  at: z.iso.datetime(),
  /** The fix has to start before this, ISO 8601. */
  expires: z.iso.datetime(),
  comment: text(),
  /** The run that used it. */
  runId: text(),
});
export type Approval = Readonly<z.infer<typeof Approval>>;

export interface StoredApproval {
  /** Undefined when the row cannot be read: it approves nothing, and the next answer replaces it. */
  readonly approval: Approval | undefined;
  readonly etag: string;
}

/** Approvals in table `guards`, kept on our side: nothing that leaves the app could be forged or replayed. */
export interface Approvals {
  get(resource: Pick<ResourceId, 'key'>, policyId: string): Promise<StoredApproval | undefined>;
  /** Stores an operator's answer; false when somebody else wrote since `etag` (undefined = there was none). */
  put(resource: Pick<ResourceId, 'key'>, approval: Approval, etag: string | undefined): Promise<boolean>;
  /** Uses it up for a run; false when it was changed or used meanwhile. */
  use(resource: Pick<ResourceId, 'key'>, approval: Approval, etag: string, runId: string): Promise<boolean>;
}

export function createTableApprovals(table: TableStore): Approvals {
  return {
    async get(resource, policyId) {
      const row = await table.get(keyOf(resource, policyId));
      if (row === undefined) return undefined;
      const parsed = Approval.safeParse(row.columns);
      return { approval: parsed.success ? parsed.data : undefined, etag: row.etag };
    },
    async put(resource, approval, etag) {
      const key = keyOf(resource, approval.policyId);
      const written =
        etag === undefined ? await table.insert(key, { ...approval }) : await table.replace(key, { ...approval }, etag);
      return written !== false;
    },
    async use(resource, approval, etag, runId) {
      const key = keyOf(resource, approval.policyId);
      return (await table.replace(key, { ...approval, state: 'used', runId }, etag)) !== false;
    },
  };
}

function keyOf(resource: Pick<ResourceId, 'key'>, policyId: string) {
  return { partitionKey: 'approval', rowKey: `${hashOf(resource)}_${policyId}` };
}
