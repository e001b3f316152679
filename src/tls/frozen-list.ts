/** Lists that live as long as a connection does. */

const none: readonly never[] = Object.freeze([]);

/** Returns a frozen copy, without the room for sixteen more elements that a list has after a `push`. */
export function frozenList<Element>(list: readonly Element[]): readonly Element[] {
  return list.length === 0 ? none : Object.freeze(list.slice());
}
