import type { AuditRecord } from '../../src/audit/audit-log.ts';
import type { RawResource } from '../azure/resource-store.ts';
import { type SampleName, sampleId } from '../azure/sample-ids.ts';
import type { AzureSimulator } from '../azure/simulator.ts';
import type { LocalEnvironment } from '../environment.ts';

/** One thing that must hold in the end. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
}

/** What Azure, the audit and the app must look like after the scenario. */
export async function checkEndState(environment: LocalEnvironment, rows: readonly AuditRecord[]): Promise<Check[]> {
  const { simulator } = environment;
  return [
    ...checkResources(simulator),
    ...checkRuns(rows),
    ...checkCalls(simulator),
    { what: 'the app is healthy', holds: (await fetch(`${environment.host().url}/api/health`)).status === 200 },
  ];
}

function checkResources(simulator: AzureSimulator): Check[] {
  const isAdminOn = (name: SampleName): unknown =>
    simulator.state.get(sampleId(name))?.properties?.['adminUserEnabled'];
  const tagsOf = (name: SampleName): string => JSON.stringify(sorted(simulator.state.get(sampleId(name))?.tags));
  const fixed = ['contosobuild', 'contosofresh'] as const;
  const left = { contosoacr: 'exempt', contosoci: 'in quarantine' } as const;
  return [
    ...fixed.map((name) => ({ what: `${name}: the admin user is off`, holds: isAdminOn(name) === false })),
    ...(['contosoacr', 'contosoci'] as const).map((name) => ({
      what: `${name}: ${left[name]}, so the admin user is left on`,
      holds: isAdminOn(name) === true,
    })),
    {
      what: 'contosofresh: the tag written meanwhile is still there',
      holds: tagsOf('contosofresh').includes('release'),
    },
    {
      what: 'contosolegacy: the admin user that a dependant needs is still on',
      holds: isAdminOn('contosolegacy') === true,
    },
    { what: 'contosolocked: nothing was changed', holds: isAdminOn('contosolocked') === true },
    {
      what: 'aks-prod: has the missing tags, and its own is unchanged',
      holds: tagsOf('aks-prod') === '{"costCenter":"CC-1000","env":"prod","owner":"platform-team"}',
    },
    {
      what: 'aks-dev: the added tag is gone again, and what others set is unchanged',
      holds: tagsOf('aks-dev') === '{"env":"dev","owner":"web-team","temporary":"yes"}',
    },
    {
      what: 'aks-data: the value that is not allowed was not overwritten',
      holds: tagsOf('aks-data') === '{"env":"staging","owner":"data-team"}',
    },
  ];
}

function checkRuns(rows: readonly AuditRecord[]): Check[] {
  const idsOf = (stage: AuditRecord['stage']): string =>
    rows
      .filter((row) => row.stage === stage)
      .map(({ remediationRunId }) => remediationRunId ?? '')
      .toSorted((one, other) => one.localeCompare(other))
      .join();
  const isUnique = new Set(idsOf('outcome').split(',')).size === rows.filter(({ stage }) => stage === 'outcome').length;
  const fixes = rows.filter(({ outcome }) => outcome === 'fixed');
  const freshRuns = fixes.filter(({ resourceName }) => resourceName === 'contosofresh');
  return [
    { what: 'every run has one intent and one outcome', holds: isUnique && idsOf('intent') === idsOf('outcome') },
    {
      what: 'the fix that was approved names who approved it',
      holds: rows.some(
        ({ approvedBy, resourceName, stage }) =>
          stage === 'intent' && resourceName === 'aks-prod' && approvedBy?.startsWith('key:') === true,
      ),
    },
    { what: 'two changes of one registry at once led to one fix', holds: freshRuns.length === 1 },
    {
      what: "every fix is recorded with before, after, operations and Azure's request ids",
      holds: fixes.every((row) => row.before && row.after && row.operations && row.armRequestIds),
    },
    {
      what: 'nothing unreadable was met',
      holds: rows.every(({ stage }) => stage !== 'input' && stage !== 'configuration'),
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

function sorted(tags: RawResource['tags']): Record<string, string> {
  return Object.fromEntries(Object.entries(tags ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
