/** Header fields in the order of arrival, found by name in any letter case (RFC 9110 §5.1). */

export class Fields implements Iterable<readonly [name: string, value: string]> {
  // One flat list, names before their values: a request lives as long as its connection, and a head has 100 fields at
  // most, so that looking through them costs less than an index would. No name means anything to a list (T15).
  readonly #flat: string[] = [];

  /** Returns fields from a flat list of names and values, as `rawHeaders` of `node:http` is. */
  static fromRaw(raw: readonly string[]): Fields {
    const fields = new Fields();
    for (let index = 0; index + 1 < raw.length; index += 2) fields.append(raw[index]!, raw[index + 1]!);
    return fields;
  }

  /** Adds a field behind the others. */
  append(name: string, value: string): void {
    this.#flat.push(name, value);
  }

  /** Returns the value of a field, several joined by `, ` (RFC 9110 §5.3); `undefined` when there is none. */
  get(name: string): string | undefined {
    const first = this.#next(name, 0);
    if (first < 0) return undefined;
    // Nearly always there is one.
    return this.#next(name, first + 2) < 0 ? this.#flat[first + 1] : this.getAll(name).join(', ');
  }

  /** Returns the values of all fields of a name, in order. */
  getAll(name: string): readonly string[] {
    const values: string[] = [];
    for (let index = this.#next(name, 0); index >= 0; index = this.#next(name, index + 2)) {
      values.push(this.#flat[index + 1]!);
    }
    return values;
  }

  has(name: string): boolean {
    return this.#next(name, 0) >= 0;
  }

  /** Returns where in the list the next field of a name is, -1 when there is none. */
  #next(name: string, from: number): number {
    for (let index = from; index < this.#flat.length; index += 2) {
      const candidate = this.#flat[index]!;
      if (candidate === name) return index;
      if (candidate.length === name.length && candidate.toLowerCase() === name.toLowerCase()) return index;
    }
    return -1;
  }

  /** How many fields there are, those of the same name counted each. */
  get size(): number {
    return this.#flat.length / 2;
  }

  /** Yields names as they were written, with their values. */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (let index = 0; index < this.#flat.length; index += 2) yield [this.#flat[index]!, this.#flat[index + 1]!];
  }
}
