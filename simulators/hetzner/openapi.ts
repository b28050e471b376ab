/** As much of a JSON schema as the provider's document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Says everything that an answer has and the document does not allow; empty when it is as documented. */
export function checkAnswer(document: OpenApi, call: string, status: number, body: string): string[] {
  const operation = operationOf(document, call);
  if (!operation) return [`${call} is not documented`];
  const { responses } = operation;
  const documented = responses[String(status)] ?? responses[`${Math.floor(status / 100)}xx`];
  if (!documented) return [`${call} answers ${status}, which is not documented`];
  const schema = documented.content?.['application/json']?.schema;
  if (!schema) return body === '' ? [] : [`${call} answers ${status} with a body, which is not documented`];
  return problems(document, schema, JSON.parse(body), `${call} ${status}`);
}

/** The same for a request: its query and its body. */
export function checkRequest(document: OpenApi, call: string, query: URLSearchParams, body: string): string[] {
  const operation = operationOf(document, call);
  if (!operation) return [`${call} is not documented`];
  const parameters = (operation.parameters ?? []).filter((one) => one.in === 'query');
  const unknown = [...query.keys()].filter((name) => !parameters.some((one) => one.name === name));
  const missing = parameters.filter(({ name, required }) => required && !query.has(name)).map(({ name }) => name);
  const values = parameters.flatMap(({ name, schema }) =>
    query
      .getAll(name)
      .flatMap((text) =>
        problems(document, schema.items ?? schema, read(schema.items ?? schema, text), `${call}?${name}`),
      ),
  );
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  return [
    ...unknown.map((name) => `${call} has no parameter '${name}'`),
    ...missing.map((name) => `${call} needs the parameter '${name}'`),
    ...values,
    ...(schema && body !== '' ? problems(document, schema, JSON.parse(body), call) : []),
    ...(schema && body === '' && operation.requestBody?.required ? [`${call} needs a body`] : []),
    ...(!schema && body !== '' && body !== '{}' ? [`${call} takes no body`] : []),
  ];
}

function operationOf({ paths }: OpenApi, call: string): Operation | undefined {
  const [method = '', path = ''] = call.split(' ');
  return paths[path]?.[method.toLowerCase()];
}

function read(schema: Schema, text: string): unknown {
  if (schema.type === 'integer' || schema.type === 'number') return Number(text);
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function problems(document: OpenApi, schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined) {
    const target = document.components.schemas[schema.$ref.replace('#/components/schemas/', '')];
    return target ? problems(document, target, value, at) : [`${at}: ${schema.$ref} is not in the document`];
  }
  const found: string[] = [];
  if (schema.type !== undefined && ![schema.type].flat().some((type) => isOf(type, value))) {
    return [`${at}: ${JSON.stringify(value)} is not ${[schema.type].flat().join(' or ')}`];
  }
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at}: ${JSON.stringify(value)} is none of its values`);
  for (const part of schema.allOf ?? []) found.push(...problems(document, part, value, at));
  if (schema.oneOf) {
    const fitting = schema.oneOf.filter((one) => problems(document, one, value, at).length === 0);
    if (fitting.length !== 1) found.push(`${at}: fits ${fitting.length} of its forms`);
  }
  if (typeof value === 'string') found.push(...textProblems(schema, value, at));
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))
      found.push(`${at}: ${value} is out of range`);
  }
  if (Array.isArray(value)) found.push(...listProblems(document, schema, value, at));
  else if (isRecord(value)) found.push(...objectProblems(document, schema, value, at));
  return found;
}

function textProblems(schema: Schema, text: string, at: string): string[] {
  const found: string[] = [];
  if (text.length < (schema.minLength ?? 0) || text.length > (schema.maxLength ?? Infinity))
    found.push(`${at}: its length`);
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(text))
    found.push(`${at}: '${text}' is not as its pattern`);
  const format = schema.format === undefined ? undefined : FORMATS[schema.format];
  if (format && !format.test(text)) found.push(`${at}: '${text}' is no ${schema.format}`);
  return found;
}

const FORMATS: Readonly<Record<string, RegExp>> = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  decimal: /^\d+(\.\d+)?$/,
};

function listProblems(document: OpenApi, schema: Schema, list: readonly unknown[], at: string): string[] {
  const sized = list.length >= (schema.minItems ?? 0) && list.length <= (schema.maxItems ?? Infinity);
  const rows = list.flatMap((row, index) => {
    const own = schema.prefixItems?.[index] ?? schema.items;
    return own ? problems(document, own, row, `${at}[${index}]`) : [];
  });
  return sized ? rows : [`${at}: ${list.length} entries`, ...rows];
}

function objectProblems(
  document: OpenApi,
  schema: Schema,
  object: Readonly<Record<string, unknown>>,
  at: string,
): string[] {
  const known = schema.properties ?? {};
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(object, name));
  const entries = Object.entries(object).flatMap(([name, value]) => {
    const own = Object.hasOwn(known, name) ? known[name] : undefined;
    if (own) return problems(document, own, value, `${at}.${name}`);
    if (schema.additionalProperties === false) return [`${at}: '${name}' is not documented`];
    return typeof schema.additionalProperties === 'object'
      ? problems(document, schema.additionalProperties, value, `${at}.${name}`)
      : [];
  });
  return [...missing.map((name) => `${at}: '${name}' is missing`), ...entries];
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isRecord(value);
    default:
      return typeof value === type;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
