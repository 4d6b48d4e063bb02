import type { AuditRecord } from '../../../src/audit/audit-log.ts';
import type { RawResource } from '../../azure/resource-store.ts';
import { type SampleName, sampleId } from '../../azure/sample-ids.ts';
import type { AzureSimulator } from '../../azure/simulator.ts';
import type { LocalEnvironment } from '../../environment.ts';
import type { Check } from '../checks.ts';

/** What Azure and the audit must look like after the scenario. */
export function checkEndState({ simulator }: LocalEnvironment, rows: readonly AuditRecord[]): readonly Check[] {
  return [...checkResources(simulator), ...checkRuns(rows)];
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
  const freshRuns = rows.filter(({ outcome, resourceName }) => outcome === 'fixed' && resourceName === 'contosofresh');
  return [
    {
      what: 'the fix that was approved names who approved it',
      holds: rows.some(
        ({ approvedBy, resourceName, stage }) =>
          stage === 'intent' && resourceName === 'aks-prod' && approvedBy?.startsWith('key:') === true,
      ),
    },
    { what: 'two changes of one registry at once led to one fix', holds: freshRuns.length === 1 },
    {
      what: 'nothing unreadable was met',
      holds: rows.every(({ stage }) => stage !== 'input' && stage !== 'configuration'),
    },
  ];
}

function sorted(tags: RawResource['tags']): Record<string, string> {
  return Object.fromEntries(Object.entries(tags ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
