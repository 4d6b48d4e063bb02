import { join } from 'node:path';
import type { RunFile } from './run-file.ts';

/** What `az` and the Azure SDKs need in their environment to use a running simulated Azure as this identity; undefined for an unknown one. */
export function createClientEnvironment(
  run: RunFile,
  identity: string,
  directory: string,
): Readonly<Record<string, string>> | undefined {
  const signIn = run.identities[identity];
  if (signIn === undefined) return undefined;
  return {
    // A folder of its own, so that the user's own clouds and logins stay untouched.
    AZURE_CONFIG_DIR: join(directory, `azure-cli-${identity}`),
    AZURE_CORE_COLLECT_TELEMETRY: 'no',
    AZURE_CORE_SURVEY_MESSAGE: 'no',
    AZURE_SUBSCRIPTION_ID: run.subscriptionId,
    REQUESTS_CA_BUNDLE: run.caFile,
    NODE_EXTRA_CA_CERTS: run.caFile,
    // The CLI takes the older form of the managed identity endpoint, and only when it believes to be in a web app.
    APPSETTING_WEBSITE_SITE_NAME: 'dockwarden-local',
    MSI_ENDPOINT: signIn.endpoint,
    MSI_SECRET: signIn.header,
    IDENTITY_ENDPOINT: signIn.endpoint,
    IDENTITY_HEADER: signIn.header,
    DOCKWARDEN_ARM_ENDPOINT: run.arm,
  };
}

/** Lines that a POSIX shell takes with `eval`. */
export function formatExports(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`)
    .join('\n');
}
