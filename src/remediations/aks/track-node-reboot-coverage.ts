import { aksNodeRebootCoverageComplete } from '../../policy/aks/node-reboot-coverage-complete.ts';
import { COVERAGE_REASONS } from '../../policy/node-health/detection.ts';
import type { AdviceContext } from '../advice.ts';
import { defineTracker } from '../define-tracker.ts';
import { openCluster } from './cluster-access.ts';
import { coverageAdvice } from './coverage-advice.ts';
import { findKured, type ReasonAdvice } from './kured-advice.ts';

export const aksTrackNodeRebootCoverage = defineTracker({
  id: 'aks-track-node-reboot-coverage',
  title: 'Open tickets for clusters whose pending reboots are not seen or not done',
  tracks: aksNodeRebootCoverageComplete,
  advise(context) {
    const { target } = context;
    const found = reasonsOf(context);
    const needs = new Set(found.map((advice) => advice.needs));
    const [first, ...others] = found;
    if (first === undefined) {
      return {
        summary: 'Find out why pending reboots of this cluster cannot be seen: the evidence below tells what is known.',
        steps: [openCluster(target), findKured],
      };
    }
    return {
      summary: first.summary,
      steps: [
        ...(needs.has('kubectl') || needs.has('kured') ? [openCluster(target)] : []),
        ...(needs.has('kured') ? [findKured] : []),
        ...first.steps(target),
        ...others.flatMap((advice) => [{ text: advice.summary }, ...advice.steps(target)]),
      ],
    };
  },
});

/** The advice on every reason that the evidence names, in the order of reports: what hides the others comes first. */
function reasonsOf({ evidence: { reasons } }: AdviceContext): readonly ReasonAdvice[] {
  const named = String(reasons).split(', ');
  return COVERAGE_REASONS.filter((reason) => named.includes(reason)).map((reason) => coverageAdvice[reason]);
}
