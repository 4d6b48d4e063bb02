import type { AuditRecord } from '../../src/audit/audit-log.ts';
import type { AppSettings } from '../app-settings.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { LocalEnvironment } from '../environment.ts';
import type { Check } from './checks.ts';
import type { Expectation } from './expectation.ts';

/** Something that happens in the sample, and what must come of it. */
export interface Scenario {
  /** What it shows, for `--help`. */
  readonly summary: string;
  /** What the environment has to be started with, besides that all remediations act. */
  readonly settings?: AppSettings | ((simulator: AzureSimulator) => AppSettings);
  /** Lets it happen and says so step by step; resolves to what must hold then. Rejects when the stage does. */
  play(stage: Stage): Promise<readonly Check[]>;
}

/** Where a scenario is played. */
export interface Stage {
  readonly environment: LocalEnvironment;
  /** What the audit says so far, in the order in which it was written; grows. */
  readonly rows: readonly AuditRecord[];
  /** Waits until the audit has said all of it, and returns it as checks. Rejects with what is missing when that takes too long. */
  readonly waitFor: (expectations: readonly Expectation[]) => Promise<readonly Check[]>;
  /** Waits until something is so; `what` names it when that takes too long. */
  readonly waitUntil: (isSo: () => boolean | Promise<boolean>, what: string) => Promise<void>;
}
