import { z } from 'zod';
import { isHttpUrl, secret } from '../../src/provisioner/settings.ts';

/** Settings of a target that is served by hand. The key is that of the reference agent. */
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
  })
  .describe('Machines that a person makes and removes.');
