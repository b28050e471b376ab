import { describe, expect, test } from 'vitest';
import { checkAnswer, checkRequest, type OpenApi, type Schema } from './openapi.ts';

const thing: Schema = {
  type: 'object',
  required: ['id', 'name'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer', minimum: 1 },
    name: { type: ['string', 'null'], maxLength: 3, pattern: '^[a-z]*$' },
    status: { $ref: '#/components/schemas/Status' },
    price: { type: 'string', format: 'decimal' },
    at: { type: 'string', format: 'date-time' },
    pair: { type: 'array', minItems: 2, maxItems: 2, prefixItems: [{ type: 'number' }, { type: 'string' }] },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    either: { oneOf: [{ type: 'string' }, { type: 'integer' }] },
    both: { allOf: [{ type: 'string' }, { enum: ['x'] }] },
  },
};

const document: OpenApi = {
  components: { schemas: { Status: { type: 'string', enum: ['on', 'off'] } } },
  paths: {
    '/things': {
      post: {
        parameters: [
          { name: 'page', in: 'query', required: true, schema: { type: 'integer' } },
          { name: 'deep', in: 'query', schema: { type: 'boolean' } },
        ],
        requestBody: { required: true, content: { 'application/json': { schema: thing } } },
        responses: { '201': { content: { 'application/json': { schema: thing } } }, '204': {}, '4xx': {} },
      },
      get: { responses: { '200': {} } },
    },
  },
};

const good = {
  id: 1,
  name: null,
  status: 'on',
  price: '0.10',
  at: '2026-01-01T00:00:00Z',
  pair: [1, '2'],
  labels: { a: 'b' },
  either: 5,
  both: 'x',
};

describe('the reader of the provider’s document', () => {
  const problems = (value: object): string[] => checkAnswer(document, 'POST /things', 201, JSON.stringify(value));

  test('has nothing to say about what is as documented', () => {
    expect(problems(good)).toEqual([]);
    expect(checkAnswer(document, 'POST /things', 204, '')).toEqual([]);
    expect(
      checkRequest(document, 'POST /things', new URLSearchParams('page=1&deep=true'), JSON.stringify(good)),
    ).toEqual([]);
  });

  test.each([
    [{ id: 0 }, 'out of range'],
    [{ id: 1.5 }, 'is not integer'],
    [{ id: undefined }, "'id' is missing"],
    [{ name: 'long' }, 'length'],
    [{ name: 'A' }, 'pattern'],
    [{ name: 5 }, 'is not string or null'],
    [{ status: 'unknown' }, 'none of its values'],
    [{ price: 'free' }, 'no decimal'],
    [{ at: 'yesterday' }, 'no date-time'],
    [{ pair: [1] }, '1 entries'],
    [{ pair: ['1', '2'] }, 'is not number'],
    [{ labels: { a: 1 } }, 'is not string'],
    [{ either: null }, 'fits 0 of its forms'],
    [{ both: 'y' }, 'none of its values'],
    [{ more: 1 }, "'more' is not documented"],
  ])('objects to %o', (change, problem) => {
    const found = problems({ ...good, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });

  test.each([
    ['GET /nothing', 200, '', 'not documented'],
    ['POST /things', 500, '', 'answers 500'],
    ['POST /things', 204, '{}', 'with a body'],
  ])('objects to %s answered %i with %j', (call, status, body, problem) => {
    expect(checkAnswer(document, call, status, body)).toEqual([expect.stringContaining(problem)]);
  });

  test.each([
    ['POST /things', 'page=1&size=2', JSON.stringify(good), "no parameter 'size'"],
    ['POST /things', '', JSON.stringify(good), "needs the parameter 'page'"],
    ['POST /things', 'page=x', JSON.stringify(good), 'is not integer'],
    ['POST /things', 'page=1&deep=maybe', JSON.stringify(good), 'is not boolean'],
    ['POST /things', 'page=1', '', 'needs a body'],
    ['GET /things', '', '{"a":1}', 'takes no body'],
  ])('objects to the request %s?%s %s', (call, query, body, problem) => {
    expect(checkRequest(document, call, new URLSearchParams(query), body)).toEqual([expect.stringContaining(problem)]);
  });
});
