import { ArmError } from '../errors.ts';
import { pageOf, requireResource } from '../generic-resource.ts';
import type { Json } from '../json.ts';
import { LOCATIONS, type Location } from '../locations.ts';
import type { Handler, Provider } from '../provider.ts';
import type { RawResource } from '../resource-store.ts';
import { readOnly, requireParent } from './read-only.ts';

const VERSIONS = ['2024-11-01', '2024-04-01', '2023-12-01', '2023-01-01', '2022-03-01'];
/** The version with which the tools ask for runtimes; newer ones answer in the same form. */
const STACK_VERSIONS = ['2020-10-01', ...VERSIONS];
const SITE = 'Microsoft.Web/sites';

/** Settings are in no GET: this call tells them, and whoever may make it may read every secret in them. */
const listSettings: Handler = (call) => {
  const site = requireParent(call, call.id.replace(/\/config\/[^/]+$/i, ''));
  const name = call.target.names[1]?.toLowerCase();
  if (name !== 'appsettings' && name !== 'connectionstrings') {
    throw new ArmError(404, 'NotFound', `There is no configuration '${name ?? ''}' of the site '${site.name}'.`);
  }
  const properties = name === 'appsettings' ? (call.world.store.secretsOf(site.id) ?? {}) : {};
  const body = {
    id: `${site.id}/config/${name}`,
    name,
    type: `${SITE}/config`,
    location: site.location ?? '',
    properties,
  };
  return { status: 200, body };
};

/** Only these two can be read without the right to list secrets. An app on Flex Consumption has no slots. */
const getConfig: Handler = (call) => {
  const site = requireParent(call, call.id.replace(/\/config\/[^/]+$/i, ''));
  const name = call.target.names[1] ?? '';
  const type = `${SITE}/config`;
  const id = `${site.id}/config/${name}`;
  if (name.toLowerCase() === 'web') {
    return { status: 200, body: { id, name: site.name, type, properties: site.properties?.['siteConfig'] ?? {} } };
  }
  if (name.toLowerCase() === 'slotconfignames') {
    return {
      status: 200,
      body: { id, name, type, properties: { appSettingNames: null, connectionStringNames: null } },
    };
  }
  throw new ArmError(405, 'MethodNotAllowed', 'This configuration is read with POST …/list.');
};

/** The publishing profile, which `az functionapp show` asks for: without passwords, as of a site that takes none. */
const showPublishing: Handler = (call) => {
  const { name } = requireResource(call);
  const body = `<publishData><publishProfile profileName="${name} - FTP" publishMethod="FTP" publishUrl="ftps://${name}.example/site/wwwroot" userName="" userPWD="" /></publishData>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
};

function viewRegion(subscriptionId: string, { displayName, name }: Location): Json {
  return {
    id: `/subscriptions/${subscriptionId}/providers/Microsoft.Web/geoRegions/${displayName}`,
    name: displayName,
    type: 'Microsoft.Web/geoRegions',
    properties: { name: displayName, description: '', displayName, orgDomain: `PUBLIC;${name}` },
  };
}

/** Where apps can be; `sku=FlexConsumption` leaves those where this plan is. */
const listRegions: Handler = (call) => {
  const isFlex = call.request.query.get('sku')?.toLowerCase() === 'flexconsumption';
  const found = LOCATIONS.filter(({ hasFlexConsumption }) => !isFlex || hasFlexConsumption);
  return pageOf(
    call,
    found.map((location) => viewRegion(call.target.subscriptionId ?? '', location)),
  );
};

const FLEX_SKU = {
  skuCode: 'FC1',
  instanceMemoryMB: [
    { size: 2048, isDefault: true },
    { size: 4096, isDefault: false },
  ],
  maximumInstanceCount: { lowestMaximumInstanceCount: 1, highestMaximumInstanceCount: 1000, defaultValue: 100 },
};

function viewNode(version: string, hasFlex: boolean): Json {
  const runtime = { name: 'node', version };
  return {
    displayText: `Node.js ${version}`,
    value: version,
    minorVersions: [
      {
        displayText: `Node.js ${version} LTS`,
        value: `${version} LTS`,
        stackSettings: {
          linuxRuntimeSettings: {
            runtimeVersion: `Node|${version}`,
            isHidden: false,
            supportedFunctionsExtensionVersions: ['~4'],
            Sku: hasFlex ? [{ ...FLEX_SKU, functionAppConfigProperties: { runtime } }] : null,
          },
        },
      },
    ],
  };
}

/** The runtimes of a location; `stack` picks one. Only the part about Flex Consumption depends on the place. */
const listStacks: Handler = (call) => {
  const [place = ''] = call.target.names;
  const location = LOCATIONS.find(({ name }) => name === place.toLowerCase());
  if (!location) throw new ArmError(400, 'BadRequest', `The location '${place}' is not valid.`);
  const stack = call.request.query.get('stack')?.toLowerCase() ?? 'node';
  const majorVersions = ['24', '22', '20'].map((version) =>
    viewNode(version, location.hasFlexConsumption && location.flexNodeVersions.includes(version)),
  );
  const node = {
    id: null,
    name: 'node',
    type: 'Microsoft.Web/locations/functionAppStacks',
    properties: { displayText: 'Node.js', value: 'node', preferredOs: 'windows', majorVersions },
  };
  return { status: 200, body: { value: stack === 'node' ? [node] : [], nextLink: null, id: null } };
};

/** Names of a child are written with their parent's. */
const viewFunction = (resource: RawResource): Json => {
  const site = resource.id.split('/').at(-3) ?? '';
  return { ...resource, name: `${site}/${resource.name}` };
};

/**
 * Function apps, to look at: the app itself runs in the local Functions host. Their settings are kept as secrets of the site, and shown by
 * `config/appsettings/list` only. https://learn.microsoft.com/rest/api/appservice/web-apps
 */
export const web: Provider = {
  namespace: 'Microsoft.Web',
  types: [
    { ...readOnly(SITE, VERSIONS), actions: { publishxml: showPublishing } },
    { type: `${SITE}/config`, apiVersions: VERSIONS, get: getConfig, actions: { list: listSettings } },
    readOnly(`${SITE}/functions`, VERSIONS, viewFunction),
    readOnly('Microsoft.Web/serverfarms', VERSIONS),
    { type: 'Microsoft.Web/geoRegions', apiVersions: VERSIONS, list: listRegions },
    {
      type: 'Microsoft.Web/locations/functionAppStacks',
      apiVersions: STACK_VERSIONS,
      access: 'caller',
      list: listStacks,
    },
  ],
};
