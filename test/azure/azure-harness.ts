import { createSampleIdentities } from '../../local/azure/sample-subscription.ts';
import type { AzureSimulatorOptions } from '../../local/azure/simulator.ts';
import { deriveRoles, effectivePermissions } from '../../scripts/generated/roles.ts';
import { classifyAzureError } from '../../src/azure/azure-error.ts';
import { type AzureClients, createAzureClients } from '../../src/azure/clients.ts';
import { nodeHealthReads } from '../../src/azure/node-health-reads.ts';
import type { CallContext, Operation } from '../../src/azure/operation.ts';
import { engineReads } from '../../src/azure/resources.ts';
import { runNodeCommand } from '../../src/azure/run-command.ts';
import type { DockwardenError } from '../../src/errors.ts';
import { remediations } from '../../src/remediations/catalogue.ts';
import { type Harness, startHarness } from '../simulator/harness.ts';

/** The product's clients against a simulated Azure of their own. */
export interface AzureHarness extends Harness {
  readonly clients: AzureClients;
  /** Request ids that operations have noted. */
  readonly requestIds: readonly string[];
  /** What an operation is called with; deadlines far away unless given. */
  context(deadlines?: Partial<Pick<CallContext, 'signal' | 'operationSignal'>>): CallContext;
  /** The RBAC actions that the simulated Azure has checked for the product. */
  checkedActions(): readonly string[];
}

/** Everything that the loop itself may call, opted in or not. */
export const LOOP_READS = [...new Set([...engineReads, ...nodeHealthReads, runNodeCommand])];
/** What all declared operations need together, asked for by a policy or not. */
const DECLARED = effectivePermissions(deriveRoles(engineReads, remediations), {
  modeOf: () => 'enforce',
  optional: ['nodes', 'metrics', 'runCommand', 'passwordVault'],
});

/** Starts it; `actions` and `dataActions` = all that the product's role holds (default: what its operations declare). */
export async function startAzure(
  options: Omit<Partial<AzureSimulatorOptions>, 'identities'> & {
    readonly actions?: readonly string[];
    readonly dataActions?: readonly string[];
  } = {},
): Promise<AzureHarness> {
  const { actions = DECLARED.actions, dataActions = DECLARED.dataActions, ...rest } = options;
  const harness = await startHarness({ identities: createSampleIdentities(actions, dataActions), ...rest });
  const { simulator, ca } = harness;
  const clients = createAzureClients({
    credential: simulator.credential('dockwarden'),
    endpoint: simulator.armEndpoint,
    scope: 'https://management.azure.com/.default',
    vaults: { dnsSuffix: 'localhost', scope: 'https://vault.azure.net/.default' },
    ca,
  });
  const requestIds: string[] = [];
  const never = new AbortController().signal;
  return {
    ...harness,
    clients,
    requestIds,
    context: (deadlines = {}) => ({
      clients,
      signal: never,
      operationSignal: never,
      noteRequestId: (requestId) => requestIds.push(requestId),
      ...deadlines,
    }),
    checkedActions: () =>
      simulator.requests.flatMap(({ caller, action }) =>
        caller === 'dockwarden' && action !== undefined ? [action] : [],
      ),
  };
}

/** The error that a call ends with, as the engine would see it. */
export async function failureOf(
  operation: Pick<Operation, 'effect'>,
  call: Promise<unknown>,
): Promise<DockwardenError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return classifyAzureError(error, operation.effect, new Date());
  }
}
