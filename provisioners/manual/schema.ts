import { z } from 'zod';
import { absolutePath, isHttpUrl, secret } from '../../src/provisioner/settings.ts';

/** Settings of a target that is served by hand. `notification_webhook` is that of the reference agent. */
export const manualSettings = z
  .strictObject({
    // Chat services put their credential into the URL itself, so the whole URL is one.
    notification_webhook: secret(
      'Receives a POST with JSON whenever somebody has to act.',
      'https://chat.internal/hooks/dc-agent',
    )
      .refine((url) => isHttpUrl(url.reveal().replace(/\?.*$/, '')), { error: 'expected an http:// or https:// URL' })
      .optional()
      .meta({ writeOnly: true }),
    webhook_format: z
      .enum(['generic', 'slack'])
      .default('generic')
      .describe('"generic": the task as JSON. "slack": a text that Slack, Mattermost and the like show as a message.'),
    webhook_secret: secret('Signs each notice with HMAC-SHA256; see docs/manual.md.').optional().meta({
      writeOnly: true,
    }),
    task_dir: absolutePath(
      'Where tasks and answers are kept, in a folder for each target. It is the only record of who made what: back it up.',
    ).default('/var/lib/dc-agent/tasks'),
    power_tasks: z
      .boolean()
      .default(false)
      .describe('Stopping and starting a machine are tasks too. false: the agent refuses both.'),
    ready_check: z
      .enum(['ssh', 'backend'])
      .default('ssh')
      .describe(
        '"ssh": a machine is reported once it accepts the tenant’s key. "backend": once the operator says done.',
      ),
  })
  .describe('Machines that a person makes and removes.');

export type ManualSettings = z.output<typeof manualSettings>;
