// What the failures of other implementations in the conformance cases come from, as far as they were looked at and held
// against the text of the RFCs. `scripts/conformance-peers.mjs` lays them out; a failure that fits none of these is told as
// one that nobody has looked at.

/**
 * By peer. `cases`: patterns of ids, `*` stands for anything. `role`: of the peer; both when it is left out. `text`: the
 * cause in plain words, with the clause.
 *
 * @type {Readonly<Record<string, ReadonlyArray<{ cases: readonly string[], role?: 'server' | 'client', text: string }>>>}
 */
export const findings = {};
