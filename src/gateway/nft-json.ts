/** The shapes of libnftables' JSON (libnftables-json(5)) that are written here. */

/** An expression or statement: an object with one key. */
export type NftExpression = Readonly<Record<string, unknown>>;

/** `{ add: { table: ... } }`, ... */
export type NftCommand = Readonly<Record<'add' | 'delete' | 'flush', unknown>> | NftExpression;

export const payload = (protocol: string, field: string): NftExpression => ({ payload: { protocol, field } });
export const meta = (key: string): NftExpression => ({ meta: { key } });
export const ct = (key: string, dir?: 'original' | 'reply'): NftExpression => ({
  ct: dir === undefined ? { key } : { key, dir },
});
export const concat = (...parts: readonly NftExpression[]): NftExpression => ({ concat: parts });

export const is = (left: NftExpression, right: unknown): NftExpression => ({ match: { op: '==', left, right } });
export const isNot = (left: NftExpression, right: unknown): NftExpression => ({ match: { op: '!=', left, right } });
/** For bit fields such as a connection's state and status: any of these. */
export const has = (left: NftExpression, right: string | readonly string[]): NftExpression => ({
  match: { op: 'in', left, right },
});
export const oneOf = (values: readonly unknown[]): NftExpression => ({ set: values });

export const prefix = (network: string): NftExpression => {
  const [addr = '', len = ''] = network.split('/');
  return { prefix: { addr, len: Number(len) } };
};

export const ACCEPT: NftExpression = { accept: null };
export const DROP: NftExpression = { drop: null };
export const MASQUERADE: NftExpression = { masquerade: null };
export const goto = (target: string): NftExpression => ({ goto: { target } });

/** Notes the key in a set for the set's time. */
export const note = (elem: NftExpression, set: string): NftExpression => ({
  set: { op: 'update', elem, set: `@${set}` },
});

/** True for what exceeds the limit; each key has its own. */
export const over = (elem: NftExpression, set: string, limit: NftExpression): NftExpression => ({
  set: { op: 'update', elem, set: `@${set}`, stmt: [{ limit: { ...limit, inv: true } }] },
});
