import type { AuditRecord } from '../../src/audit/audit-log.ts';
import type { Json } from '../azure/json.ts';
import { PASSWORD_CANARY } from '../azure/providers/container-registry.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { LocalEnvironment } from '../environment.ts';

/** One thing that must hold in the end. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
}

/** What must hold after every scenario. */
export async function checkPromises(environment: LocalEnvironment, rows: readonly AuditRecord[]): Promise<Check[]> {
  return [
    ...checkRuns(rows),
    ...checkCalls(environment.simulator),
    checkPasswords(environment, rows),
    { what: 'the app is healthy', holds: await isHealthy(environment) },
  ];
}

function checkRuns(rows: readonly AuditRecord[]): Check[] {
  const runsOf = (stage: AuditRecord['stage']): readonly string[] =>
    rows
      .filter((row) => row.stage === stage)
      .map(({ remediationRunId }) => remediationRunId ?? '')
      .toSorted((one, other) => one.localeCompare(other));
  const outcomes = runsOf('outcome');
  const isUnique = new Set(outcomes).size === outcomes.length;
  const fixes = rows.filter(({ outcome }) => outcome === 'fixed');
  return [
    {
      what: 'every run has one intent and one outcome',
      holds: outcomes.length > 0 && isUnique && runsOf('intent').join() === outcomes.join(),
    },
    {
      what: "every fix is recorded with before, after, operations and Azure's request ids",
      holds: fixes.length > 0 && fixes.every((row) => row.before && row.after && row.operations && row.armRequestIds),
    },
  ];
}

function checkCalls({ requests }: AzureSimulator): Check[] {
  const own = requests.filter(({ caller }) => caller === 'dockwarden');
  const refused = own.filter(
    ({ errorCode, path, status }) =>
      // Nobody gave it the nodes of aks-data: that is one of the things it reports.
      (status === 403 || errorCode === 'AuthorizationFailed') && !path.startsWith('/kubernetes/aks-data/'),
  );
  return [
    { what: "the app's own role covered every call it made", holds: own.length > 0 && refused.length === 0 },
    {
      what: 'no call carried a password out',
      holds: own.every(({ action }) => !action?.endsWith('/listCredentials/action')),
    },
  ];
}

/** Every password that the simulated Azure has ever made begins alike: the renewed ones, the stolen ones, and those that somebody stored elsewhere. */
function checkPasswords({ simulator: { state }, topic }: LocalEnvironment, rows: readonly AuditRecord[]): Check {
  const passwords = state
    .list('', 'Microsoft.ContainerRegistry/registries')
    .flatMap(({ id }) => Object.values(state.passwordsOf(id) ?? {}));
  const told = JSON.stringify([rows, topic.received]);
  return {
    what: 'no password of a registry is in the audit or in an event',
    holds: passwords.length > 0 && passwords.every(isRecognised) && !told.includes(PASSWORD_CANARY),
  };
}

function isRecognised(password: Json | undefined): boolean {
  return typeof password === 'string' && password.startsWith(PASSWORD_CANARY);
}

async function isHealthy({ host }: LocalEnvironment): Promise<boolean> {
  try {
    return (await fetch(`${host().url}/api/health`)).status === 200;
  } catch {
    return false;
  }
}
