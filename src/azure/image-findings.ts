import { DockwardenError } from '../errors.ts';
import {
  chooseStatus,
  ImageFindingRow,
  type ImageFindings,
  imageAssessments,
  isUnhealthy,
} from '../resources/image-findings.ts';
import type { ResourceId } from '../resources/resource-id.ts';
import { type CallContext, defineRead } from './operation.ts';
import { queryGraph } from './resource-graph.ts';

/** What Defender found in the images of a registry: one query, whose answer lags behind by minutes. */
export const queryImageFindings = defineRead({
  id: 'resourceGraph.imageFindings',
  actions: ['Microsoft.Security/assessments/read', 'Microsoft.Security/assessments/subAssessments/read'],
  async run(context: CallContext, target: ResourceId): Promise<ImageFindings> {
    const query = { subscriptions: [target.subscriptionId], query: queryFor(target) };
    const rows = ImageFindingRow.array().safeParse(await queryGraph(context, query));
    if (!rows.success)
      throw new DockwardenError('AZURE_TRANSIENT', 'the Resource Graph answer has other columns than asked for');
    const counts = new Map<string, number>();
    for (const row of rows.data.filter(({ code, type }) => isPart(type) && isUnhealthy(code)))
      counts.set(row.severity, (counts.get(row.severity) ?? 0) + row.findings);
    const statuses = rows.data.filter(({ type }) => !isPart(type)).map(({ code }) => code);
    return { status: chooseStatus(statuses), counts };
  },
});

function isPart(type: string): boolean {
  return type.toLowerCase().endsWith('/subassessments');
}

function queryFor({ id }: ResourceId): string {
  const keys = imageAssessments.map((key) => `id contains '/assessments/${key}'`).join(' or ');
  return [
    'securityresources',
    "where type in~ ('microsoft.security/assessments', 'microsoft.security/assessments/subassessments')",
    // Names are checked when an id is parsed: none of them holds a quote.
    `where id startswith '${id}/'`,
    `where ${keys}`,
    'extend code = tostring(properties.status.code), severity = tostring(properties.status.severity)',
    'summarize findings = count() by type, code, severity',
  ].join(' | ');
}
