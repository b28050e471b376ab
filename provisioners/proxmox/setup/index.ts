/** The door for `dc-agent setup proxmox`, which is the only caller. */

export { type ProxmoxSettings, proxmoxSettings } from '../schema.ts';
export { parseFingerprint, type Trust } from '../tls.ts';
export { readCertificate, type SeenCertificate } from '../tls-read.ts';
export { applySteps } from './apply.ts';
export { pinImage } from './checksums.ts';
export { nodesToChoose } from './choose.ts';
export { type Administrator, type Connection, connect } from './connect.ts';
export { type Choices, decide } from './decide.ts';
export { adminLacks, grantsFor } from './grants.ts';
export { IMAGES, type Image, ownImage } from './images.ts';
export { type Journal, made, nameOf } from './made.ts';
export { COMMENT, tokenName } from './names.ts';
export { rehearse } from './paper.ts';
export { planSetup, type SetupPlan } from './plan.ts';
export type { GuestAgent } from './steps-template.ts';
export { surveyCluster, surveyDetails, surveyNode } from './survey.ts';
export { type Kept, undo } from './undo.ts';
export { verifyTarget } from './verify.ts';
export type { SnippetFolder, Step } from './work.ts';
