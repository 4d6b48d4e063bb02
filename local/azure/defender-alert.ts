import { isJsonObject, type Json, type JsonObject } from './json.ts';

/** Status as ARM and Resource Graph tell it; the export says `New` for `Active`. */
export type AlertStatus = 'Active' | 'InProgress' | 'Resolved' | 'Dismissed';

/** What Defender for Cloud has noticed. */
export interface AlertDefinition {
  readonly resourceId: string;
  /** `K8S_…`, `K8S.NODE_…`, `ARM_…`. */
  readonly alertType: string;
  /** Default `Medium`. */
  readonly severity?: 'Informational' | 'Low' | 'Medium' | 'High';
  /** Default: the alert type. */
  readonly displayName?: string;
  readonly description?: string;
  /** Comma list of MITRE tactics, default `Unknown`. */
  readonly intent?: string;
  /** As exported (PascalCase); default: the cluster, or the resource. */
  readonly entities?: readonly JsonObject[];
  readonly extendedLinks?: readonly JsonObject[];
  readonly remediationSteps?: readonly string[];
  /** Default `Active`. */
  readonly status?: AlertStatus;
}

export interface Alert extends AlertDefinition {
  /** GUID; also the name of the ARM resource. */
  readonly systemAlertId: string;
  readonly tenantId: string;
  readonly generatedAt: Date;
  readonly status: AlertStatus;
}

/** Where Defender keeps the alerts of the sample. */
export const ALERT_LOCATION = 'westeurope';

/** What alerts call the types of resources. */
const RESOURCE_KINDS: Readonly<Record<string, string>> = {
  'microsoft.containerservice/managedclusters': 'Kubernetes Service',
  'microsoft.containerregistry/registries': 'Container Registry',
  'microsoft.compute/virtualmachines': 'Virtual Machine',
  'microsoft.keyvault/vaults': 'Key Vault',
};

/** Subscription, group (undefined = none) and name of a resource or scope. */
export function describeTarget(resourceId: string) {
  const segments = resourceId.split('/');
  const [, , subscriptionId = '', , resourceGroup] = segments;
  const type = `${segments[6] ?? ''}/${segments[7] ?? ''}`.toLowerCase();
  const kind = RESOURCE_KINDS[type] ?? (segments[7] === undefined ? 'Subscription' : segments[7]);
  return { subscriptionId, resourceGroup, name: segments.at(-1) ?? '', type, kind };
}

/** ARM id: in the resource's group, or in its subscription. */
export function alertId({ resourceId, systemAlertId }: Pick<Alert, 'resourceId' | 'systemAlertId'>): string {
  const { resourceGroup, subscriptionId } = describeTarget(resourceId);
  const group = resourceGroup === undefined ? '' : `/resourceGroups/${resourceGroup}`;
  return `/subscriptions/${subscriptionId}${group}/providers/Microsoft.Security/locations/${ALERT_LOCATION}/alerts/${systemAlertId}`;
}

/** The message of continuous export: PascalCase, in the order of real ones. */
export function toExportedAlert(alert: Alert): JsonObject {
  const { alertType, resourceId, tenantId } = alert;
  const { kind, name, subscriptionId } = describeTarget(resourceId);
  return {
    VendorName: 'Microsoft',
    AlertType: alertType,
    ProductName: 'Microsoft Defender for Cloud',
    StartTimeUtc: formatTime(alert.generatedAt),
    EndTimeUtc: formatTime(alert.generatedAt),
    TimeGenerated: formatTime(alert.generatedAt),
    ProcessingEndTime: formatTime(alert.generatedAt),
    Severity: alert.severity ?? 'Medium',
    Status: alert.status === 'Active' ? 'New' : alert.status,
    ProviderAlertStatus: null,
    ConfidenceLevel: null,
    ConfidenceScore: null,
    ConfidenceReasons: null,
    IsIncident: false,
    SystemAlertId: alert.systemAlertId,
    CorrelationKey: null,
    Intent: alert.intent ?? 'Unknown',
    AzureResourceId: resourceId,
    WorkspaceId: null,
    WorkspaceSubscriptionId: null,
    WorkspaceResourceGroup: '',
    AgentId: '',
    CompromisedEntity: name,
    AlertDisplayName: alert.displayName ?? alertType,
    Description: alert.description ?? '',
    Entities: alert.entities ?? createEntities(resourceId),
    ExtendedLinks: alert.extendedLinks ?? null,
    RemediationSteps: alert.remediationSteps ?? [],
    ExtendedProperties: {
      resourceType: kind,
      EffectiveAzureResourceId: resourceId,
      CompromisedEntity: name,
      ProductComponentName: componentOf(resourceId),
      EffectiveSubscriptionId: subscriptionId,
    },
    ResourceIdentifiers: [
      { $id: '2', AzureResourceId: resourceId, Type: 'AzureResource', AzureResourceTenantId: tenantId },
      { $id: '3', AadTenantId: tenantId, Type: 'AAD' },
    ],
    AlertUri: createAlertUri(alert),
  };
}

/** `properties` of a row of Resource Graph: PascalCase, with the names and the status of ARM. */
export function toAlertRow(alert: Alert): JsonObject {
  const exported = toExportedAlert(alert);
  const { ProcessingEndTime, ProviderAlertStatus: _, TimeGenerated, ...rest } = exported;
  return {
    ...rest,
    Version: '2022-01-01',
    Status: alert.status,
    ProductComponentName: componentOf(alert.resourceId),
    TimeGeneratedUtc: TimeGenerated,
    ProcessingEndTimeUtc: ProcessingEndTime,
  };
}

/** The ARM resource, api-version 2022-01-01: camelCase. */
export function toArmAlert(alert: Alert): JsonObject {
  const { alertType, resourceId, systemAlertId } = alert;
  const exported = toExportedAlert(alert);
  const time = formatTime(alert.generatedAt);
  return {
    id: alertId(alert),
    name: systemAlertId,
    type: 'Microsoft.Security/Locations/alerts',
    properties: {
      version: '2022-01-01',
      alertType,
      systemAlertId,
      productComponentName: componentOf(resourceId),
      alertDisplayName: exported['AlertDisplayName'],
      description: exported['Description'],
      severity: exported['Severity'],
      intent: exported['Intent'],
      startTimeUtc: time,
      endTimeUtc: time,
      // Only the identifiers that this api-version knows.
      resourceIdentifiers: [{ azureResourceId: resourceId, type: 'AzureResource' }],
      remediationSteps: alert.remediationSteps ?? [],
      vendorName: 'Microsoft',
      status: alert.status,
      extendedLinks: (alert.extendedLinks ?? []).map(withoutNulls),
      alertUri: createAlertUri(alert),
      timeGeneratedUtc: time,
      productName: 'Microsoft Defender for Cloud',
      processingEndTimeUtc: time,
      entities: toCamelCase(exported['Entities']),
      isIncident: false,
      extendedProperties: exported['ExtendedProperties'],
      compromisedEntity: exported['CompromisedEntity'],
    },
  };
}

function componentOf(resourceId: string): string {
  return /\/Microsoft\.Container(?:Service|Registry)\//i.test(resourceId) ? 'Containers' : 'ResourceManager';
}

/** Entities of a cluster form a graph: the cluster names its resource, which stands beside it as a reference. */
function createEntities(resourceId: string): readonly JsonObject[] {
  const { kind, name, type } = describeTarget(resourceId);
  const resource = {
    ResourceId: resourceId,
    ResourceType: kind,
    ResourceName: name,
    Metadata: { IsGraphCenter: true },
    Asset: true,
    Type: 'azure-resource',
  };
  if (type !== 'microsoft.containerservice/managedclusters') return [{ $id: '4', ...resource }];
  return [{ $id: '4', CloudResource: { $id: '5', ...resource }, Asset: false, Type: 'K8s-cluster' }, { $ref: '5' }];
}

function createAlertUri({ resourceId, systemAlertId }: Alert): string {
  const { resourceGroup = '', subscriptionId } = describeTarget(resourceId);
  return `https://portal.azure.com/#blade/Microsoft_Azure_Security_AzureDefenderForData/AlertBlade/alertId/${systemAlertId}/subscriptionId/${subscriptionId}/resourceGroup/${resourceGroup}/referencedFrom/alertDeepLink/location/${ALERT_LOCATION}`;
}

/** ISO 8601 with 7 fractional digits, as Defender writes it. */
export function formatTime(time: Date): string {
  return time.toISOString().replace('Z', '0000Z');
}

function withoutNulls(source: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== null));
}

function toCamelCase(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((entry: Json) => toCamelCase(entry) ?? null);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]) => [
    name.charAt(0).toLowerCase() + name.slice(1),
    toCamelCase(member),
  ]);
  return Object.fromEntries(entries);
}
