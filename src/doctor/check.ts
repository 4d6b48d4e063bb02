import type { ArmAccess } from '../azure/arm-access.ts';

/**
 * `error`: something does not work, or is less safe than it should be · `warning`: something is probably not as intended ·
 * `info`: good to know.
 */
export type FindingSeverity = 'error' | 'warning' | 'info';

/** The code of a check that could not be made: every check may report it. */
export const NOT_CHECKED = 'not-checked';

interface FindingBase<Code extends string> {
  /** Stable: scripts may go by it. `docs/doctor.md` explains each. */
  readonly code: Code | typeof NOT_CHECKED;
  /** What it is about: a resource id, the name of a setting, a queue. */
  readonly subject: string;
  /** One or two sentences for people. Never holds a secret. */
  readonly message: string;
}

/** One thing that the doctor found. */
export type DoctorFinding<Code extends string = string> =
  | (FindingBase<Code> & {
      readonly severity: 'error' | 'warning';
      /** What mends it: lines for a POSIX shell, exactly as they are to be typed. What comes from Azure goes through `shellQuote`. */
      readonly command: string;
    })
  | (FindingBase<Code> & { readonly severity: 'info'; readonly command?: string });

/** What every check works with. */
export interface DoctorContext {
  /** Azure Resource Manager, as whoever runs the doctor. */
  readonly arm: ArmAccess;
  readonly now: () => Date;
}

/**
 * One check. It throws what keeps it from being made as a whole (`run-checks.ts` makes a finding of that), and reports with `notChecked` what
 * keeps it from looking at one thing of several. Nothing is ever fine because it could not be read.
 */
export interface Check<C extends DoctorContext = DoctorContext, Code extends string = string> {
  readonly id: string;
  /** What is being looked at, for the line of progress: "roles of the app's identity". */
  readonly title: string;
  /** Every code that it can report, besides `not-checked`. */
  readonly codes: readonly Code[];
  run(context: C): Promise<readonly DoctorFinding<Code>[]>;
}

/** Returns its argument; infers the codes, so that no finding has one that is not listed. */
export function defineCheck<C extends DoctorContext, const Code extends string>(check: Check<C, Code>): Check<C, Code> {
  return check;
}
