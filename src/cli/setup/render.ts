import { stringify } from 'smol-toml';
import type { SetupPlan } from './plan.ts';

export interface Identity {
  readonly providerPubkey: string;
  readonly poolId?: string;
  readonly keyFile: string;
}

/** The configuration as text; the reference agent's layout, unless the target was given a name. */
export function renderConfig(plan: SetupPlan, identity: Identity): string {
  const { poolId } = identity;
  const api = {
    endpoint: plan.endpoint,
    provider_pubkey: identity.providerPubkey,
    // The path, never the key: this file is shown around when something is wrong.
    agent_secret_key: identity.keyFile,
    ...(poolId === undefined ? {} : { pool_id: poolId }),
  };
  const settings = { [plan.provisioner]: { ...plan.settings } };
  const target =
    plan.target === undefined
      ? { provisioner: { type: plan.provisioner, ...settings } }
      : { targets: [{ name: plan.target, type: plan.provisioner, ...settings }] };
  const document = {
    api,
    polling: {},
    ...(plan.stateDir === undefined ? {} : { agent: { state_dir: plan.stateDir } }),
    ...target,
  };
  return `${head(plan)}\n${stringify(document)}\n`;
}

function head({ command }: SetupPlan): string {
  return `# Written by "dc-agent ${command}". Every key is explained in config.example.toml and by "dc-agent config explain".\n`;
}
