import type { Json } from '../../local/azure/json.ts';
import { type Judgement, ofType, type Resource, readPath } from './resources.ts';

/** What a property has to say on every resource of a type. */
export interface PropertyRule {
  readonly type: string;
  readonly path: string;
  /** Allowed values; `undefined` among them = it may be left out. An expression is none of them: what it comes to is not seen here. */
  readonly allowed: readonly (Json | undefined)[];
}

const TLS = ['TLS1_2', 'TLS1_3'];
const STORAGE = 'Microsoft.Storage/storageAccounts';
const SITE = 'Microsoft.Web/sites';

/** Parts of a site's configuration that Flex Consumption refuses, whatever their value: error 51021, in some regions only. FTP is not there at all. */
const REFUSED_BY_FLEX = [
  'ftpsState',
  'functionAppScaleLimit',
  'functionsRuntimeScaleMonitoringEnabled',
  'linuxFxVersion',
  'netFrameworkVersion',
  'preWarmedInstanceCount',
  'use32BitWorkerProcess',
  'windowsFxVersion',
];

/** By what is to hold, for people. */
export const propertyRules: Readonly<Record<string, readonly PropertyRule[]>> = {
  'shared keys are off on every storage account': [
    { type: STORAGE, path: 'properties.allowSharedKeyAccess', allowed: [false] },
    { type: STORAGE, path: 'properties.defaultToOAuthAuthentication', allowed: [true] },
  ],
  'TLS 1.2 at least, everywhere': [
    { type: STORAGE, path: 'properties.minimumTlsVersion', allowed: TLS },
    { type: SITE, path: 'properties.siteConfig.minTlsVersion', allowed: ['1.2', '1.3'] },
    { type: SITE, path: 'properties.siteConfig.scmMinTlsVersion', allowed: ['1.2', '1.3'] },
    { type: 'Microsoft.EventHub/namespaces', path: 'properties.minimumTlsVersion', allowed: ['1.2', '1.3'] },
  ],
  'no blob can be read by everybody': [
    { type: STORAGE, path: 'properties.allowBlobPublicAccess', allowed: [false] },
    { type: `${STORAGE}/blobServices/containers`, path: 'properties.publicAccess', allowed: [undefined, 'None'] },
  ],
  'HTTPS only': [
    { type: STORAGE, path: 'properties.supportsHttpsTrafficOnly', allowed: [true] },
    { type: SITE, path: 'properties.httpsOnly', allowed: [true] },
    { type: SITE, path: 'properties.siteConfig.remoteDebuggingEnabled', allowed: [undefined, false] },
  ],
  'Node 24': [
    { type: SITE, path: 'properties.functionAppConfig.runtime.name', allowed: ['node'] },
    { type: SITE, path: 'properties.functionAppConfig.runtime.version', allowed: ['24'] },
  ],
  'what is deleted from blobs can be brought back': [
    { type: `${STORAGE}/blobServices`, path: 'properties.deleteRetentionPolicy.enabled', allowed: [true] },
    { type: `${STORAGE}/blobServices`, path: 'properties.containerDeleteRetentionPolicy.enabled', allowed: [true] },
  ],
  'nothing that Flex Consumption refuses': REFUSED_BY_FLEX.map((name) => ({
    type: SITE,
    path: `properties.siteConfig.${name}`,
    allowed: [undefined],
  })),
  'identities instead of keys and passwords': [
    { type: 'Microsoft.Insights/components', path: 'properties.DisableLocalAuth', allowed: [true] },
    { type: 'Microsoft.EventHub/namespaces', path: 'properties.disableLocalAuth', allowed: [true] },
    {
      type: 'Microsoft.OperationalInsights/workspaces',
      path: 'properties.features.disableLocalAuth',
      allowed: [true],
    },
    { type: SITE, path: 'identity.type', allowed: ['UserAssigned'] },
    {
      type: SITE,
      path: 'properties.functionAppConfig.deployment.storage.authentication.type',
      allowed: ['UserAssignedIdentity'],
    },
    // Its identity delivers.
    { type: 'Microsoft.EventGrid/systemTopics', path: 'identity.type', allowed: ['SystemAssigned'] },
    { type: `${SITE}/basicPublishingCredentialsPolicies`, path: 'properties.allow', allowed: [false] },
  ],
};

/** Looks at every resource of the rules' types. A rule whose type is nowhere is a problem: it would prove nothing. */
export function judgeProperties(resources: readonly Resource[], rules: readonly PropertyRule[]): Judgement {
  const problems: string[] = [];
  let seen = 0;
  for (const { type, path, allowed } of rules) {
    const found = ofType(resources, type);
    seen += found.length;
    if (found.length === 0) problems.push(`there is no ${type} to look at`);
    for (const { body, where } of found) {
      const value = readPath(body, path);
      if (value === undefined && isHidden(body, path)) {
        problems.push(`${where}: ${path} cannot be seen: write it as it is, and not as part of an expression`);
        continue;
      }
      if (allowed.includes(value)) continue;
      problems.push(
        `${where}: ${path} is ${describe(value)}, and has to be ${allowed.map((each) => describe(each)).join(' or ')}`,
      );
    }
  }
  return { seen, problems };
}

/** Is something on the way to a property an expression? Then what is left out may be in it. */
function isHidden(body: Json, path: string): boolean {
  const names = path.split('.');
  return names.some((_name, index) => typeof readPath(body, names.slice(0, index).join('.')) === 'string');
}

/** Publishing with a user name and a password is off for both ways there are, on every site. */
export function judgePublishing(resources: readonly Resource[]): Judgement {
  const sites = ofType(resources, SITE);
  const policies = ofType(resources, `${SITE}/basicPublishingCredentialsPolicies`);
  const problems = ['ftp', 'scm'].flatMap((way) => {
    const count = policies.filter(({ id }) => id.endsWith(`/${way}`)).length;
    return count === sites.length ? [] : [`${sites.length} sites, and ${count} policies about passwords for ${way}`];
  });
  return { seen: sites.length, problems };
}

function describe(value: Json | undefined): string {
  return value === undefined ? 'left out' : JSON.stringify(value);
}
