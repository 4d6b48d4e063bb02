import type { NodeTaint } from './kubernetes-seed.ts';

/** One node as the simulator keeps it. Never changed in place, only replaced. */
export interface NodeState {
  readonly name: string;
  readonly pool: string;
  /** Instance number within the pool. */
  readonly index: number;
  readonly isWindows: boolean;
  readonly uid: string;
  readonly bootId: string;
  readonly kernel: string;
  /** What the next boot starts. */
  readonly nextKernel: string;
  readonly imageVersion: string;
  readonly createdAt: Date;
  readonly readySince: Date;
  readonly rebootRequiredSince: Date | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Changes to the labels that AKS sets; null = removed. */
  readonly labels: Readonly<Record<string, string | null>>;
  readonly taints: readonly NodeTaint[];
  readonly resourceVersion: number;
}

/** Kernel of a new Linux node, and what Windows tells in its place. */
export const FIRST_KERNEL = { linux: '5.15.0-1089-azure', windows: '10.0.20348.3932' } as const;

/** A copy without the members whose new value is null, and with the others. */
export function mergeTexts(
  before: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> {
  const merged = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(change)) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
}
