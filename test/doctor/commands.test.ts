import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEPLOYED } from '../../local/azure/sample-deployment-ids.ts';
import { type Deployed, type Fault, startDeployed } from './deployed-harness.ts';
import { assignPolicy, SUBSCRIPTION } from './planted-faults.ts';

let deployed: Deployed;
let directory: string;
beforeAll(async () => {
  deployed = await startDeployed();
  directory = await mkdtemp(join(tmpdir(), 'dockwarden-commands-'));
});
afterAll(async () => {
  await deployed.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Runs a command with programs that only print what they are given, in an empty folder; what it leaves there was not meant. */
function run(command: string): string {
  const script = `az() { printf '%s\\n' "$@"; }\ndockwarden() { printf '%s\\n' "$@"; }\nexport VALUE=x\n${command}`;
  return execFileSync('bash', ['-c', script], { cwd: directory, encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } });
}

const EVIL = `x'; touch owned; echo "$(touch owned)\`touch owned\`" #`;

it.each<readonly [string, string, Fault, string]>([
  ['a setting that nobody knows', 'settings', { settings: { [`REMEDIATE_${EVIL}`]: 'off' } }, `REMEDIATE_${EVIL}`],
  ['a setting with a secret in it', 'settings', { settings: { [EVIL]: 'Endpoint=sb://x;SharedAccessKey=abc' } }, EVIL],
  [
    'a scope of a role',
    'roles',
    {
      roles: (held) => [
        ...held,
        { scope: `${SUBSCRIPTION}/resourceGroups/${EVIL}`, actions: ['*'], roleName: 'Contributor' },
      ],
    },
    EVIL,
  ],
  [
    'the id of a topic',
    'events',
    { plant: ({ state }) => state.patch(DEPLOYED.systemTopic, { properties: { provisioningState: EVIL } }) },
    DEPLOYED.systemTopic,
  ],
  [
    'the name of an assignment of Azure Policy',
    'azure-policy',
    {
      plant: assignPolicy(
        {
          displayName: EVIL,
          policyDefinitionId:
            '/providers/Microsoft.Authorization/policyDefinitions/79fdfe03-ffcb-4e55-b4d0-b925b8241759',
        },
        SUBSCRIPTION,
        'evil',
      ),
    },
    'REMEDIATE_ACR_DISABLE_ADMIN_USER=observe',
  ],
])('%s is one word of the command, whatever is in it', async (_, check, fault, word) => {
  const findings = await deployed.find(check, fault);

  expect(findings).not.toEqual([]);
  const printed = findings.map(({ command = '' }) => run(command)).join('');
  expect(printed).toContain(word);
  expect(existsSync(join(directory, 'owned'))).toBe(false);
});

it('would see what gets out of its quotes', () => {
  run('az x; touch owned');
  expect(existsSync(join(directory, 'owned'))).toBe(true);
});
