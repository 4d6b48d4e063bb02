import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

/** "Azure registry container images should have vulnerabilities resolved": the present assessment, that of the scanner before, and that of the preview (controls.md §1). */
export const imageAssessments: readonly string[] = [
  'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5',
  'dbd0cb49-b563-45e7-9724-889e799fa648',
  '33422d8f-ab1e-42be-bc9a-38685bb567b9',
];

/** `Microsoft.Security/assessments` as ARM returns it; only what is read of it. */
export const Assessment = z.object({
  properties: lenientObject({ status: lenientObject({ code: lenient(z.string()) }) }),
});

/** What Defender has found in the images of a registry. */
export interface ImageFindings {
  /** Status of the recommendation about its images, `Healthy`, `Unhealthy`, `NotApplicable`; empty = it shows none; undefined = there is no recommendation: nothing was scanned. */
  readonly status: string | undefined;
  /** Open findings by severity, as Defender spells it. */
  readonly counts: ReadonlyMap<string, number>;
}

/** One row of the answer: how many there are of a kind. */
export const ImageFindingRow = z.object({
  type: z.string(),
  code: z.string(),
  severity: z.string(),
  findings: z.number(),
});

/** Statuses of a recommendation that asks for nothing. */
const SETTLED = new Set(['healthy', 'notapplicable']);

export function isUnhealthy(status: string): boolean {
  return status.toLowerCase() === 'unhealthy';
}

export function isSettled(status: string): boolean {
  return SETTLED.has(status.toLowerCase());
}

/** Of several scanners the one that found something counts, then one whose status nobody can read: no other proves that images are well. */
export function chooseStatus(statuses: readonly string[]): string | undefined {
  return statuses.find(isUnhealthy) ?? statuses.find((status) => !isSettled(status)) ?? statuses[0];
}
