import { disableNeedsReason } from './rules/disable-needs-reason.js';
import { importDirection } from './rules/import-direction.js';
import { noDoubleAssertion } from './rules/no-double-assertion.js';
import { noShell } from './rules/no-shell.js';
import { staticLogMessage } from './rules/static-log-message.js';

/** The house rules: what this project asks of its code and no published rule checks. */
const plugin = {
  meta: { name: 'house' },
  rules: {
    'disable-needs-reason': disableNeedsReason,
    'import-direction': importDirection,
    'no-double-assertion': noDoubleAssertion,
    'no-shell': noShell,
    'static-log-message': staticLogMessage,
  },
};

export default plugin;
