import * as z from 'zod';
import { lenient, lenientObject } from './lenient.ts';

/** "Azure registry container images should have vulnerabilities resolved": the present assessment, and that of the scanner before (controls.md §1). */
export const imageAssessments: readonly string[] = [
  'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5',
  'dbd0cb49-b563-45e7-9724-889e799fa648',
];

/** `Microsoft.Security/assessments` as ARM returns it; only what is read of it. */
export const Assessment = z.object({
  properties: lenientObject({ status: lenientObject({ code: lenient(z.string()) }) }),
});

/** What Defender has found in the images of a registry. */
export interface ImageFindings {
  /** Status of the recommendation about its images, `Healthy`, `Unhealthy`, `NotApplicable`; undefined = there is none: nothing was scanned. */
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
