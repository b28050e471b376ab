/** A route found, a path known only with other methods, or nothing. */
export type Match<R> =
  | { readonly found: R; readonly params: Readonly<Record<string, string>> }
  | { readonly found?: undefined; readonly knownPath: boolean };

/** Finds routes by method and path. A fixed segment wins over a parameter; a dead end falls back to the parameter. */
export function createRouter<R extends { readonly method: string; readonly path: string }>(
  routes: readonly R[],
): (method: string, path: string) => Match<R> {
  const root = newNode<R>();
  for (const route of routes) {
    let node = root;
    for (const segment of route.path.slice(1).split('/')) {
      if (segment.startsWith(':')) {
        node.parameter ??= { name: segment.slice(1), node: newNode<R>() };
        // Two routes may call the same position differently; the name then belongs to the node, so keep them equal.
        if (node.parameter.name !== segment.slice(1)) throw new Error(`Parameter names clash in route ${route.path}`);
        node = node.parameter.node;
      } else {
        const next = node.fixed.get(segment) ?? newNode<R>();
        node.fixed.set(segment, next);
        node = next;
      }
    }
    node.routes.set(route.method, route);
  }
  return (method, path) => {
    const params: Record<string, string> = {};
    const end = walk(root, path.slice(1).split('/'), 0, params, method);
    if (!end) return { knownPath: false };
    const found = end.routes.get(method);
    return found ? { found, params } : { knownPath: true };
  };
}

interface Node<R> {
  readonly fixed: Map<string, Node<R>>;
  parameter?: { readonly name: string; readonly node: Node<R> };
  readonly routes: Map<string, R>;
}

function newNode<R>(): Node<R> {
  return { fixed: new Map(), routes: new Map() };
}

function walk<R>(
  node: Node<R>,
  segments: readonly string[],
  at: number,
  params: Record<string, string>,
  method: string,
): Node<R> | undefined {
  const segment = segments[at];
  if (segment === undefined) return node.routes.size > 0 ? node : undefined;
  const next = node.fixed.get(segment);
  const byName = next && walk(next, segments, at + 1, params, method);
  if (byName?.routes.has(method)) return byName;
  if (node.parameter && segment !== '') {
    const byParameter = walk(node.parameter.node, segments, at + 1, params, method);
    if (byParameter) {
      params[node.parameter.name] = segment;
      return byParameter;
    }
  }
  return byName;
}
