const DIRECTIVE = /^\s*(oxlint|eslint)-disable|^\s*@ts-(expect-error|ignore|nocheck)|^\s*biome-ignore/;
const WITH_REASON = /(-- |: |@ts-expect-error )\s*\S.{9,}/;

/** Whoever switches a check off says why, in the same comment. */
export const disableNeedsReason = {
  meta: { type: 'problem', docs: { description: 'a switched-off check carries its reason' } },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          if (DIRECTIVE.test(comment.value) && !WITH_REASON.test(comment.value)) {
            context.report({ node: comment, message: 'say why this check is off: `... -- reason`' });
          }
        }
      },
    };
  },
};
