import { describe, expect, test } from 'vitest';
import { parseDefender } from '../../../src/events/defender/parse-defender.ts';
import { CLUSTER, causeOf, MACHINE, outcomeOf, REGISTRY } from './samples.ts';

const PROFILE = '56a83a6e-c417-42ec-b567-1e6fcb3d09a9';
const IMAGES = 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';
const OLD_IMAGES = 'dbd0cb49-b563-45e7-9724-889e799fa648';
const PREVIEW_IMAGES = '33422d8f-ab1e-42be-bc9a-38685bb567b9';
const TIME = '2026-11-02T18:37:16.485Z';

interface Difference {
  readonly id?: unknown;
  readonly type?: unknown;
  readonly enrichment?: unknown;
  readonly status?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** An assessment as it is exported: a cluster without the profile of Defender; a test states its differences. */
function assessment(change: Difference = {}) {
  const { enrichment = { action: 'Write', isSnapshot: false }, status, ...rest } = change;
  return {
    assessmentEventDataEnrichment: enrichment,
    type: 'Microsoft.Security/assessments',
    id: `${CLUSTER}/providers/Microsoft.Security/assessments/${PROFILE}`,
    ...rest,
    properties: {
      resourceDetails: { source: 'Azure', id: CLUSTER.toLowerCase() },
      status: status ?? { code: 'Unhealthy', statusChangeDate: TIME },
      ...rest.properties,
    },
  };
}

/** What was found in one image, in the casing of the export. */
function subAssessment(name: string, change: Readonly<Record<string, unknown>> = {}) {
  return {
    $type: 'subAssessmentEvent',
    SubAssessmentEventDataEnrichment: { Action: 'Write', IsSnapshot: false, ...change },
    Type: 'Microsoft.Security/assessments/subAssessments',
    Id: `${REGISTRY}/providers/Microsoft.Security/assessments/${IMAGES}/subAssessments/${name}`,
    Properties: { Status: { Code: 'Unhealthy', Severity: 'High' }, TimeGenerated: TIME },
  };
}

describe('a recommendation', () => {
  test('that is not met is a hint to look at the resource', () => {
    expect(parseDefender(assessment())).toEqual({
      result: 'cause',
      resourceId: expect.objectContaining({ id: CLUSTER }),
      cause: {
        kind: 'notification',
        id: `${PROFILE} unhealthy ${TIME}`,
        time: TIME,
        operation: `Microsoft.Security/assessments/${PROFILE}`,
      },
    });
  });

  test.each([
    ['Healthy', 'ignored not-unhealthy'],
    ['NotApplicable', 'ignored not-unhealthy'],
    ['', 'ignored not-unhealthy'],
    [7, 'ignored not-unhealthy'],
    ['UNHEALTHY', `notification shop-cluster Microsoft.Security/assessments/${PROFILE}`],
  ])('with the status %s is: %s', (code, expected) => {
    expect(outcomeOf(assessment({ status: { code, statusChangeDate: TIME } }))).toBe(expected);
  });

  test.each([
    [{ action: 'Delete', isSnapshot: false }, 'ignored assessment-deleted'],
    [{ action: 'delete' }, 'ignored assessment-deleted'],
    [{ action: 'Insert', isSnapshot: true }, 'ignored snapshot'],
    [{ Action: 'Insert', IsSnapshot: true }, 'ignored snapshot'],
    [{ isSnapshot: 'yes', action: 7 }, `notification shop-cluster Microsoft.Security/assessments/${PROFILE}`],
    ['none', `notification shop-cluster Microsoft.Security/assessments/${PROFILE}`],
  ])('that came with %j is: %s', (enrichment, expected) => {
    expect(outcomeOf(assessment({ enrichment }))).toBe(expected);
  });

  test.each(['securityEventDataEnrichment', 'SubAssessmentEventDataEnrichment', 'AssessmentEventDataEnrichment'])(
    'says in %s, too, that it was deleted',
    (name) => {
      const { assessmentEventDataEnrichment: _other, ...rest } = assessment();

      expect(outcomeOf({ ...rest, [name]: { action: 'Delete' } })).toBe('ignored assessment-deleted');
    },
  );

  test('without a word about how it came is read', () => {
    const { assessmentEventDataEnrichment: _none, ...rest } = assessment();

    expect(causeOf(rest).cause.kind).toBe('notification');
  });

  test.each([
    'Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments',
    'Microsoft.Security/secureScores/secureScoreControls',
    'microsoft.security/secureScores',
    'Microsoft.Security/assessments/metadata',
    'Microsoft.Security/assessmentsMetadata',
  ])('of the type %s is about no resource', (type) => {
    expect(outcomeOf(assessment({ type }))).toBe('ignored not-resource-level');
  });

  test('is about what its id lies on, else about what its details name', () => {
    expect(outcomeOf(assessment({ id: `${MACHINE}/providers/Microsoft.Security/assessments/x` }))).toBe(
      'ignored resource-type-not-covered',
    );
    expect(causeOf(assessment({ id: undefined })).resourceId.key).toBe(CLUSTER.toLowerCase());
    expect(causeOf(assessment({ id: undefined })).cause.id).toBe(`unknown unhealthy ${TIME}`);
    for (const resourceDetails of [undefined, 'x', { id: 7 }])
      expect(outcomeOf(assessment({ id: undefined, properties: { resourceDetails } }))).toBe(
        'ignored resource-type-not-covered',
      );
  });

  test('with an odd id of something of ours is reported', () => {
    expect(outcomeOf(assessment({ id: `${CLUSTER}//x` }))).toBe('invalid invalid-resource-id');
  });

  test('is of when its status changed, else of when it was first, else of when it was told', () => {
    const [one, two, three] = ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z', '2026-11-03T00:00:00.000Z'];
    const timeOf = (status: object, timeGenerated?: string) =>
      causeOf(assessment({ status: { code: 'Unhealthy', ...status }, properties: { timeGenerated } })).cause.time;

    expect(timeOf({ statusChangeDate: one, firstEvaluationDate: two }, three)).toBe(one);
    expect(timeOf({ statusChangeDate: 'soon', firstEvaluationDate: two }, three)).toBe(two);
    expect(timeOf({ statusChangeDate: 7 }, three)).toBe(three);
    expect(outcomeOf(assessment({ status: { code: 'Unhealthy' } }))).toBe('invalid missing-field:timeGenerated');
  });

  test('that is invalid names at most 200 characters of its id', () => {
    const id = `${CLUSTER}/providers/Microsoft.Security/assessments/${PROFILE}/subAssessments/${'x'.repeat(500)}`;
    const parsed = parseDefender(assessment({ id, status: { code: 'Unhealthy' } }));

    expect(parsed).toMatchObject({ result: 'invalid', eventId: id.slice(0, 200) });
  });

  test('has an id of its own whenever its status changes', () => {
    const first = causeOf(assessment()).cause.id;
    const again = causeOf(assessment({ status: { code: 'Unhealthy', statusChangeDate: '2026-11-05T00:00:00Z' } })).cause
      .id;

    expect(causeOf(assessment()).cause.id).toBe(first);
    expect(again).not.toBe(first);
  });
});

describe('a recommendation about the images of a registry', () => {
  test.each([IMAGES, OLD_IMAGES, PREVIEW_IMAGES, IMAGES.toUpperCase()])('is told when it is met, too: %s', (key) => {
    const id = `${REGISTRY}/providers/Microsoft.Security/assessments/${key}`;

    for (const code of ['Healthy', 'NotApplicable', 'Unhealthy'])
      expect(causeOf(assessment({ id, status: { code, statusChangeDate: TIME } })).cause).toMatchObject({
        kind: 'notification',
        id: `${key} ${code.toLowerCase()} ${TIME}`,
      });
  });

  test('has an id of a length that its resource can remember, whatever its status is called', () => {
    const id = `${REGISTRY}/providers/Microsoft.Security/assessments/${IMAGES}`;
    const code = 'x'.repeat(20_000);

    expect(causeOf(assessment({ id, status: { code, statusChangeDate: TIME } })).cause.id).toBe(
      `${IMAGES} unknown ${TIME}`,
    );
  });

  test('is none because its key looks like it', () => {
    const id = `${REGISTRY}/providers/Microsoft.Security/assessments/${IMAGES}0`;

    expect(outcomeOf(assessment({ id, status: { code: 'Healthy', statusChangeDate: TIME } }))).toBe(
      'ignored not-unhealthy',
    );
  });

  test('has findings by the thousand, of which those of one moment are one cause', () => {
    const ids = ['a', 'b', 'c'].map((name) => causeOf(subAssessment(name)));

    expect(new Set(ids.map(({ cause }) => cause.id)).size).toBe(1);
    expect(ids[0]?.resourceId.id).toBe(REGISTRY);
  });

  test('has findings that are deleted: the assessment itself tells what is left', () => {
    expect(outcomeOf(subAssessment('a', { Action: 'Delete' }))).toBe('ignored assessment-deleted');
  });
});

describe('what the Activity Log tells of alerts', () => {
  const record = { eventDataId: 'e', channels: 'Operation', resourceId: CLUSTER };

  test.each([
    [{ ...record, category: { value: 'Security', localizedValue: 'Sicherheit' } }, 'ignored no-covered-resource'],
    [{ ...record, category: 'security' }, 'ignored no-covered-resource'],
    [{ ...record, eventSource: 'Security' }, 'ignored no-covered-resource'],
    [{ ...record, category: { value: 'Administrative' } }, 'ignored event-type-not-covered'],
    [{ ...record, category: { value: 7 } }, 'ignored event-type-not-covered'],
    [record, 'ignored event-type-not-covered'],
    [{ data: { context: { activityLog: { eventSource: 'Security' } } } }, 'ignored no-covered-resource'],
    [{ data: { context: { activityLog: {} } } }, 'ignored event-type-not-covered'],
    [{ data: { context: { activityLog: 'x' } } }, 'ignored event-type-not-covered'],
    [{ data: { context: 'x' } }, 'invalid unknown-envelope'],
    [{ eventDataId: 'e', category: 'Security' }, 'invalid unknown-envelope'],
    [{ channels: 'Operation', category: 'Security' }, 'invalid unknown-envelope'],
    [{ type: 'Microsoft.Other/assessments' }, 'invalid unknown-envelope'],
    [{ type: 7 }, 'invalid unknown-envelope'],
    [{ properties: { alertType: 7 } }, 'invalid unknown-envelope'],
  ])('leads to no look, and nothing is guessed: %#', (element, expected) => {
    expect(outcomeOf(element)).toBe(expected);
  });
});
