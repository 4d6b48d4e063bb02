import type { AuditRecord } from '../../src/audit/audit-log.ts';
import type { AppSettings } from '../app-settings.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { LocalEnvironment } from '../environment.ts';
import type { Check } from './checks.ts';
import type { Waits } from './waits.ts';

/** Something that happens in the sample, and what must come of it. */
export interface Scenario {
  /** What it shows, for `--help`. */
  readonly summary: string;
  /** What the environment has to be started with, besides that all remediations act. */
  readonly settings?: AppSettings | ((simulator: AzureSimulator) => AppSettings);
  /** Lets it happen and says so step by step; resolves to what must hold in the end, besides what was waited for. */
  play(stage: Stage): Promise<readonly Check[]>;
}

/** Where a scenario is played. */
export interface Stage extends Pick<Waits, 'waitFor' | 'waitUntil'> {
  readonly environment: LocalEnvironment;
  /** What the audit says so far, in the order in which it was written; grows. */
  readonly rows: readonly AuditRecord[];
}
