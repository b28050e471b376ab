const SHELL_CALLS = new Set(['exec', 'execSync']);

/** A command is an array of arguments: nothing that a tenant or a backend says can become a second command. */
export const noShell = {
  meta: { type: 'problem', docs: { description: 'no shell between us and a child process' } },
  create(context) {
    return {
      ImportDeclaration(node) {
        if (!/^(node:)?child_process$/.test(node.source.value)) return;
        for (const specifier of node.specifiers) {
          if (specifier.type !== 'ImportSpecifier') {
            context.report({ node: specifier, message: 'import the functions of child_process by name' });
          } else if (SHELL_CALLS.has(specifier.imported.name)) {
            context.report({
              node: specifier,
              message: `${specifier.imported.name} runs a shell: use execFile or spawn`,
            });
          }
        }
      },
      Property(node) {
        if ((node.key.name ?? node.key.value) !== 'shell') return;
        if (node.value.type === 'Literal' && node.value.value !== false) {
          context.report({ node, message: 'the shell option runs a shell: pass an array of arguments' });
        }
      },
    };
  },
};
