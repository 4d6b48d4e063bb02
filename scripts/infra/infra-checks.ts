import { optionalRolesFor, type RolePermissions } from '../../src/doctor/roles.ts';
import { policies } from '../../src/policy/catalogue.ts';
import { remediations, trackers } from '../../src/remediations/catalogue.ts';
import { modeSetting } from '../../src/settings/catalogue.ts';
import type { Check } from '../checks/run-checks.ts';
import { derivedSettings } from '../generated/settings-bicep.ts';
import { type Connection, judgeConnected, judgeCustomRoles, judgeNeededRoles } from './access-rules.ts';
import { judgeConnections } from './connection-rules.ts';
import { judgeFixedCost } from './cost-rules.ts';
import { evaluateAll } from './evaluate.ts';
import { judgeAlertExport, judgeEventSubscriptions } from './event-rules.ts';
import { judgeDiagnostics, judgeFlip, judgeGroups, judgeRecords, judgeStorage } from './presence-rules.ts';
import { judgeProperties, judgePublishing, propertyRules } from './property-rules.ts';
import { listRefusals } from './refusals.ts';
import {
  type Judgement,
  join,
  listPredicted,
  listTemplateResources,
  listTexts,
  problemsOf,
  type Resource,
  readPath,
} from './resources.ts';
import {
  judgeAuditTable,
  judgeBuiltIns,
  judgeDefinitions,
  judgeManagementGroups,
  judgePermissions,
  judgeRemoval,
} from './role-rules.ts';
import { OBSERVE, withSettings } from './samples.ts';
import { judgeOutputs, judgeParameters, judgeSecretReads } from './secret-rules.ts';
import { judgeAppSettings, judgeDefaults, judgeSettingsType, readGivenSettings } from './setting-rules.ts';
import { readStorageUse } from './storage-use.ts';
import { judgeTemplateRoles, judgeTypes } from './template-rules.ts';
import { findUsed, type Workspace } from './workspace.ts';

const MAIN = 'infra/main.bicep';
/** More problems than these of one rule help nobody. */
const SHOWN = 15;

const catalogue = { policies, remediations, trackers };

/** All that has to hold of the templates, in the order in which it is checked: what is compiled first is looked at afterwards. */
export function listChecks(workspace: Workspace): readonly Check[] {
  const deployments = createDeployments(workspace);
  const { modules, parameterFiles } = workspace;
  return [
    says(`bicep build: ${modules.length} templates`, modules.length, async () => await workspace.build()),
    says(
      'no file is overwritten by who compiles a template beside it',
      modules.length,
      async () => await Promise.resolve(workspace.findOverwritten()),
    ),
    says('bicep lint', modules.length, async () => await workspace.lint()),
    says('bicep format: nothing to change', modules.length, async () => await workspace.findUnformatted()),
    says(
      `bicep build-params: ${parameterFiles.length} files`,
      parameterFiles.length,
      async () => await workspace.buildParameters(),
    ),
    ...parameterFiles.map((file) =>
      rule(`bicep snapshot: ${file}`, async () => ({ seen: (await deployments.predict(file)).length, problems: [] })),
    ),
    ...listTemplateChecks(workspace),
    ...listDeploymentChecks(deployments),
    ...listRoleChecks(deployments),
    rule('roles: what is set back to observe is named for removal', async () => await judgeSetBack(workspace)),
    ...listRefusals(workspace),
  ];
}

function listTemplateChecks(workspace: Workspace): readonly Check[] {
  const entries = async () => {
    const names = await findEntries(workspace);
    return names.map((name) => [name, workspace.readTemplate(name)] as const);
  };
  const everywhere = (
    what: string,
    judge: (template: Awaited<ReturnType<typeof entries>>[number][1], where: string) => Judgement,
  ) => rule(`templates: ${what}`, async () => join((await entries()).map(([name, template]) => judge(template, name))));
  return [
    ...Object.entries(propertyRules).map(([what, rules]) =>
      rule(`templates: ${what}`, async () =>
        judgeProperties(
          (await entries()).flatMap(([name, template]) => listTemplateResources(template, name)),
          rules,
        ),
      ),
    ),
    everywhere('none reads a key or holds a secret', judgeSecretReads),
    everywhere('no output is a secret', judgeOutputs),
    everywhere('only types that the rules know', judgeTypes),
    everywhere('no wildcard in a role, no role of Azure but those of the list', judgeTemplateRoles),
    everywhere('secret parameters are secure, and have no default', judgeParameters),
    rule('templates: every setting of the catalogue is a parameter, and no other', async () =>
      judgeSettingsType(workspace.readTemplate(MAIN), catalogue, derivedSettings),
    ),
  ];
}

function listDeploymentChecks({ all, apps, observe }: Deployments): readonly Check[] {
  const each = (what: string, judge: (predicted: readonly Resource[]) => Judgement) =>
    rule(`samples: ${what}`, async () => join((await apps()).map(judge)));
  return [
    ...Object.entries(propertyRules).map(([what, rules]) =>
      rule(`samples: ${what}`, async () => judgeProperties((await all()).flat(), rules)),
    ),
    each('no password publishes anything', judgePublishing),
    each('every setting that the app reads is set, and no other', (predicted) =>
      judgeAppSettings(predicted, catalogue),
    ),
    each('the identity and the services that the app is told of are its own', judgeConnections),
    each('events: exactly what the policies that are on need', judgeEventSubscriptions),
    rule('samples: alerts of all severities are exported (R60)', async () =>
      join((await apps()).map(judgeAlertExport)),
    ),
    each('every queue, table and container that the code uses', (predicted) =>
      judgeStorage(predicted, readStorageUse()),
    ),
    each('no resource group but the own ones is written', judgeGroups),
    each('records are locked, seals cannot be changed', judgeRecords),
    each('writes and deletions in the storage are logged', judgeDiagnostics),
    rule('defaults: every setting says what the app would assume', async () =>
      judgeDefaults(await observe(), catalogue),
    ),
    rule('defaults: nothing is billed per hour or month (R59)', async () => judgeFixedCost(await observe())),
  ];
}

function listRoleChecks({ all, apps, connections, flip, observe, roles }: Deployments): readonly Check[] {
  const permissions = async (predicted: readonly Resource[]) => judgePermissions(predicted, await roles());
  const acting = remediations.map((remediation) => ({ id: remediation.id, setting: modeSetting(remediation).name }));
  const setAll = (mode: string, others: Readonly<Record<string, string>> = {}) => ({
    ...Object.fromEntries(acting.map(({ setting }) => [setting, mode])),
    ...others,
  });
  return [
    rule('roles: no wildcard, each is assigned', async () => join((await all()).map(judgeDefinitions))),
    rule('roles: built-in ones only from the list, where they are for', async () =>
      join((await all()).map(judgeBuiltIns)),
    ),
    rule('roles: nothing that is brought up lacks the role that it works with', async () =>
      join((await apps()).map((predicted) => judgeNeededRoles(predicted, readStorageUse().tables))),
    ),
    rule('roles: every custom one is generated', async () =>
      join(await Promise.all((await all()).map(async (predicted) => judgeCustomRoles(predicted, await roles())))),
    ),
    rule('roles: what connects others assigns what its settings call for', async () =>
      join(
        await Promise.all(
          (await connections()).map(async ({ predicted, ...connection }) =>
            judgeConnected(predicted, await roles(), connection),
          ),
        ),
      ),
    ),
    rule('roles: the audit can only be added to', async () => join((await apps()).map(judgeAuditTable))),
    rule('roles: none with data actions at a management group', async () =>
      join((await all()).map(judgeManagementGroups)),
    ),
    rule('roles: exactly what the settings of each sample call for', async () =>
      join(await Promise.all((await apps()).map(permissions))),
    ),
    rule('roles: everything in approve', async () => await permissions(await flip(setAll('approve')))),
    rule(
      'roles: DOCKWARDEN_MODE=observe leaves the reader alone',
      async () => await permissions(await flip(setAll('enforce', { DOCKWARDEN_MODE: 'observe' }))),
    ),
    ...acting.map((remediation) =>
      rule(`roles: ${remediation.id} in enforce adds its role, and changes nothing else`, async () =>
        judgeFlip(await observe(), await flip({ [remediation.setting]: 'enforce' }), remediation, await roles()),
      ),
    ),
  ];
}

/** One subscription: its own identity is a parameter there, so that names which are made of it are known. */
async function judgeSetBack(workspace: Workspace): Promise<Judgement> {
  const text = await workspace.readText('infra/samples/subscription.bicepparam');
  const modes = Object.fromEntries(remediations.map((remediation) => [modeSetting(remediation).name, 'enforce']));
  const acting = listPredicted(await workspace.predictText(withSettings(text, modes)), 'made-up sample');
  const observing = await workspace.predictText(text);
  const named = listTexts(evaluateAll(observing['outputs'])).map(([, id]) => id);
  return judgeRemoval(acting, listPredicted(observing, 'subscription.bicepparam'), named);
}

type Deployments = ReturnType<typeof createDeployments>;

/** Snapshots, each made once. */
function createDeployments(workspace: Workspace) {
  const made = new Map<string, Promise<readonly Resource[]>>();
  const remember = async (key: string, make: () => Promise<readonly Resource[]>): Promise<readonly Resource[]> => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return await known;
  };
  const predict = async (file: string) =>
    await remember(file, async () => listPredicted(await workspace.predict(file), file.replace(/^.*\//, '')));
  const predictAll = async (files: readonly string[]) => {
    const all: (readonly Resource[])[] = [];
    // One after the other: each run of the compiler takes a core.
    for (const file of files) all.push(await predict(file));
    return all;
  };
  return {
    predict,
    observe: async () => await predict(OBSERVE),
    /** Every parameter file. */
    all: async () => await predictAll(workspace.parameterFiles),
    /** Those that bring up the app. */
    apps: async () => {
      const used = await Promise.all(
        workspace.parameterFiles.map(async (file) => findUsed(file, await workspace.readText(file))),
      );
      return await predictAll(workspace.parameterFiles.filter((_file, index) => used[index] === MAIN));
    },
    /** Those that connect others, with the settings that they are given. */
    connections: async () => {
      const all: (Connection & { readonly predicted: readonly Resource[] })[] = [];
      for (const file of workspace.parameterFiles) {
        const used = findUsed(file, await workspace.readText(file));
        if (used === MAIN) continue;
        const given = await workspace.readParameters(file);
        const settings = readGivenSettings(readPath(given, 'settings.value'), catalogue);
        all.push({
          predicted: await predict(file),
          settings,
          optional: optionalRolesFor(settings, policies, remediations).filter((name) => name === 'nodes'),
          kind: used.endsWith('/management-group.bicep') ? 'group' : 'rest',
        });
      }
      return all;
    },
    /** The sample with all defaults but these settings. */
    flip: async (settings: Readonly<Record<string, string>>) =>
      await remember(JSON.stringify(settings), async () =>
        listPredicted(
          await workspace.predictText(withSettings(await workspace.readText(OBSERVE), settings)),
          'made-up sample',
        ),
      ),
    roles: async (): Promise<RolePermissions> => JSON.parse(await workspace.readText('infra/generated/roles.json')),
  };
}

/** Templates that no other one brings in: looking at these is looking at all. */
async function findEntries(workspace: Workspace): Promise<readonly string[]> {
  const used = new Set<string>();
  for (const module of workspace.modules) {
    for (const [, path = ''] of (await workspace.readText(module)).matchAll(/^module\s+\w+\s+'([^']+)'/gm)) {
      used.add(new URL(path, `file:///${module}`).pathname.slice(1));
    }
  }
  return workspace.modules.filter((module) => !used.has(module));
}

function says(what: string, seen: number, find: () => Promise<readonly string[]>): Check {
  return rule(what, async () => ({ seen, problems: await find() }));
}

function rule(what: string, judge: () => Promise<Judgement>): Check {
  return {
    what,
    async holds() {
      const problems = [...new Set(problemsOf(await judge()))];
      if (problems.length === 0) return true;
      const more = problems.length > SHOWN ? [`… and ${problems.length - SHOWN} more`] : [];
      throw new Error([...problems.slice(0, SHOWN), ...more].join('\n  '));
    },
  };
}
