// Writes all mutants of a source file into it at once, each behind a switch: `__mutant(7) ? changed : original`.
import { createRequire } from 'node:module';

// The parser is knip's: one more direct dependency would be one more thing to keep up to date.
const { parseSync } = createRequire(import.meta.resolve('knip'))('oxc-parser');

const SWAPS = {
  '===': ['!=='],
  '!==': ['==='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '**': ['*'],
  '&&': ['||'],
  '||': ['&&'],
};

/**
 * Returns the instrumented text and the mutants in it. `first` is the number of the first one.
 *
 * @param {string} file
 * @param {string} source
 * @param {number} first
 */
export function instrument(file, source, first) {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`);
  const mutants = [];

  const add = (node, to) => {
    const mutant = {
      id: first + mutants.length,
      file,
      line: lineOf(source, node.start),
      context: contextOf(source, node.start),
      from: text(node),
      to,
    };
    mutants.push(mutant);
    return mutant.id;
  };
  const text = (node) => source.slice(node.start, node.end);

  /** The text of a node with everything below it instrumented. */
  function render(node) {
    const edits = [];
    for (const child of childrenOf(node)) edits.push([child.start, child.end, renderSwitched(child)]);
    return splice(source, node.start, node.end, edits);
  }

  function renderSwitched(node) {
    if (isStatementToDrop(node)) {
      const id = add(node, '');
      return `if (!__mutant(${id})) ${render(node)}`;
    }
    const versions = mutationsOf(node, text);
    if (versions.length === 0) return render(node);
    const switches = versions.map((to) => `__mutant(${add(node, to)}) ? (${to}) : `);
    return `(${switches.join('')}(${render(node)}))`;
  }

  return { code: render(program), mutants };
}

function isStatementToDrop(node) {
  return (
    node.type === 'ExpressionStatement' ||
    node.type === 'ThrowStatement' ||
    (node.type === 'ReturnStatement' && node.argument !== null)
  );
}

/** The texts that a node is replaced with. */
function mutationsOf(node, text) {
  if (node.role === 'test') return ['true', 'false', ...operators(node, text)];
  return operators(node, text);
}

function operators(node, text) {
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
      if (node.operator === '??') return [text(node.left)];
      if (isText(node.left) || isText(node.right)) return node.operator === '+' ? [] : swapped(node, text);
      return swapped(node, text);
    case 'UnaryExpression':
      if (node.operator === '!') return [text(node.argument)];
      return node.operator === '-' ? [text(node.argument)] : [];
    case 'Literal':
      return literals(node);
    case 'TemplateLiteral':
      return ['``'];
    case 'ArrayExpression':
      return node.elements.length > 0 ? ['[]'] : [];
    case 'ChainExpression':
      return text(node).includes('?.')
        ? [
            text(node)
              .replace(/\?\.(?=[[(])/, '')
              .replace('?.', '.'),
          ]
        : [];
    case 'MemberExpression':
      if (text(node) === 'Math.max') return ['Math.min'];
      return text(node) === 'Math.min' ? ['Math.max'] : [];
    default:
      return [];
  }
}

function swapped(node, text) {
  return (SWAPS[node.operator] ?? []).map((operator) => `(${text(node.left)}) ${operator} (${text(node.right)})`);
}

function literals({ value }) {
  if (typeof value === 'boolean') return [String(!value)];
  if (typeof value === 'number') return [String(value + 1), `(${value - 1})`];
  if (typeof value === 'string') return [value === '' ? "'mutated'" : "''"];
  return [];
}

function isText(node) {
  return node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string');
}

/** Nodes below that are code and may be replaced; types, names, patterns and modules' paths are left alone. */
function childrenOf(node) {
  const found = [];
  for (const [key, value] of Object.entries(node)) {
    if (key === 'parent' || value === null || typeof value !== 'object' || isFixed(node, key)) continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type !== 'string' || isType(child)) continue;
      if (key === 'test') child.role = 'test';
      found.push(child);
    }
  }
  return found
    .sort((a, b) => a.start - b.start)
    .filter((child, index, all) => index === 0 || child.start >= all[index - 1].end);
}

function isFixed(node, key) {
  if (node.type === 'ImportDeclaration' || node.type === 'ExportAllDeclaration' || key === 'source') return true;
  if (key === 'typeAnnotation' || key === 'typeArguments' || key === 'typeParameters' || key === 'returnType')
    return true;
  if (
    key === 'superClass' ||
    key === 'id' ||
    key === 'quasis' ||
    (key === 'left' && node.type === 'AssignmentExpression')
  )
    return true;
  return (key === 'key' && node.computed !== true) || (key === 'property' && node.computed !== true);
}

function isType(node) {
  if (['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'].includes(node.type)) return false;
  return node.type.startsWith('TS') || node.type.endsWith('Pattern');
}

function splice(source, start, end, edits) {
  let out = '';
  let at = start;
  for (const [from, to, replacement] of edits) {
    out += source.slice(at, from) + replacement;
    at = to;
  }
  return out + source.slice(at, end);
}

function contextOf(source, offset) {
  return source.split('\n')[lineOf(source, offset) - 1].trim();
}

function lineOf(source, offset) {
  return source.slice(0, offset).split('\n').length;
}
