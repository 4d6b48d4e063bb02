import type { ContainerClient } from '@azure/storage-blob';
import { DockwardenError } from '../errors.ts';

/** Where messages go that nobody could handle: whole, so that they can be inspected and replayed. */
export interface PoisonStore {
  /** Stores the body as blob `<queue>/<id>` of container `poison`; the same message twice is one blob. Returns its name. */
  save(queue: string, id: string, body: string): Promise<string>;
}

/** Longest wait for one answer, in milliseconds. */
const CALL_TIMEOUT = 10_000;

/** `open` is called at the first use; what it throws is passed on. The other errors are `STORAGE_UNAVAILABLE`. */
export function createPoisonStore(open: () => Promise<ContainerClient>): PoisonStore {
  let opened: ContainerClient | undefined;
  return {
    async save(queue, id, body) {
      const name = `${queue}/${id}`;
      opened ??= await open();
      const container = opened;
      const blob = container.getBlockBlobClient(name);
      try {
        await container.createIfNotExists({ abortSignal: AbortSignal.timeout(CALL_TIMEOUT) });
        await blob.upload(body, Buffer.byteLength(body), {
          abortSignal: AbortSignal.timeout(CALL_TIMEOUT),
          blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
        });
      } catch (error) {
        throw new DockwardenError('STORAGE_UNAVAILABLE', `blob container ${container.containerName} cannot be used`, {
          cause: error,
        });
      }
      return name;
    },
  };
}
