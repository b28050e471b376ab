/** `x as unknown as T` switches the type checker off; foreign data is parsed instead. */
export const noDoubleAssertion = {
  meta: { type: 'problem', docs: { description: 'no assertion of an assertion' } },
  create(context) {
    return {
      TSAsExpression(node) {
        if (node.expression.type !== 'TSAsExpression') return;
        context.report({ node, message: 'a double assertion hides a type error: parse the value' });
      },
    };
  },
};
