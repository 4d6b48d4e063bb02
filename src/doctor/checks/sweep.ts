import { SWEEP_KEY, SweepRecord } from '../../guards/sweep-record.ts';
import { findSweepProblems } from '../../health/find-sweep-problems.ts';
import type { HealthCode } from '../../health/reasons.ts';
import { shellQuote } from '../../remediations/advice.ts';
import { SCHEMA_KEY, SchemaRow } from '../../storage/schema-row.ts';
import { type AppId, appOptions, askForSetting } from '../app-id.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { attempt } from '../not-checked.ts';

const codes = ['sweep-never', 'sweep-not-scheduled', 'sweep-overdue', 'sweep-incomplete'] as const;
type Code = (typeof codes)[number];

/** The last sweep: there was one, lately, and it saw everything. Judged as the health of the app is. */
export const sweepCheck = defineCheck<DeployedContext, Code>({
  id: 'sweep',
  title: 'the last sweep',
  codes,
  async run(context) {
    const { sweepSchedule: schedule } = await context.readSettings();
    const account = await context.readStorageAccount().catch(() => undefined);
    const role = account && { role: 'Storage Table Data Reader', scope: account.id };
    return await attempt('sweep', async () => await judge(context, schedule), role);
  },
});

async function judge(context: DeployedContext, schedule: string | undefined): Promise<readonly DoctorFinding<Code>[]> {
  const { app, now } = context;
  const storage = await context.readStorage();
  const last = SweepRecord.safeParse(await storage.readRow('guards', SWEEP_KEY.partitionKey, SWEEP_KEY.rowKey)).data;
  const schema = SchemaRow.safeParse(await storage.readRow('guards', SCHEMA_KEY.partitionKey, SCHEMA_KEY.rowKey)).data;
  const problems = findSweepProblems({ schedule, last, createdAt: schema?.createdAt }, now());
  const findings = problems.map(({ code, message }) => describe(code, message, app));
  if (last !== undefined || findings.length > 0) return findings;
  return [
    {
      severity: 'warning',
      code: 'sweep-never',
      subject: 'sweep',
      message: 'There has been no sweep yet: what was wrong before the first event is not known.',
      command: `az rest --method post --url ${shellQuote(`${app.id}/hostruntime/admin/functions/sweep?api-version=2024-04-01`)} --body ${shellQuote('{"input":""}')}`,
    },
  ];
}

function describe(code: HealthCode, message: string, app: AppId): DoctorFinding<Code> {
  const finding = { subject: 'sweep', message };
  if (code === 'sweep-overdue') {
    return { ...finding, severity: 'error', code, command: `az functionapp restart ${appOptions(app)}` };
  }
  if (code === 'sweep-incomplete') {
    const query = "traces | where operation_Name == 'sweep' and severityLevel >= 2 | order by timestamp desc | take 20";
    const insights = '"${APP_INSIGHTS_ID:?set it to the resource id of the Application Insights}"';
    const command = `az monitor app-insights query --app ${insights} --analytics-query ${shellQuote(query)}`;
    return { ...finding, severity: 'warning', code, command };
  }
  const command = askForSetting(app, 'SWEEP_SCHEDULE', 'for example 0 0 */6 * * *');
  return { ...finding, severity: 'error', code: 'sweep-not-scheduled', command };
}
