import * as z from 'zod';
import type { NodeRecord } from '../resources/node-health.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import type { OnInvalidRow } from '../storage/parse-row.ts';

const text = () => z.string().max(1024);

/** What is kept of the last look at a cluster, besides its nodes. Times in ISO 8601. Holds no token and no key. */
export const InspectionRecord = z.object({
  inspectedAt: z.iso.datetime(),
  /** Why the nodes could not be read then; the same at two looks in a row is no passing fault. */
  accessProblem: z.exactOptional(text()),
  /** Credentials that may be used again for a day: origin of the API server, its certificate authority (PEM), when they were read. */
  server: z.exactOptional(text()),
  certificateAuthority: z.exactOptional(z.string().max(32_768)),
  credentialsReadAt: z.exactOptional(z.iso.datetime()),
  /** How the nodes were read. */
  readBy: z.exactOptional(z.enum(['api-server', 'run-command'])),
  /** When nodes were last listed by run command. */
  runCommandAt: z.exactOptional(z.iso.datetime()),
});
export type InspectionRecord = z.infer<typeof InspectionRecord>;

/** What is remembered of one cluster. */
export interface ClusterHistory {
  /** Undefined = the cluster was never looked at, or the row cannot be read. */
  readonly inspection: InspectionRecord | undefined;
  /** By node name; a row that cannot be read is left out, as if the node had never been seen. */
  readonly nodes: ReadonlyMap<string, NodeRecord>;
}

/** What the detector of missed reboots remembers between two looks: a reboot shows only in comparison with what was there before. */
export interface NodeHistory {
  /** A row that cannot be read is reported and counts as absent. */
  load(cluster: ResourceId, onInvalid: OnInvalidRow): Promise<ClusterHistory>;
  /**
   * Writes the inspection, and of the records those that differ from `previous` (what `load` gave) or were last written more than 5.5 hours
   * ago. Deletes what has not been seen for 30 days. Times count from `inspection.inspectedAt`.
   */
  save(
    cluster: ResourceId,
    inspection: InspectionRecord,
    records: readonly NodeRecord[],
    previous: ReadonlyMap<string, NodeRecord>,
  ): Promise<void>;
}
