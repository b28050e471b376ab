import { z } from 'zod';
import { secret } from '../../src/provisioner/settings.ts';

const slug = (standard: string, description: string) =>
  z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/, { error: 'expected a slug: lower-case letters, digits, dots and hyphens' })
    .default(standard)
    .describe(description);

/** Settings of a DigitalOcean target. The keys and defaults are those of the reference agent. */
export const digitaloceanSettings = z
  .strictObject({
    api_token: secret('The API token, with read and write scope for droplets, keys and tags.'),
    default_size: slug('s-1vcpu-1gb', 'The size of droplets whose offering names none.'),
    default_region: slug('nyc3', 'The region of droplets whose offering names none.'),
    default_image: slug(
      'ubuntu-24-04-x64',
      'The image of droplets whose offering names none: its slug, or its number in quotes.',
    ),
  })
  .describe('A DigitalOcean account.');
