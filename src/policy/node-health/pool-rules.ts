import type { ProofStrength } from '../define-policy.ts';
import {
  type Judgement,
  type MissingNode,
  type NodeVerdict,
  type NodeVerdictKind,
  type PoolJudgement,
  strengthOf,
  VERDICTS,
} from './detection.ts';

/** More reasons are not listed: they are read by people. */
const MAX_REASONS = 5;

/** The verdict on a pool is the worst one on its nodes; `read` takes what is judged of a node. Of no nodes nothing is known. */
export function judgePool(nodes: readonly NodeVerdict[], read: (node: NodeVerdict) => Judgement): PoolJudgement {
  const judged = nodes.map((node) => ({ name: node.name, uid: node.uid, judgement: read(node) }));
  const worst = VERDICTS.find((verdict) => judged.some(({ judgement }) => judgement.verdict === verdict)) ?? 'unknown';
  const about = judged
    .filter(({ judgement }) => judgement.verdict === worst)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return summarise(
    worst,
    about.map(({ judgement }) => judgement),
    worst === 'reboot-missing' || worst === 'reimage-missing' ? about : [],
  );
}

/** The verdict on a pool of which only ARM tells, or nothing can be said. */
export function judgeWhole(judgement: Judgement): PoolJudgement {
  return summarise(judgement.verdict, [judgement], []);
}

function summarise(
  verdict: NodeVerdictKind,
  judgements: readonly Judgement[],
  missing: readonly MissingNode[],
): PoolJudgement {
  const reasons = [...new Set(judgements.map(({ detail }) => detail))].toSorted();
  const detail = [...reasons.slice(0, MAX_REASONS), ...(reasons.length > MAX_REASONS ? ['and more'] : [])].join('; ');
  const strengths = judgements.map(strengthOf);
  switch (verdict) {
    case 'reboot-missing':
    case 'reimage-missing': {
      const isCertain = judgements.some(({ confidence }) => confidence === 'certain');
      return {
        verdict,
        confidence: isCertain ? 'certain' : 'likely',
        strength: strongest(strengths),
        detail,
        missing,
      };
    }
    case 'ok':
      return { verdict, strength: weakest(strengths), detail, missing };
    case 'unknown':
    case 'in-progress':
      return { verdict, detail, missing };
  }
}

/** One proof of what is missing is enough … */
function strongest(strengths: readonly ProofStrength[]): ProofStrength {
  return strengths.reduce((best, strength) => (strength > best ? strength : best), 1);
}

/** … while all is well only if it is proven of every node. */
function weakest(strengths: readonly ProofStrength[]): ProofStrength {
  return strengths.reduce((least, strength) => (strength < least ? strength : least), 3);
}
