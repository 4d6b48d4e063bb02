import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the made-up node of the stand-ins is. */
export const INSTANCE = { scaleSet: 'aks-system-25481572-vmss', id: '7', nodeGroup: 'MC_rg-aks_aks-prod_westeurope' };

const PROVIDER_ID = `azure:///subscriptions/0/resourceGroups/${INSTANCE.nodeGroup}/providers/Microsoft.Compute/virtualMachineScaleSets/${INSTANCE.scaleSet}/virtualMachines/${INSTANCE.id}`;

/** Stand-ins that note what they were called with, and answer what the commands ask for. */
const STAND_INS = String.raw`
note() { { printf '%s' "$1"; shift; for word in "$@"; do printf '\037%s' "$word"; done; printf '\n'; } >&3; }
az() { note az "$@"; case "$*" in *nodeResourceGroup*) printf '%s\n' "$NODE_GROUP" ;; esac; }
helm() { note helm "$@"; }
dockwarden() { note dockwarden "$@"; }
kubectl() {
  note kubectl "$@"
  case "$*" in
    drain*) return "$DRAIN_STATUS" ;;
    *providerID*) printf '%s' "$PROVIDER_ID" ;;
    *release-name*) printf '%s' my-release ;;
    *'get daemonsets --all-namespaces'*) printf '%s\n' "$DAEMON_SETS" ;;
  esac
}
`;

export interface Ran {
  /** Every call: the program and its words, as it got them. */
  readonly calls: readonly (readonly string[])[];
  readonly status: number | null;
  readonly errors: string;
  /** Files that turned up in the folder that the shell was in. */
  readonly files: readonly string[];
}

/** Types the lines into `sh`, with stand-ins in the place of `az`, `kubectl`, `helm` and `dockwarden`, and everything supplied that is asked for. */
export function runCommands(lines: readonly string[], environment: Readonly<Record<string, string>> = {}): Ran {
  const script = lines.join('\n');
  const asked = [...script.matchAll(/\$\{([A-Z0-9_]+):\?/g)].map(([, name = '']) => [name, `given ${name}`]);
  const folder = mkdtempSync(join(tmpdir(), 'dockwarden-advice-'));
  const [here, temporary] = [join(folder, 'here'), join(folder, 'tmp')];
  mkdirSync(here);
  mkdirSync(temporary);
  try {
    const { status, output } = spawnSync('sh', ['-s'], {
      input: `${STAND_INS}\n${script}\n`,
      cwd: here,
      encoding: 'utf8',
      maxBuffer: 100_000_000,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        TMPDIR: temporary,
        NODE_GROUP: INSTANCE.nodeGroup,
        PROVIDER_ID,
        DRAIN_STATUS: '0',
        DAEMON_SETS:
          'kube-system csi-azuredisk-node mcr.example/csi:1\nkured my-release-kured ghcr.io/kubereboot/kured:1.23.0',
        ...Object.fromEntries(asked),
        ...environment,
      },
    });
    const calls = (output[3] ?? '').split('\n').filter((line) => line !== '');
    return {
      calls: calls.map((line) => line.split('\u001F')),
      status,
      errors: output[2] ?? '',
      files: readdirSync(here),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All lines of an advice, in the order in which they are to be typed. */
export function linesOf(advice: {
  readonly steps: readonly { readonly commands?: readonly string[] }[];
}): readonly string[] {
  return advice.steps.flatMap(({ commands = [] }) => commands);
}
