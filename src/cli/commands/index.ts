import type { Command } from '../command.ts';
import { adoptCommand } from './adopt.ts';
import { approveCommand } from './approve.ts';
import { configCheckCommand, configExplainCommand, configSchemaCommand } from './config.ts';
import { conformanceCommand } from './conformance.ts';
import { credentialCommand, devOpenCredentialCommand } from './credential.ts';
import {
  devDemoCommand,
  devDigitaloceanCommand,
  devHetznerCommand,
  devPlatformCommand,
  devProxmoxCommand,
  devSandboxCommand,
  devVultrCommand,
} from './dev.ts';
import { doctorCommand } from './doctor.ts';
import { drainCommand, resumeCommand } from './drain.ts';
import { explainCommand } from './explain.ts';
import { netdCommand } from './netd.ts';
import { resetPasswordCommand } from './reset-password.ts';
import { runCommand } from './run.ts';
import { setupGatewayCommand } from './setup-gateway.ts';
import { setupHetznerCommand } from './setup-hetzner.ts';
import { setupProxmoxCommand } from './setup-proxmox.ts';
import { setupServiceCommand } from './setup-service.ts';
import { setupTokenCommand } from './setup-token.ts';
import { statusCommand } from './status.ts';
import { taskDoneCommand, taskFailCommand, taskListCommand, taskShowCommand } from './task.ts';
import { testProvisionCommand } from './test-provision.ts';
import { trafficCommand } from './traffic.ts';
import { uptimeCommand, uptimeExportCommand, uptimeUsageCommand, uptimeVerifyCommand } from './uptime.ts';

/** Where the reference agent keeps it too. */
export const DEFAULT_CONFIG = '/etc/dc-agent/dc-agent.toml';

/** What commands of two words begin with. */
export const GROUPS: Readonly<Record<string, string>> = {
  setup: 'Register this host with the platform, and make a service of the agent.',
  config: 'Check and explain the configuration.',
  task: 'What waits for a person, on targets of type manual.',
  dev: 'Stand-ins for the platform and for a backend, for trying things out.',
};

/** Every command, in the order of help and documentation. */
export const allCommands: readonly Command[] = [
  setupTokenCommand,
  setupProxmoxCommand,
  setupHetznerCommand,
  setupGatewayCommand,
  setupServiceCommand,
  configCheckCommand,
  configExplainCommand,
  configSchemaCommand,
  doctorCommand,
  testProvisionCommand,
  conformanceCommand,
  runCommand,
  statusCommand,
  explainCommand,
  trafficCommand,
  uptimeCommand,
  uptimeExportCommand,
  uptimeVerifyCommand,
  uptimeUsageCommand,
  approveCommand,
  resetPasswordCommand,
  credentialCommand,
  adoptCommand,
  taskListCommand,
  taskShowCommand,
  taskDoneCommand,
  taskFailCommand,
  drainCommand,
  resumeCommand,
  devDemoCommand,
  devPlatformCommand,
  devSandboxCommand,
  devProxmoxCommand,
  devHetznerCommand,
  devDigitaloceanCommand,
  devVultrCommand,
  netdCommand,
  devOpenCredentialCommand,
];
