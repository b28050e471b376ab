const LEVELS = new Set(['debug', 'info', 'warn', 'error']);

/** A log message is a constant; what varies is a field, where it can be searched for and redacted. */
export const staticLogMessage = {
  meta: { type: 'problem', docs: { description: 'log(fields, "constant message")' } },
  create(context) {
    return {
      CallExpression(node) {
        const { callee, arguments: given } = node;
        if (callee.type !== 'MemberExpression' || !LEVELS.has(callee.property.name)) return;
        if (!isLog(callee.object)) return;
        const message = given[1];
        if (message?.type === 'Literal' && typeof message.value === 'string') return;
        context.report({ node: message ?? node, message: 'call log(fields, message) with a constant message' });
      },
    };
  },
};

/** `log`, `this.log`, `ctx.log`, `this.#log`, `deps.log.child(...)`. */
function isLog(node) {
  if (node.type === 'Identifier') return /^(log|.*Log)$/.test(node.name);
  if (node.type === 'MemberExpression') return node.property.name === 'log';
  return node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && isLog(node.callee.object);
}
