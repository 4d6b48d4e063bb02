import { ALERT_LOCATION, type Alert, type AlertStatus, alertId, toArmAlert } from '../defender-alert.ts';
import { createSampleAlert, SAMPLE_BUNDLES } from '../defender-samples.ts';
import { invalidContent, resourceNotFound } from '../errors.ts';
import { getOperationResult, pageOf, requireBody, requireGroup } from '../generic-resource.ts';
import { isJsonObject } from '../json.ts';
import type { Call, Handler, Provider } from '../provider.ts';
import { isWithin } from '../resource-path.ts';
import { readOnly } from './read-only.ts';

const ALERT_TYPE = 'Microsoft.Security/locations/alerts';
const VERSIONS = ['2022-01-01', '2021-11-01', '2021-01-01'];

/** Alerts below the subscription or group that is asked for. */
const listAlerts: Handler = (call) => {
  requireGroup(call);
  const { names, scope } = call.target;
  const isHere = names[0] === undefined || names[0].toLowerCase() === ALERT_LOCATION;
  const found = isHere ? call.world.defender.alerts().filter((alert) => isWithin(alertId(alert), scope)) : [];
  return pageOf(call, found.map(toArmAlert));
};

/** The alert that the path names: an alert of a group is found in its group only. */
function requireAlert({ id, target, world }: Call): Alert {
  const found = world.defender.alerts().find((alert) => alertId(alert).toLowerCase() === id.toLowerCase());
  if (found) return found;
  throw resourceNotFound(ALERT_TYPE, target.names.at(-1) ?? '', target.resourceGroup ?? '');
}

const getAlert: Handler = (call) => ({ status: 200, body: toArmAlert(requireAlert(call)) });

function changeTo(status: AlertStatus): Handler {
  return (call) => {
    call.world.defender.setAlertStatus(requireAlert(call).systemAlertId, status);
    return { status: 204 };
  };
}

/** Makes a sample alert for each bundle. */
const simulate: Handler = (call) => {
  const { properties } = requireBody(call);
  const { bundles, kind } = isJsonObject(properties) ? properties : {};
  if (kind !== 'Bundles' || !Array.isArray(bundles))
    throw invalidContent("'properties.kind' must be Bundles, with a list of 'bundles'.");
  const samples = bundles.map((name: unknown) => {
    const bundle = typeof name === 'string' ? SAMPLE_BUNDLES[name] : undefined;
    if (!bundle) throw invalidContent(`'${String(name)}' is not a bundle: ${Object.keys(SAMPLE_BUNDLES).join(', ')}.`);
    return createSampleAlert(bundle, call.target.subscriptionId ?? '');
  });
  for (const sample of samples) call.world.defender.raiseAlert(sample);
  const operation = call.world.operations.start(call.id, { mode: 202, polls: 0 }, () => undefined);
  const results = `/subscriptions/${call.target.subscriptionId ?? ''}/providers/Microsoft.Security/locations/${ALERT_LOCATION}/operationResults`;
  const location = `${call.world.baseUrl()}${results}/${operation.id}?api-version=${call.apiVersion}`;
  return { status: 202, headers: { location, 'retry-after': '1' } };
};

/** Alerts of Defender for Cloud. https://learn.microsoft.com/rest/api/defenderforcloud/alerts */
export const security: Provider = {
  namespace: 'Microsoft.Security',
  types: [
    { type: 'Microsoft.Security/alerts', apiVersions: VERSIONS, list: listAlerts },
    {
      type: ALERT_TYPE,
      apiVersions: VERSIONS,
      list: listAlerts,
      get: getAlert,
      actions: {
        activate: changeTo('Active'),
        dismiss: changeTo('Dismissed'),
        inProgress: changeTo('InProgress'),
        resolve: changeTo('Resolved'),
        simulate,
      },
    },
    {
      type: 'Microsoft.Security/locations/operationResults',
      apiVersions: VERSIONS,
      access: 'caller',
      get: getOperationResult,
    },
    // To look at: what is exported is said where the simulated Azure is started.
    readOnly('Microsoft.Security/automations', ['2023-12-01-preview', '2019-01-01-preview']),
  ],
};
