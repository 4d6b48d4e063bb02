import type { ContainerClient } from '@azure/storage-blob';
import * as z from 'zod';
import type { EventHubPartition, ReceivedEvent } from './event-hub-input.ts';

/** How far each partition has been read. */
export interface EventHubCheckpoints {
  /** Sequence number of the last event that was handed on; undefined = none was. */
  read(partition: EventHubPartition): Promise<number | undefined>;
  write(partition: EventHubPartition, last: ReceivedEvent): Promise<void>;
}

/** The container of the extension. */
export const CHECKPOINT_CONTAINER = 'azure-webjobs-eventhub';

const Metadata = z.object({ sequencenumber: z.coerce.number().int() });

/** An empty blob `<namespace>/<hub>/<group>/<partition>` per partition, with its place as metadata. */
export function createBlobCheckpoints(container: ContainerClient): EventHubCheckpoints {
  const blobOf = ({ consumerGroup, eventHubName, fullyQualifiedNamespace, partitionId }: EventHubPartition) => {
    const path = [fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId].join('/').toLowerCase();
    return container.getBlockBlobClient(path);
  };
  return {
    async read(partition) {
      const blob = blobOf(partition);
      if (!(await container.exists()) || !(await blob.exists())) return undefined;
      return Metadata.parse((await blob.getProperties()).metadata).sequencenumber;
    },
    async write(partition, { offset, sequenceNumber }) {
      await container.createIfNotExists();
      await blobOf(partition).upload('', 0, { metadata: { offset, sequencenumber: String(sequenceNumber) } });
    },
  };
}
