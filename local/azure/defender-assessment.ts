import { describeTarget, formatTime } from './defender-alert.ts';
import type { JsonObject } from './json.ts';

type AssessmentAction = 'Insert' | 'Write' | 'Delete';

/** What Defender for Cloud recommends for a resource, or that it no longer does. */
export interface AssessmentDefinition {
  readonly resourceId: string;
  /** GUID of the recommendation. */
  readonly key: string;
  readonly code: 'Healthy' | 'Unhealthy' | 'NotApplicable';
  readonly displayName: string;
  /** Default: `Insert` the first time, then `Write`. */
  readonly action?: AssessmentAction;
  /** The weekly repetition of what is known. Default false. */
  readonly isSnapshot?: boolean;
  /** Default `Medium`. */
  readonly severity?: 'Low' | 'Medium' | 'High';
  readonly cause?: string;
  readonly description?: string;
}

export interface Assessment extends AssessmentDefinition {
  readonly tenantId: string;
  readonly changedAt: Date;
  readonly firstEvaluatedAt: Date;
}

/** One finding below a recommendation, such as a vulnerability of an image. */
export interface SubAssessmentDefinition {
  readonly resourceId: string;
  /** GUID of the recommendation it belongs to. */
  readonly key: string;
  /** GUID of the finding. */
  readonly name: string;
  readonly code: 'Healthy' | 'Unhealthy' | 'NotApplicable';
  readonly displayName: string;
  /** Default `Write`. */
  readonly action?: AssessmentAction;
  readonly isSnapshot?: boolean;
  readonly severity?: 'Low' | 'Medium' | 'High';
  readonly description?: string;
  readonly remediation?: string;
}

export interface SubAssessment extends SubAssessmentDefinition {
  readonly tenantId: string;
  readonly generatedAt: Date;
}

export function assessmentId({ key, resourceId }: Pick<AssessmentDefinition, 'key' | 'resourceId'>): string {
  return `${resourceId}/providers/Microsoft.Security/assessments/${key}`;
}

export function subAssessmentId(finding: Pick<SubAssessmentDefinition, 'key' | 'name' | 'resourceId'>): string {
  return `${assessmentId(finding)}/subassessments/${finding.name}`;
}

/** The message of continuous export: camelCase. */
export function toExportedAssessment(assessment: Assessment, action: AssessmentAction): JsonObject {
  const enrichment = { action, apiVersion: '2019-01-01', isSnapshot: assessment.isSnapshot ?? false };
  return {
    assessmentEventDataEnrichment: enrichment,
    securityEventDataEnrichment: enrichment,
    tenantId: assessment.tenantId,
    type: 'Microsoft.Security/assessments',
    kind: null,
    location: null,
    id: assessmentId(assessment),
    name: assessment.key,
    tags: null,
    properties: toAssessmentProperties(assessment),
  };
}

/** `properties`, the same in the export and in Resource Graph. */
export function toAssessmentProperties(assessment: Assessment): JsonObject {
  const { cause, code, description, displayName, key, resourceId, severity = 'Medium' } = assessment;
  const { name, type } = describeTarget(resourceId);
  const [resourceProvider, resourceType] = type.split('/');
  return {
    resourceDetails: {
      source: 'Azure',
      id: resourceId,
      resourceName: name,
      resourceType,
      resourceProvider,
      nativeResourceId: resourceId,
    },
    displayName,
    status: {
      code,
      ...(cause !== undefined && { cause }),
      ...(description !== undefined && { description }),
      statusChangeDate: formatTime(assessment.changedAt),
      firstEvaluationDate: formatTime(assessment.firstEvaluatedAt),
    },
    additionalData: {},
    metadata: {
      displayName,
      assessmentType: 'BuiltIn',
      policyDefinitionId: `/providers/Microsoft.Authorization/policyDefinitions/${key}`,
      description: displayName,
      remediationDescription: '',
      categories: ['Container'],
      severity,
      userImpact: 'Low',
      implementationEffort: 'Low',
      threats: [],
    },
    links: {
      azurePortal: `portal.azure.com/#blade/Microsoft_Azure_Security/RecommendationsBlade/assessmentKey/${key}/resourceId/${encodeURIComponent(resourceId)}`,
    },
  };
}

/** The message of continuous export: PascalCase, with .NET's `$type`. */
export function toExportedSubAssessment(finding: SubAssessment): JsonObject {
  const { code, displayName, generatedAt, name, resourceId, severity = 'Medium', tenantId } = finding;
  const enrichment = {
    $type: 'subAssessmentEventDataEnrichment',
    Action: finding.action ?? 'Write',
    ApiVersion: '2020-01-01',
    IsSnapshot: finding.isSnapshot ?? false,
  };
  return {
    $type: 'subAssessmentEvent',
    SubAssessmentEventDataEnrichment: enrichment,
    SecurityEventDataEnrichment: enrichment,
    TenantId: tenantId,
    Type: 'Microsoft.Security/assessments/subAssessments',
    Id: subAssessmentId(finding),
    Name: name,
    Properties: {
      $type: 'response/subAssessmentProperties',
      Id: name,
      DisplayName: displayName,
      Status: { $type: 'status', Code: code, Severity: severity },
      Remediation: finding.remediation ?? '',
      Impact: '',
      Category: 'N/A',
      Description: finding.description ?? displayName,
      TimeGenerated: formatTime(generatedAt),
      ResourceDetails: { $type: 'resourceDetails/azure', Source: 'Azure', Id: resourceId },
      AdditionalData: { $type: 'additionalData/general', AssessedResourceType: 'GeneralVulnerability', Data: {} },
    },
  };
}

/** `properties` in Resource Graph: those of the REST API, camelCase. */
export function toSubAssessmentProperties(finding: SubAssessment): JsonObject {
  const {
    code,
    description,
    displayName,
    generatedAt,
    name,
    remediation = '',
    resourceId,
    severity = 'Medium',
  } = finding;
  return {
    id: name,
    displayName,
    status: { code, severity },
    remediation,
    impact: '',
    category: 'N/A',
    description: description ?? displayName,
    timeGenerated: formatTime(generatedAt),
    resourceDetails: { source: 'Azure', id: resourceId },
    additionalData: { assessedResourceType: 'GeneralVulnerability' },
  };
}
