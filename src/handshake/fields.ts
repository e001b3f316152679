/** Header fields in the order of arrival, found by name in any letter case (RFC 9110 §5.1). */

export class Fields implements Iterable<readonly [name: string, value: string]> {
  // A Map: a field named `__proto__` is a field (T15).
  readonly #values = new Map<string, string[]>();
  readonly #list: Array<readonly [string, string]> = [];

  /** Returns fields from a flat list of names and values, as `rawHeaders` of `node:http` is. */
  static fromRaw(raw: readonly string[]): Fields {
    const fields = new Fields();
    for (let index = 0; index + 1 < raw.length; index += 2) fields.append(raw[index]!, raw[index + 1]!);
    return fields;
  }

  /** Adds a field behind the others. */
  append(name: string, value: string): void {
    this.#list.push([name, value]);
    const key = name.toLowerCase();
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
  }

  /** Returns the value of a field, several joined by `, ` (RFC 9110 §5.3); `undefined` when there is none. */
  get(name: string): string | undefined {
    return this.#values.get(name.toLowerCase())?.join(', ');
  }

  /** Returns the values of all fields of a name, in order. */
  getAll(name: string): readonly string[] {
    return this.#values.get(name.toLowerCase()) ?? [];
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  /** How many fields there are, those of the same name counted each. */
  get size(): number {
    return this.#list.length;
  }

  /** Yields names as they were written, with their values. */
  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.#list[Symbol.iterator]();
  }
}
