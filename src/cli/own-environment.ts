import { readEnvironment } from '../app.ts';
import type { Environment } from '../settings/settings.ts';

const APP_URL = 'DOCKWARDEN_APP_URL';
const APP_KEY = 'DOCKWARDEN_APP_KEY';

/** What the environment tells the command line alone. The key has no flag: everybody on the machine sees command lines. */
export function readOwnEnvironment(): { readonly appUrl: string | undefined; readonly appKey: string | undefined } {
  const { [APP_URL]: appUrl, [APP_KEY]: appKey } = readEnvironment();
  return { appUrl: appUrl === '' ? undefined : appUrl, appKey: appKey === '' ? undefined : appKey };
}

/** The rest: the app's settings, as far as they are set here. */
export function readAppEnvironment(): Environment {
  const { [APP_URL]: _url, [APP_KEY]: _key, ...environment } = readEnvironment();
  return environment;
}
