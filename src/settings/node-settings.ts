import { keepOrigins, parseDuration, parseOrigins } from './formats.ts';
import type { ReadSetting } from './read-setting.ts';
import { defineSetting } from './setting.ts';

/** How nodes of clusters are looked at. */
export interface NodeSettings {
  /** Query endpoints of Azure Monitor workspaces, `https://host[:port]`; none = no metrics are asked for. */
  readonly metricsEndpoints: readonly string[];
  /** Shortest time between two inspections of the same cluster, in milliseconds; 0 = every look is one. */
  readonly inspectionIntervalMs: number;
  /** Where nodes may be read by running a command in the cluster. */
  readonly runCommand: 'off' | 'private-clusters';
}

const DAY = 86_400_000;

/** The settings of the inspection of nodes. */
export const nodeSettings = {
  metricsEndpoints: defineSetting<NodeSettings['metricsEndpoints']>({
    name: 'AKS_METRICS_ENDPOINTS',
    description:
      "Query endpoints of the Azure Monitor workspaces (managed Prometheus) that scrape kured, where clusters have one: the best source for pending reboots. They get a token of Dockwarden's identity.",
    format: 'https://host, optionally with a port, without a path; several separated by commas',
    default: [],
    examples: [
      'https://fleet-a1b2.westeurope.prometheus.monitor.azure.com',
      'https://fleet-a1b2.westeurope.prometheus.monitor.azure.com,https://other-c3d4.northeurope.prometheus.monitor.azure.com',
    ],
    parse: parseOrigins,
    salvage: keepOrigins,
    consequence: 'only the valid endpoints of the list are asked',
  }),
  inspectionInterval: defineSetting<number>({
    name: 'AKS_NODE_INSPECTION_INTERVAL',
    description:
      'Shortest time between two inspections of the nodes of the same cluster, however many events come in; 0m means at every look.',
    format: 'minutes, hours or days, for example 10m or 2h; at most 24h',
    default: 600_000,
    examples: ['10m', '1h'],
    parse: (text) => parseDuration(text, 0, DAY),
    consequence: 'the default of 10 minutes holds',
  }),
  runCommand: defineSetting<NodeSettings['runCommand']>({
    name: 'AKS_RUN_COMMAND',
    description:
      'May Dockwarden read the nodes of a private cluster that it cannot reach by having Azure run a constant command in it? It starts a pod there, at most twice a day, and needs a role of its own.',
    format: 'off or private-clusters',
    default: 'off',
    examples: ['off', 'private-clusters'],
    parse: (text) => (text === 'off' || text === 'private-clusters' ? text : undefined),
    consequence: 'no command is run in any cluster',
  }),
};

/** Reads the settings of the inspection of nodes. */
export function readNodes(read: ReadSetting): NodeSettings {
  return {
    metricsEndpoints: read(nodeSettings.metricsEndpoints).value,
    inspectionIntervalMs: read(nodeSettings.inspectionInterval).value,
    runCommand: read(nodeSettings.runCommand).value,
  };
}
