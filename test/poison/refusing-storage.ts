import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { inject } from 'vitest';
import { listen, type Stop } from '../../local/azure/listen.ts';

/** Answers of a blob endpoint: to what creates a container, and to what stores a blob. */
export interface BlobAnswers {
  readonly container: number;
  readonly blob: number;
}

export interface RefusingStorage {
  /** As the settings name a blob endpoint. */
  readonly endpoint: string;
  /** Paths of the blobs that somebody tried to store. */
  readonly uploads: string[];
  readonly stop: Stop;
}

/** A blob endpoint that stores nothing. */
export async function startRefusingStorage({ blob, container }: BlobAnswers): Promise<RefusingStorage> {
  const { certFile, keyFile } = inject('certificates');
  const uploads: string[] = [];
  const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://localhost');
    const isBlob = searchParams.get('restype') !== 'container';
    if (isBlob) uploads.push(pathname);
    request.resume().on('end', () => {
      response.writeHead(isBlob ? blob : container, { 'x-ms-error-code': 'Refused', etag: '"1"' }).end();
    });
  });
  const stop = await listen(server, 0, '127.0.0.1');
  return { endpoint: `https://localhost:${stop.port}/account`, uploads, stop };
}
