import type { JsonObject } from '../../local/azure/json.ts';
import { templateTypes } from '../../src/doctor/before-deploy/template-types.ts';
import { type Judgement, listTemplateResources, listTexts, type Resource, readPath } from './resources.ts';
import { BUILT_IN } from './role-rules.ts';

/**
 * Types that the templates may bring up; lower case. For each somebody has thought about what has to hold of it – keys, public access, cost – and
 * has written a rule where there is something: a type that is new in the list may need one.
 */
const KNOWN_TYPES = new Set(
  Object.values(templateTypes)
    .flat()
    .map((type) => type.toLowerCase()),
);

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const GUIDS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** Also what no sample brings up is of a type that the rules know. */
export function judgeTypes(template: JsonObject, where: string): Judgement {
  const resources = listTemplateResources(template, where);
  return {
    seen: resources.length,
    problems: resources
      .filter(({ type }) => !KNOWN_TYPES.has(type))
      .map(
        ({ type, where: place }) =>
          `${place}: nobody has thought about what has to hold of ${type}: see template-types.ts, and the rules of check:infra`,
      ),
  };
}

/** Also in what no sample brings up there is no wildcard in a role, and no built-in role but those of the list is named. */
export function judgeTemplateRoles(template: JsonObject, where: string): Judgement {
  const resources = listTemplateResources(template, where);
  const roles = resources.filter(({ type }) => type === 'microsoft.authorization/roledefinitions');
  const wild = roles.flatMap((role) =>
    listTexts(readPath(role.body, 'properties.permissions'))
      // In an expression, too: templates multiply by `mul`, so a star is part of a text there.
      .filter(([, text]) => text.includes('*'))
      .map(([, text]) => `${role.where}: a role may not hold a wildcard: ${text}`),
  );
  return { seen: roles.length, problems: [...wild, ...findForeignRoles(template, resources, where)] };
}

/** A role is named by its GUID: in the assignment itself, or in a variable of its template. */
function findForeignRoles(template: JsonObject, resources: readonly Resource[], where: string): string[] {
  const assignments = resources.filter(({ type }) => type === 'microsoft.authorization/roleassignments');
  const nested = resources.flatMap(({ body, where: place }) => {
    const variables = readPath(body, 'properties.template.variables');
    return variables === undefined ? [] : [[place, variables] as const];
  });
  const texts = [
    ...assignments.flatMap(({ body, where: place }) =>
      listTexts(readPath(body, 'properties.roleDefinitionId')).map(([, text]) => [place, text] as const),
    ),
    ...[[where, template['variables']] as const, ...nested].flatMap(([place, variables]) =>
      listTexts(variables)
        .filter(([, text]) => GUID.test(text))
        .map(([, text]) => [place, text] as const),
    ),
  ];
  return texts.flatMap(([place, text]) =>
    (text.match(GUIDS) ?? [])
      .filter((id) => BUILT_IN[id.toLowerCase()] === undefined)
      .map((id) => `${place}: ${id} is not among the roles that may be assigned`),
  );
}
