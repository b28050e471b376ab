import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';

/** Looks at the directory and the tasks in it. The webhook is not called: it would ask a person to act. */
export async function checkManual({ store, settings }: Backend): Promise<Finding[]> {
  return [await checkDirectory(store), webhookFinding(settings)];
}

async function checkDirectory(store: Backend['store']): Promise<Finding> {
  try {
    const { tasks, unreadable } = await store.all();
    await access(store.directory, constants.R_OK | constants.W_OK | constants.X_OK);
    if (unreadable === 0) {
      return { level: 'pass', code: 'manual.tasks.readable', title: `${store.directory} holds ${tasks.length} tasks.` };
    }
    return {
      level: 'fail',
      code: 'manual.tasks.damaged',
      title: `${unreadable} task files in ${store.directory} cannot be read, so nothing is known of their machines.`,
      remedy: 'Restore them from a backup.',
    };
  } catch (error) {
    const reason = isProvisionerError(error) ? error.message : (error as NodeJS.ErrnoException).code;
    return {
      level: 'fail',
      code: 'manual.tasks.unusable',
      title: `${store.directory} cannot be used: ${reason ?? 'unknown error'}`,
      remedy: 'Give the directory to the agent’s user, with mode 700.',
    };
  }
}

function webhookFinding(settings: Backend['settings']): Finding {
  const url = settings.notification_webhook;
  if (url === undefined) {
    return {
      level: 'warn',
      code: 'manual.webhook.absent',
      title: 'There is no webhook: somebody has to look at dc-agent task list.',
      remedy: 'Set "notification_webhook".',
    };
  }
  if (settings.webhook_format === 'generic' && settings.webhook_secret === undefined) {
    return {
      level: 'warn',
      code: 'manual.webhook.unsigned',
      title: 'The webhook cannot tell our notices from those of others.',
      remedy: 'Set "webhook_secret", and check the signature where notices are received.',
    };
  }
  return { level: 'pass', code: 'manual.webhook.set', title: 'Tasks are announced by a webhook.' };
}
