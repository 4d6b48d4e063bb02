import { DockwardenError } from '../../errors.ts';
import { doctorVersions } from '../api-versions.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { attempt } from '../not-checked.ts';

type Code = 'clock-skew';

/** Difference of clocks in milliseconds that nothing suffers from: the header has seconds only, and an answer takes its time. */
const TOLERATED = 30_000;
/** From here on tokens of Microsoft Entra ID are refused. */
const BREAKING = 300_000;

/** The clock of this machine against those of Azure Resource Manager and of the storage account. */
export const clockCheck = defineCheck<DeployedContext, Code>({
  id: 'clock',
  title: 'clocks: this machine, Azure Resource Manager, storage',
  codes: ['clock-skew'],
  async run(context) {
    const { arm, app, now } = context;
    const clocks = [
      {
        subject: 'Azure Resource Manager',
        ask: async () => await arm.askTime(`/subscriptions/${app.subscriptionId}`, doctorVersions.subscriptions),
      },
      { subject: 'storage account', ask: async () => await (await context.readStorage()).askTime() },
    ];
    const findings: DoctorFinding<Code>[] = [];
    for (const { subject, ask } of clocks) {
      findings.push(
        ...(await attempt<Code>(subject, async () => {
          const time = await ask();
          if (time === undefined) throw new DockwardenError('AZURE_TRANSIENT', 'the answer does not tell the time');
          // The header has whole seconds, and an answer takes its time: both are far below what is tolerated.
          return judge(subject, time.getTime() - now().getTime());
        })),
      );
    }
    return findings;
  },
});

function judge(subject: string, difference: number): DoctorFinding<Code>[] {
  if (Math.abs(difference) <= TOLERATED) return [];
  const seconds = Math.round(Math.abs(difference) / 1000);
  return [
    {
      severity: Math.abs(difference) > BREAKING ? 'error' : 'warning',
      code: 'clock-skew',
      subject,
      message: `The clock of this machine is ${seconds} seconds ${difference > 0 ? 'behind' : 'ahead of'} that of ${subject}. What this command says of ages is wrong by as much, and from 5 minutes on tokens are refused.`,
      command: 'sudo timedatectl set-ntp true',
    },
  ];
}
