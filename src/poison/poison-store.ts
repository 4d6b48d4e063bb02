import type { ContainerClient } from '@azure/storage-blob';
import { DockwardenError } from '../errors.ts';
import { storageError } from '../storage/storage-error.ts';
import { formatMessageId, type MessageKind, type MessagePlace } from './message-id.ts';

/** One message as a list shows it. */
export interface KeptMessage extends MessagePlace {
  /** `<container>/<blob name>`. */
  readonly id: string;
  /** In bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly keptAt: string;
}

/** Where messages go that nobody could handle: whole, so that they can be inspected and replayed. */
export interface PoisonStore {
  /**
   * Stores the body as blob `<queue>/<id>` of container `poison`; the same message twice is one blob. Returns its name. Rejects with
   * `INTERNAL_INVARIANT` when storage calls the body wrong or too large: it will do so each time. A permission that is missing is an outage, and
   * not the fault of the body: somebody gives it, and what was waited for is kept after all.
   */
  save(queue: string, id: string, body: string): Promise<string>;
  /** Everything in a container, by name; nothing while there is no such container. */
  list(kind: MessageKind): AsyncIterable<KeptMessage>;
  /** The bytes of a message; undefined = there is none. Rejects with `INPUT_INVALID_MESSAGE` when it is larger than any message can be. */
  read(place: MessagePlace): Promise<Buffer | undefined>;
  /** False when there was none. */
  remove(place: MessagePlace): Promise<boolean>;
}

/** Longest wait for one answer, in milliseconds. */
const CALL_TIMEOUT = 10_000;
/** Largest message that is read, in bytes: one dead letter may hold several events of 1 MB. */
const MAX_SIZE = 16 * 1024 * 1024;

/** `open` is called at the first use of a container; what it throws is passed on. The others are `STORAGE_UNAVAILABLE`, if nothing else is said. */
export function createPoisonStore(open: (kind: MessageKind) => Promise<ContainerClient>): PoisonStore {
  const opened = new Map<MessageKind, ContainerClient>();

  async function containerOf(kind: MessageKind): Promise<ContainerClient> {
    const container = opened.get(kind) ?? (await open(kind));
    opened.set(kind, container);
    return container;
  }

  return {
    async save(queue, id, body) {
      const name = `${queue}/${id}`;
      const container = await containerOf('poison');
      const blob = container.getBlockBlobClient(name);
      try {
        await container.createIfNotExists({ abortSignal: AbortSignal.timeout(CALL_TIMEOUT) });
      } catch (error) {
        throw unavailable(container, error);
      }
      try {
        await blob.upload(body, Buffer.byteLength(body), {
          abortSignal: AbortSignal.timeout(CALL_TIMEOUT),
          blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
        });
      } catch (error) {
        throw storageError(nameOf(container), error);
      }
      return name;
    },
    async *list(kind) {
      const container = await containerOf(kind);
      try {
        for await (const { name, properties } of container.listBlobsFlat()) {
          const { contentLength: size = 0, lastModified } = properties;
          yield { kind, name, id: formatMessageId({ kind, name }), size, keptAt: lastModified.toISOString() };
        }
      } catch (error) {
        if (!isMissing(error)) throw unavailable(container, error);
      }
    },
    async read({ kind, name }) {
      const container = await containerOf(kind);
      const blob = container.getBlobClient(name);
      try {
        const abortSignal = AbortSignal.timeout(CALL_TIMEOUT);
        const { contentLength: size = 0 } = await blob.getProperties({ abortSignal });
        if (size <= MAX_SIZE)
          return size === 0 ? Buffer.alloc(0) : await blob.downloadToBuffer(0, size, { abortSignal });
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw unavailable(container, error);
      }
      throw new DockwardenError('INPUT_INVALID_MESSAGE', `a message of more than ${MAX_SIZE} bytes is not read`);
    },
    async remove({ kind, name }) {
      const container = await containerOf(kind);
      try {
        const abortSignal = AbortSignal.timeout(CALL_TIMEOUT);
        const { succeeded } = await container.getBlobClient(name).deleteIfExists({ abortSignal });
        return succeeded;
      } catch (error) {
        if (isMissing(error)) return false;
        throw unavailable(container, error);
      }
    },
  };
}

/** The blob is not there, or its container. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 404;
}

function unavailable(container: ContainerClient, cause: unknown): DockwardenError {
  return new DockwardenError('STORAGE_UNAVAILABLE', `${nameOf(container)} cannot be used`, { cause });
}

function nameOf({ containerName }: ContainerClient): string {
  return `blob container ${containerName}`;
}
