import { shellQuote } from '../../remediations/advice.ts';
import type { StorageProbe } from '../../storage/storage-probe.ts';
import { appQueues } from '../../work/queue-depths.ts';
import { type DoctorFinding, defineCheck } from '../check.ts';
import type { DeployedContext } from '../deployed.ts';
import { attempt } from '../not-checked.ts';
import type { StorageAccount } from '../storage-account.ts';

const codes = [
  'queue-missing',
  'queue-stuck',
  'queue-backlog',
  'poison-queue',
  'dead-letters',
  'kept-messages',
  'container-missing',
] as const;
type Code = (typeof codes)[number];

/** Containers of messages that nobody could handle, and why they are there. */
const CONTAINERS = [
  {
    name: 'dead-letter',
    code: 'dead-letters',
    why: 'events that Event Grid could not deliver',
    // Event Grid accepts no subscription whose identity may not write there.
    isNeeded: true,
  },
  { name: 'poison', code: 'kept-messages', why: 'messages that every try to handle has failed for', isNeeded: false },
] as const;

/** Longest time that a message may stand at the head of a queue, in milliseconds. */
const LONGEST_WAIT = 15 * 60_000;
/** Most messages of a queue, those that wait for their time included, that need no remark. */
const MANY = 10_000;
/** Where counting blobs ends. */
const MOST_BLOBS = 1000;

/** How full the queues are, and what has been given up. */
export const queuesCheck = defineCheck<DeployedContext, Code>({
  id: 'queues',
  title: 'queues, poison queues and dead letters',
  codes,
  async run(context) {
    const storage = await context.readStorage();
    // For commands only: what is found is true without it, too.
    const account = await context.readStorageAccount().catch(() => undefined);
    const findings: DoctorFinding<Code>[] = [];
    const reading = (role: string) => (account === undefined ? undefined : { role, scope: account.id });
    const read = reading('Storage Queue Data Reader');
    for (const queue of appQueues) {
      findings.push(
        ...(await attempt(`queue ${queue}`, async () => await judgeQueue(storage, queue, context, account), read)),
      );
      findings.push(
        ...(await attempt(`queue ${queue}-poison`, async () => await judgePoison(storage, queue, account), read)),
      );
    }
    for (const container of CONTAINERS) {
      const look = async () => await judgeContainer(storage, container, account);
      findings.push(...(await attempt(`container ${container.name}`, look, reading('Storage Blob Data Reader'))));
    }
    return findings;
  },
});

async function judgeQueue(
  storage: StorageProbe,
  queue: string,
  { now }: DeployedContext,
  account: StorageAccount | undefined,
): Promise<readonly DoctorFinding<Code>[]> {
  const state = await storage.readQueue(queue);
  const subject = `queue ${queue}`;
  if (state === undefined) {
    return [
      {
        severity: 'error',
        code: 'queue-missing',
        subject,
        message: 'The queue is not there: what is to be put into it gets lost or waits.',
        command: `az storage queue create --auth-mode login ${accountOption(account)} --name ${shellQuote(queue)}`,
      },
    ];
  }
  const waited = state.oldestSentAt === undefined ? 0 : now().getTime() - state.oldestSentAt.getTime();
  const watch = `dockwarden doctor`;
  if (waited > LONGEST_WAIT) {
    return [
      {
        severity: 'error',
        code: 'queue-stuck',
        subject,
        message: `Its first message was sent ${Math.round(waited / 60_000)} minutes ago (${state.messages} messages in all): nothing takes them in, or not fast enough.`,
        command: `az monitor app-insights query --app "\${APP_INSIGHTS_ID:?set it to the resource id of the Application Insights}" --analytics-query ${shellQuote('exceptions | order by timestamp desc | take 20')}`,
      },
    ];
  }
  if (state.messages <= MANY) return [];
  return [
    {
      severity: 'warning',
      code: 'queue-backlog',
      subject,
      message: `It holds about ${state.messages} messages, though the first is not old: a wave of events, or many planned looks.`,
      command: watch,
    },
  ];
}

async function judgePoison(
  storage: StorageProbe,
  queue: string,
  account: StorageAccount | undefined,
): Promise<readonly DoctorFinding<Code>[]> {
  const name = `${queue}-poison`;
  // It may not be there before it is needed.
  const { messages = 0 } = (await storage.readQueue(name)) ?? {};
  if (messages === 0) return [];
  return [
    {
      severity: 'error',
      code: 'poison-queue',
      subject: `queue ${name}`,
      message: `It holds ${messages} messages: the function that keeps them as blobs does not run or fails.`,
      command: `az storage message peek --auth-mode login ${accountOption(account)} --queue-name ${shellQuote(name)} --num-messages 32`,
    },
  ];
}

async function judgeContainer(
  storage: StorageProbe,
  { name, code, why, isNeeded }: (typeof CONTAINERS)[number],
  account: StorageAccount | undefined,
): Promise<readonly DoctorFinding<Code>[]> {
  const count = await storage.countBlobs(name, MOST_BLOBS);
  const subject = `container ${name}`;
  if (count === undefined) {
    if (!isNeeded) return [];
    return [
      {
        severity: 'error',
        code: 'container-missing',
        subject,
        message: 'The container is not there: events that cannot be delivered get lost.',
        command: `az storage container create --auth-mode login ${accountOption(account)} --name ${shellQuote(name)}`,
      },
    ];
  }
  if (count === 0) return [];
  return [
    {
      severity: 'warning',
      code,
      subject,
      message: `It holds ${count === MOST_BLOBS ? `${count} or more` : count} ${why}. Look at them, then replay or drop each.`,
      command: `dockwarden messages list --kind ${shellQuote(name)} ${storageOption(account)}`.trimEnd(),
    },
  ];
}

function accountOption(account: StorageAccount | undefined): string {
  return account === undefined
    ? '--account-name "${ACCOUNT:?set it to the storage account of the app}"'
    : `--account-name ${shellQuote(account.name)}`;
}

function storageOption(account: StorageAccount | undefined): string {
  return account === undefined ? '' : `--storage-account ${shellQuote(account.name)}`;
}
