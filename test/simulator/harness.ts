import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { ContainerServiceClient } from '@azure/arm-containerservice';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import { getClient } from '@azure-rest/core-client';
import { inject } from 'vitest';
import type { IdentityDefinition } from '../../local/azure/identities.ts';
import {
  createSampleIdentities,
  createSampleSubscription,
  SAMPLE_SUBSCRIPTION_ID,
} from '../../local/azure/sample-subscription.ts';
import { type AzureSimulator, type AzureSimulatorOptions, startAzureSimulator } from '../../local/azure/simulator.ts';
import { ALL_ACTIONS } from '../support/product-role.ts';

export interface Harness {
  readonly simulator: AzureSimulator;
  /** What clients must trust, PEM. */
  readonly ca: string;
  /** The real SDK clients as an identity (default operator), without retries so that a refusal is seen at once. */
  registries(name?: string): ContainerRegistryManagementClient['registries'];
  clusters(name?: string): ContainerServiceClient;
  graph(name?: string): ResourceGraphClient;
  raw(name?: string): ReturnType<typeof getClient>;
  /** A request without any SDK, to ARM or to another address; `authorization` null = none. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  stop(): Promise<void>;
}

interface SendOptions {
  readonly as?: string;
  /** What the token is for; default ARM. */
  readonly audience?: string;
  /** What is trusted; default the run's authority. */
  readonly ca?: string;
  readonly authorization?: string | null;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly code: string | undefined;
}

/** A clock that stands still until moved. */
export class FixedClock {
  #now: number;

  constructor(start = '2026-11-23T10:00:00Z') {
    this.#now = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#now);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** Starts a simulator with the sample subscription. */
export async function startHarness(
  options: Partial<AzureSimulatorOptions> & { identities?: IdentityDefinition[] } = {},
): Promise<Harness> {
  const { caFile, certFile, keyFile } = inject('certificates');
  const [ca, cert, key] = [caFile, certFile, keyFile].map((file) => readFileSync(file, 'utf8'));
  if (!ca || !cert || !key) throw new Error('the run has no certificates');
  const simulator = await startAzureSimulator({
    certificates: { ca, cert, key },
    seed: createSampleSubscription(),
    identities: createSampleIdentities(ALL_ACTIONS),
    ...options,
  });
  const { armEndpoint: endpoint } = simulator;
  const tlsOptions = { ca };
  const credentials = { scopes: ['https://management.azure.com/.default'] };
  const clientOptions = { endpoint, tlsOptions, credentials, retryOptions: { maxRetries: 0 } };

  async function send(method: string, path: string, sendOptions: SendOptions = {}): Promise<Answer> {
    const { as = 'operator', audience, authorization, body, headers = {} } = sendOptions;
    const bearer = authorization === undefined ? `Bearer ${simulator.issueToken(as, audience).token}` : authorization;
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        new URL(path, endpoint),
        {
          method,
          ca: sendOptions.ca ?? ca,
          headers: {
            ...(bearer === null ? {} : { authorization: bearer }),
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const received = Buffer.concat(chunks).toString();
            const parsed = parse(received);
            const error = isRecord(parsed['error']) ? parsed['error'] : parsed;
            const code = typeof error['code'] === 'string' ? error['code'] : undefined;
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: received,
              body: parsed,
              code,
            });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }

  return {
    simulator,
    ca,
    send,
    registries: (name = 'operator') =>
      new ContainerRegistryManagementClient(simulator.credential(name), SAMPLE_SUBSCRIPTION_ID, clientOptions)
        .registries,
    clusters: (name = 'operator') =>
      new ContainerServiceClient(simulator.credential(name), SAMPLE_SUBSCRIPTION_ID, {
        ...clientOptions,
        apiVersion: '2026-04-01',
      }),
    graph: (name = 'operator') => new ResourceGraphClient(simulator.credential(name), clientOptions),
    raw: (name = 'operator') => getClient(endpoint, simulator.credential(name), clientOptions),
    stop: async () => await simulator.stop(),
  };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : { value };
  } catch {
    return {};
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
