import * as z from 'zod';

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
