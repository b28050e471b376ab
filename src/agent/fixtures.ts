/** Stands in for a thing of which the code under test uses only this part: what else it asks for is a failure of the test. */
export function only<T extends object>(part: Partial<T>): T {
  return new Proxy(part as T, {
    get(target, key) {
      if (!(key in target)) throw new Error(`nobody expected a look at ${String(key)}`);
      return Reflect.get(target, key) as unknown;
    },
  });
}
