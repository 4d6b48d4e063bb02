import * as z from 'zod';
import { imageAssessments } from '../../resources/image-findings.ts';
import { lenient } from '../../resources/lenient.ts';
import type { Cause } from '../cause.ts';
import { readTime } from '../event-time.ts';
import { findTarget } from '../find-target.ts';
import { type FoundCause, type IgnoredInput, type InvalidInput, ignored, missing } from '../parsed.ts';
import { lowerNames } from './lower-names.ts';

/** Why a recommendation leads to nothing. */
export type IgnoredRecommendation =
  | 'not-unhealthy'
  | 'assessment-deleted'
  | 'snapshot'
  | 'not-resource-level'
  | 'resource-type-not-covered';

const Recommendation = z.object({ type: lenient(z.string()), id: lenient(z.string()) });
const Enrichment = z.object({ action: lenient(z.string()), issnapshot: lenient(z.boolean()) });

/** Findings about the images of a registry: told of good news as well, so that their ticket can close. */
const IMAGE_ASSESSMENT = new RegExp(`/assessments/(?:${imageAssessments.join('|')})(?:/|$)`, 'i');
/** What a status may be called: the cause keeps it, and a row holds only so much. */
const CODE = /^[a-z]{1,32}$/;
const KEY = /\/providers\/Microsoft\.Security\/assessments\/([\w-]{1,100})/i;

/** Is it an assessment, a part of one, or one of the summaries above them? */
export function looksLikeRecommendation({ type }: Readonly<Record<string, unknown>>): boolean {
  return typeof type === 'string' && /^microsoft\.security\/(?:assessments|regulatory|securescore)/i.test(type);
}

/** Reads a recommendation in either casing. It is a hint: what it says about the resource is not believed, only looked into. */
export function readRecommendation(
  members: Readonly<Record<string, unknown>>,
): FoundCause | IgnoredInput<IgnoredRecommendation> | InvalidInput {
  const { id, type = '' } = Recommendation.parse(members);
  if (!/^microsoft\.security\/assessments(?:\/subassessments)?$/i.test(type)) return ignored('not-resource-level', id);
  const enrichment = enrichmentOf(members);
  if (enrichment.issnapshot === true) return ignored('snapshot', id);
  if (enrichment.action?.toLowerCase() === 'delete') return ignored('assessment-deleted', id);
  const properties = lowerNames(members['properties']);
  const status = lowerNames(properties['status']);
  const code = typeof status['code'] === 'string' ? status['code'].toLowerCase() : '';
  const isAboutImages = id !== undefined && IMAGE_ASSESSMENT.test(id);
  if (code !== 'unhealthy' && !isAboutImages) return ignored('not-unhealthy', id);
  const place = lowerNames(properties['resourcedetails'])['id'];
  const target = findTarget(id ?? (typeof place === 'string' ? place : ''), undefined);
  if ('result' in target) return target;
  const [, key = 'unknown'] = KEY.exec(id ?? '') ?? [];
  const changed = [status['statuschangedate'], status['firstevaluationdate'], properties['timegenerated']];
  const time = changed.map((text) => readTime(typeof text === 'string' ? text : undefined)).find(Boolean);
  if (time === undefined) return missing('timeGenerated', id?.slice(0, 200));
  const operation = `Microsoft.Security/assessments/${key}`;
  // All the findings of one assessment and moment lead to one look.
  const known = CODE.test(code) ? code : 'unknown';
  const cause: Cause = { kind: 'notification', id: `${key} ${known} ${time}`, time, operation };
  return { result: 'cause', resourceId: target, cause };
}

function enrichmentOf(members: Readonly<Record<string, unknown>>) {
  const names = ['assessmenteventdataenrichment', 'subassessmenteventdataenrichment', 'securityeventdataenrichment'];
  const [found] = names.map((name) => members[name]).filter((value) => value !== undefined);
  return Enrichment.parse(lowerNames(found));
}
