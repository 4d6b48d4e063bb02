import { Cron } from 'croner';
import * as z from 'zod';
import { shellQuote } from '../../remediations/advice.ts';
import { lenient } from '../../resources/lenient.ts';
import { appOptions } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { attempt } from '../not-checked.ts';

type Code = 'sweep-never' | 'sweep-overdue' | 'sweep-incomplete';

const SweepRow = z.object({ finishedAt: z.iso.datetime(), complete: lenient(z.boolean()) });

/** How long a sweep may take, in milliseconds, before the one after next counts as missed. */
const SLACK = 15 * 60_000;

/** The last sweep: there was one, lately, and it saw everything. */
export const sweepCheck = defineCheck<DeployedContext, Code>({
  id: 'sweep',
  title: 'the last sweep',
  codes: ['sweep-never', 'sweep-overdue', 'sweep-incomplete'],
  async run(context) {
    const { sweepSchedule } = await context.readSettings();
    const account = await context.readStorageAccount().catch(() => undefined);
    const role = account && { role: 'Storage Table Data Reader', scope: account.id };
    return await attempt('sweep', async () => await judge(context, sweepSchedule), role);
  },
});

async function judge(context: DeployedContext, schedule: string | undefined): Promise<readonly DoctorFinding<Code>[]> {
  const { app, now } = context;
  const storage = await context.readStorage();
  const row = SweepRow.safeParse(await storage.readRow('guards', 'sweep', 'last')).data;
  const start = `az rest --method post --url ${shellQuote(`https://management.azure.com${app.id}/hostruntime/admin/functions/sweep?api-version=2024-04-01`)} --body ${shellQuote('{"input":""}')}`;
  if (row === undefined) {
    return [
      {
        severity: 'warning',
        code: 'sweep-never',
        subject: 'sweep',
        message: `There has been no sweep yet. The next is due ${nextRun(schedule, now())?.toISOString() ?? 'never: SWEEP_SCHEDULE is not set'}.`,
        command: start,
      },
    ];
  }
  const finishedAt = new Date(row.finishedAt);
  const next = nextRun(schedule, finishedAt);
  const afterNext = next && nextRun(schedule, next);
  if (afterNext !== undefined && now().getTime() > afterNext.getTime() + SLACK) {
    return [
      {
        severity: 'error',
        code: 'sweep-overdue',
        subject: 'sweep',
        message: `The last sweep ended at ${finishedAt.toISOString()}, and two have been due since (SWEEP_SCHEDULE): what no event tells of is not found.`,
        command: `az functionapp restart ${appOptions(app)}`,
      },
    ];
  }
  if (row.complete !== false) return [];
  return [
    {
      severity: 'warning',
      code: 'sweep-incomplete',
      subject: 'sweep',
      message: `The sweep that ended at ${finishedAt.toISOString()} could not read everything: nothing was concluded from what it did not see.`,
      command: `az monitor app-insights query --app "\${APP_INSIGHTS_ID:?set it to the resource id of the Application Insights}" --analytics-query ${shellQuote("traces | where operation_Name == 'sweep' and severityLevel >= 2 | order by timestamp desc | take 20")}`,
    },
  ];
}

/** The first moment after `from` that the schedule names, in UTC; NCRONTAB has the seconds first, and may leave them out. */
function nextRun(schedule: string | undefined, from: Date): Date | undefined {
  if (schedule === undefined) return undefined;
  try {
    return new Cron(schedule, { timezone: 'UTC' }).nextRun(from) ?? undefined;
  } catch {
    return undefined;
  }
}
