/** What became of a label. `waiting` is how many wait now; all others only grow or move. */
export const FATES = [
  /** The first final label of its decision, by token or by an id that one decision has. */
  "joined",
  /** Its decision is not in the log yet; it may come within W. */
  "waiting",
  /** Its decision did not come within W. */
  "unknown",
  /** Came later than W after its decision. */
  "late",
  /** Says again what an earlier label said. */
  "duplicate",
  /** Says something else than an earlier label. */
  "conflicting",
  /** By an id that several decisions have. */
  "ambiguous",
  /** Of a request that a tag acted on, from a source that a tag affects. */
  "acted",
  /** Of a decision that no such model scored. */
  "unscored",
  /** No label, or of a source that is not declared. */
  "invalid",
  /** More labels waited than there is room for. */
  "skipped",
] as const;
export type Fate = (typeof FATES)[number];
export type Fates = Record<Fate, number>;

export const createFates = (): Fates => Object.fromEntries(FATES.map((fate) => [fate, 0])) as Fates;
