import type { Check, DoctorContext, DoctorFinding, FindingSeverity } from './check.ts';
import { attempt } from './not-checked.ts';

/** What one run of the doctor found; printed as it is with `--format json`, so its shape is documented and stays. */
export interface DoctorReport {
  /** What was looked at: the resource id of the app, or the subscription before it is deployed. */
  readonly subject: string;
  /** ISO 8601, in UTC. */
  readonly checkedAt: string;
  /** Ids of the checks that ran. */
  readonly checks: readonly string[];
  readonly summary: Readonly<Record<FindingSeverity, number>>;
  /** Errors first, each severity in the order of the checks. */
  readonly findings: readonly DoctorFinding[];
}

const SEVERITIES: readonly FindingSeverity[] = ['error', 'warning', 'info'];

/**
 * Runs the checks one after the other; `tell` hears of each before it starts. A check that cannot be made is a finding, and keeps no other from
 * running. Throws only for defects of ours.
 */
export async function runChecks<C extends DoctorContext>(
  checks: readonly Check<C>[],
  context: C,
  subject: string,
  tell: (text: string) => void,
): Promise<DoctorReport> {
  const found: DoctorFinding[] = [];
  const checkedAt = context.now().toISOString();
  for (const [index, check] of checks.entries()) {
    tell(`${index + 1}/${checks.length} ${check.title}`);
    found.push(...(await attempt(check.id, async () => await check.run(context))).map(inOrder));
  }
  const bySeverity = SEVERITIES.map((severity) => found.filter((finding) => finding.severity === severity));
  const [errors = [], warnings = [], infos = []] = bySeverity;
  return {
    subject,
    checkedAt,
    checks: checks.map(({ id }) => id),
    summary: { error: errors.length, warning: warnings.length, info: infos.length },
    findings: bySeverity.flat(),
  };
}

/** The same with its members in the order in which they are documented, which is how they are printed. */
function inOrder({ severity, code, subject, message, command }: DoctorFinding): DoctorFinding {
  const finding = { code, subject, message, ...(command !== undefined && { command }) };
  // Only the severity tells whether there has to be a command.
  return severity === 'info' ? { severity, ...finding } : { severity, ...finding, command: command ?? '' };
}

/** Does anything have to be done? */
export function isHealthy({ summary }: DoctorReport): boolean {
  return summary.error === 0 && summary.warning === 0;
}
