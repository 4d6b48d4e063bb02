/** Where metrics are sent, and as whom. */
export interface TelemetryTarget {
  /** Of Application Insights: names the endpoint. */
  readonly connectionString: string;
  /** Absent = Application Insights takes what carries its key, without a token. */
  readonly identity?: { readonly clientId?: string };
  /** Name of the function app, as the Functions host tells it, too (`AppRoleName`). */
  readonly roleName: string;
  /** Name of the instance (`AppRoleInstance`). */
  readonly roleInstance: string;
}

/**
 * Reads what the platform itself is configured by: the same two settings that make the Functions host send its own telemetry. Undefined = nothing is
 * to be sent. Never throws.
 */
export function readTelemetryTarget(
  environment: Readonly<Record<string, string | undefined>>,
): TelemetryTarget | undefined {
  const connectionString = environment['APPLICATIONINSIGHTS_CONNECTION_STRING']?.trim() ?? '';
  if (connectionString === '') return undefined;
  const identity = readIdentity(environment['APPLICATIONINSIGHTS_AUTHENTICATION_STRING']);
  return {
    connectionString,
    ...(identity !== undefined && { identity }),
    roleName: environment['WEBSITE_SITE_NAME'] ?? 'dockwarden',
    roleInstance: environment['WEBSITE_INSTANCE_ID'] ?? environment['CONTAINER_NAME'] ?? 'local',
  };
}

/** `Authorization=AAD`, with `ClientId=<id>` for a user-assigned identity; the order does not matter, nor does the case of names. */
function readIdentity(text = ''): TelemetryTarget['identity'] {
  const parts = text.split(';').map((part) => part.split('=').map((word) => word.trim()));
  const valueOf = (wanted: string) => parts.find(([name = '']) => name.toLowerCase() === wanted)?.[1];
  if (valueOf('authorization')?.toLowerCase() !== 'aad') return undefined;
  const clientId = valueOf('clientid');
  return clientId === undefined || clientId === '' ? {} : { clientId };
}
