import { isJsonObject, type Json, type JsonObject } from '../../local/azure/json.ts';
import { type Judgement, listTemplateResources, listTemplates, listTexts, ofType, textAt } from './resources.ts';

/** Last word of names of secrets; `keyVaultId` and `tokenEndpoint` are none. */
const SECRET_NAME =
  /(?:secret|password|passphrase|token|credentials?|connectionstring|sastoken|sas|apikey|accesskey|accountkey|sharedkey|primarykey|secondarykey|masterkey|functionkey|keys?)$/i;
/** `listKeys(…)`, `account.listKeys()`, `listAccountSas(…)`: every function of templates that reads a secret begins so. */
const READS_SECRET = /(?:^|[^A-Za-z0-9_])list[A-Za-z0-9]*\s*\(/;
const IS_SECRET =
  /AccountKey=|SharedAccessKey=|SharedAccessSignature=|[?&]sig=|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{20}/i;

const INSIGHTS_ADDRESS = /^\[reference\(.+\)\.ConnectionString\]$/i;
const SECURE = new Set(['securestring', 'secureobject']);

/** No template reads a key: neither by a function nor by asking for the right to. */
export function judgeSecretReads(template: JsonObject, where: string): Judgement {
  // A description may name what the template does not do.
  const texts = listTexts(template).filter(([path]) => !path.endsWith('metadata.description'));
  const problems = texts.flatMap(([path, text]) => {
    if (text.startsWith('[') && READS_SECRET.test(withoutTexts(text)))
      return [`${where}: ${path} reads a secret: ${text}`];
    if (/\/list(?:Credentials|Keys|AccountSas|ServiceSas|ConnectionStrings)\b/i.test(text)) {
      return [`${where}: ${path} asks for the right to read secrets: ${text}`];
    }
    return IS_SECRET.test(text) ? [`${where}: ${path} holds a secret`] : [];
  });
  return { seen: texts.length, problems };
}

/**
 * An output can be read by everybody who sees the deployment: none may hold a secret. Where Application Insights takes tokens only (another rule
 * sees to that), its connection string is an address.
 */
export function judgeOutputs(template: JsonObject, where: string): Judgement {
  const outputs = listTemplates(template, where).flatMap(([place, inner]) => {
    const hasInsights = ofType(listTemplateResources(inner, place), 'Microsoft.Insights/components').length > 0;
    const found = inner['outputs'];
    return Object.entries(isJsonObject(found) ? found : {}).map(([name, body]) => ({ place, name, body, hasInsights }));
  });
  const problems = outputs.flatMap(({ place, name, body, hasInsights }) => {
    const isAddress = hasInsights && INSIGHTS_ADDRESS.test(textAt(body, 'value'));
    if (SECRET_NAME.test(name) && !isAddress) return [`${place}: output ${name} is named like a secret`];
    return isSecure(body) ? [`${place}: output ${name} is a secret`] : [];
  });
  return { seen: outputs.length, problems };
}

/** A secret that is given as a parameter is not kept with the deployment, and none has a value in the template. */
export function judgeParameters(template: JsonObject, where: string): Judgement {
  const parameters = listTemplates(template, where).flatMap(([place, { parameters: found }]) =>
    Object.entries(isJsonObject(found) ? found : {}).map(([name, body]) => ({ place, name, body })),
  );
  const problems = parameters.flatMap(({ place, name, body }) => {
    if (SECRET_NAME.test(name) && !isSecure(body))
      return [`${place}: parameter ${name} is named like a secret, and not secure`];
    const value = isJsonObject(body) ? body['defaultValue'] : undefined;
    const hasValue = isSecure(body) && value !== undefined && value !== '';
    return hasValue ? [`${place}: the secret parameter ${name} has a default`] : [];
  });
  return { seen: parameters.length, problems };
}

function isSecure(body: Json | undefined): boolean {
  return isJsonObject(body) && SECURE.has(textAt(body, 'type').toLowerCase());
}

/** An expression without its string literals. */
function withoutTexts(expression: string): string {
  return expression.replace(/'(?:[^']|'')*'/g, "''");
}
