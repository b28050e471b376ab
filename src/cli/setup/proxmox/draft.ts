import { type ProxmoxSettings, proxmoxSettings } from '../../../../provisioners/proxmox/setup/index.ts';

/** Settings that the plan is made with, before the token and the templates are known. */
export function draftSettings(known: Readonly<Record<string, unknown>>): ProxmoxSettings {
  return proxmoxSettings.parse({ api_token_secret: 'not known yet', template_vmid: 100, ...known });
}
