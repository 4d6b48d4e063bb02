import { shellQuote } from '../remediations/advice.ts';

/** The function app that is looked at. */
export interface AppId {
  /** As it was given, without a trailing slash. */
  readonly id: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

const APP_ID =
  /^\/subscriptions\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/resourceGroups\/([\p{L}\p{N}._()-]{1,90})\/providers\/Microsoft\.Web\/sites\/([a-z0-9-]{1,60})\/?$/iu;

/** Undefined = not the resource id of an app. */
export function parseAppId(text: string): AppId | undefined {
  const [, subscriptionId, resourceGroup, name] = APP_ID.exec(text.trim()) ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || name === undefined) return undefined;
  return { id: text.trim().replace(/\/$/, ''), subscriptionId, resourceGroup, name };
}

/** The options of `az` that say which app is meant. */
export function appOptions({ subscriptionId, resourceGroup, name }: AppId): string {
  return `--subscription ${shellQuote(subscriptionId)} --resource-group ${shellQuote(resourceGroup)} --name ${shellQuote(name)}`;
}

/** Sets an app setting; `value` is text, quoted here. */
export function setSetting(app: AppId, name: string, value: string): string {
  return `az functionapp config appsettings set ${appOptions(app)} --settings ${shellQuote(`${name}=${value}`)}`;
}

/** Sets an app setting whose value the reader has to supply; `meaning` is text of ours. */
export function askForSetting(app: AppId, name: string, meaning: string): string {
  const plain = meaning.replaceAll(/["$`\\{}]/g, '').replaceAll(/\s+/g, ' ');
  return `az functionapp config appsettings set ${appOptions(app)} --settings ${shellQuote(`${name}=`)}"\${VALUE:?set it to ${plain}}"`;
}

export function deleteSetting(app: AppId, name: string): string {
  return `az functionapp config appsettings delete ${appOptions(app)} --setting-names ${shellQuote(name)}`;
}
