import { dirname, relative, resolve, sep } from 'node:path';
import { forbidden } from '../arrows.js';

/** Holds the arrows of ../arrows.js: type-only, static and dynamic imports are told apart. */
export const importDirection = {
  meta: { type: 'problem', docs: { description: 'imports point one way between the rooms of the source tree' } },
  create(context) {
    const check = (node, source, how) => {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const from = fromRoot(context, context.filename);
      const to = fromRoot(context, resolve(dirname(context.filename), source.value));
      const why = forbidden({ from, to, how });
      if (why !== undefined) context.report({ node, message: `${why} (${from} -> ${to})` });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source, typeOnly(node, 'importKind') ? 'type' : 'static'),
      ExportNamedDeclaration: (node) => check(node, node.source, typeOnly(node, 'exportKind') ? 'type' : 'static'),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === 'type' ? 'type' : 'static'),
      ImportExpression: (node) => check(node, node.source, 'dynamic'),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal ?? node.argument, 'type'),
    };
  },
};

/** `import type {...}` and `import { type A, type B }` both load nothing. */
function typeOnly(node, kind) {
  if (node[kind] === 'type') return true;
  return node.specifiers.length > 0 && node.specifiers.every((specifier) => specifier[kind] === 'type');
}

function fromRoot(context, path) {
  return relative(context.cwd, path).split(sep).join('/');
}
