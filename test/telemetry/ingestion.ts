import { inject } from 'vitest';
import { type ScriptedServer, startScriptedServer } from '../tickets/scripted-server.ts';
import type { SeenRequest } from '../tickets/ticket-rig.ts';

/** One value as Application Insights gets it. */
export interface ReceivedMetric {
  readonly name: string;
  readonly value: number;
  /** Of a histogram: how many values the sum is made of. */
  readonly count: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly role: string;
  readonly instrumentationKey: string;
}

interface Envelope {
  readonly iKey: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: {
    readonly baseData: {
      readonly properties: Readonly<Record<string, string>>;
      readonly metrics: readonly { readonly name: string; readonly value: number; readonly count: number }[];
    };
  };
}

/** An ingestion endpoint of Application Insights on loopback, which takes whatever comes. */
export interface Ingestion extends ScriptedServer {
  readonly connectionString: string;
  /** Everything that was received, in order. */
  metrics(): readonly ReceivedMetric[];
}

export const INSTRUMENTATION_KEY = '11111111-2222-3333-4444-555555555555';

export async function startIngestion(): Promise<Ingestion> {
  const server = await startScriptedServer(
    ({ path, body }) =>
      path.startsWith('/v2.1/track')
        ? {
            status: 200,
            body: { itemsReceived: readEnvelopes(body).length, itemsAccepted: readEnvelopes(body).length, errors: [] },
          }
        : { status: 404 },
    inject('certificates'),
  );
  return {
    ...server,
    connectionString: `InstrumentationKey=${INSTRUMENTATION_KEY};IngestionEndpoint=${server.url}/`,
    metrics: () => server.requests.flatMap(readMetrics),
  };
}

function readMetrics({ body }: SeenRequest): readonly ReceivedMetric[] {
  return readEnvelopes(body).flatMap(({ iKey, tags, data }) =>
    data.baseData.metrics.map(({ name, value, count }) => ({
      name,
      value,
      count,
      properties: data.baseData.properties,
      role: tags['ai.cloud.role'] ?? '',
      instrumentationKey: iKey,
    })),
  );
}

function readEnvelopes(body: string): readonly Envelope[] {
  return JSON.parse(body);
}
