import * as limit from "../../models/limits.ts";
import { scoreOfBin } from "../table/score-scale.ts";
import type { Model, Table } from "../table/table.ts";

export type Rule = "bounds" | "monotone" | "step" | "size" | "valid";

/** Why a candidate is refused; `where` is MODEL, or MODEL/SEGMENT/TAG with the tag's value. */
export type Reason = { rule: Rule; where: string; text: string };

/** Lowest and highest cut allowed for each tag of a model, in bins. */
export type Bounds = Readonly<Record<string, readonly (readonly [number, number])[]>>;

/** Recorded decisions of the same requests over all arms: by model name and segment name, one
 * count a bin. */
export type BinCounts = Readonly<Record<string, Readonly<Record<string, ArrayLike<number>>>>>;

/** Over what the tagged share is one share: all segments of the model, or each by itself. */
export type Scope = "overall" | "segment";

/** More tags at most double the tagged share of a push, counted from at least 1 in 1,000. */
const STEP_FACTOR = 2;
const STEP_FLOOR_DIVISOR = 1000;

type Cut = { segment: string; tag: number; bin: number };

function listCuts(table: Table, cuts: Model["cuts"]): Cut[] {
  return cuts.flatMap((row, at) =>
    row.map((bin, tag) => ({ segment: table.segments.names[at] ?? `${at}`, tag, bin })),
  );
}

const allCuts = (table: Table, model: Model): Cut[] => [
  ...listCuts(table, model.cuts),
  ...listCuts(table, model.candidateCuts ?? []),
];

const nameCut = (model: Model, segment: string, tag: number): string =>
  `${model.name}/${segment}/${model.tags[tag]?.value ?? tag}`;

function showBin(model: Model, bin: number): string {
  const score = scoreOfBin(model, bin);
  return score === null ? "none" : `${score.toPrecision(4)} (bin ${bin})`;
}

/** A cut that tags anything lies within the bounds of its tag. */
export function checkBounds(candidate: Table, bounds: Bounds): Reason[] {
  return candidate.models.flatMap((model) =>
    allCuts(candidate, model).flatMap(({ segment, tag, bin }) => {
      const [low, high] = bounds[model.name]?.[tag] ?? [0, limit.CUT_NONE];
      if (bin === limit.CUT_NONE || (bin >= low && bin <= high)) return [];
      const range = `${showBin(model, low)} to ${showBin(model, high)}`;
      const text = `cut ${showBin(model, bin)} is outside its bounds ${range}`;
      return [{ rule: "bounds" as const, where: nameCut(model, segment, tag), text }];
    }),
  );
}

/** A later tag, which says more, has no lower cut than an earlier one. */
export function checkMonotone(candidate: Table): Reason[] {
  return candidate.models.flatMap((model) =>
    [...model.cuts, ...(model.candidateCuts ?? [])].flatMap((row, at) =>
      row.slice(1).flatMap((bin, before) => {
        const lower = row[before] ?? 0;
        if (bin >= lower) return [];
        const segment = candidate.segments.names[at % model.cuts.length] ?? `${at}`;
        const text = `cut ${showBin(model, bin)} is below ${showBin(model, lower)} of the tag before`;
        return [{ rule: "monotone" as const, where: nameCut(model, segment, before + 1), text }];
      }),
    ),
  );
}

/** At most the size a filter takes, and accepted by its own validator (`validate` gives 0). */
export function checkBytes(bytes: Uint8Array, validate: (bytes: Uint8Array) => number): Reason[] {
  const reasons: Reason[] = [];
  if (bytes.length > limit.TABLE_BYTES_MAX) {
    const text = `table of ${bytes.length} bytes, at most ${limit.TABLE_BYTES_MAX}`;
    reasons.push({ rule: "size", where: "table", text });
  }
  const code = validate(bytes);
  if (code !== 0) {
    const text = `the filter's validator refuses the table with code ${code}`;
    reasons.push({ rule: "valid", where: "table", text });
  }
  return reasons;
}

/**
 * Fewer tags are never capped. More tags at most double the share of decisions at or above the
 * cut, on the same requests. Modes play no part: to act on a cut that was shadowed is no step. A
 * cut that was none before is exempt, so a segment without a cut counts on neither side.
 */
export function checkStep(
  live: Table | null,
  candidate: Table,
  counts: BinCounts,
  scopes: Readonly<Record<string, Scope>>,
): Reason[] {
  return candidate.models.flatMap((model) => {
    const former = live?.models.find(({ name }) => name === model.name);
    if (live === null || former === undefined || !isSameScale(former, model)) return [];
    const moves = pairCuts(live, former, candidate, model);
    return model.tags.flatMap((_, tag) => {
      const own = moves.filter((move) => move.tag === tag);
      const groups = scopes[model.name] === "segment" ? own.map((move) => [move]) : [own];
      return groups.flatMap((group) => judgeGroup(model, group, counts[model.name] ?? {}));
    });
  });
}

type Move = { segment: string; tag: number; before: number; after: number };

/** Bins of another scale mean something else, so no share can be compared. */
const isSameScale = (a: Model, b: Model): boolean =>
  a.lo === b.lo && a.hi === b.hi && a.output === b.output && a.class === b.class;

/** Segments by name: their numbers may move from table to table. Tags by header and value. */
function pairCuts(live: Table, former: Model, candidate: Table, model: Model): Move[] {
  const formerCuts = listCuts(live, former.cuts);
  return listCuts(candidate, model.cuts).flatMap(({ segment, tag, bin }) => {
    const own = model.tags[tag];
    const twin = former.tags.findIndex((t) => t.header === own?.header && t.value === own.value);
    const before = formerCuts.find((cut) => cut.segment === segment && cut.tag === twin);
    const isExempt = before === undefined || before.bin === limit.CUT_NONE;
    return isExempt ? [] : [{ segment, tag, before: before.bin, after: bin }];
  });
}

function judgeGroup(model: Model, group: Move[], counts: BinCounts[string]): Reason[] {
  const first = group[0];
  if (first === undefined || group.every(({ before, after }) => after >= before)) return [];
  const where = group.length === 1 ? nameCut(model, first.segment, first.tag) : model.name;
  const sum = (start: (move: Move) => number): number =>
    group.reduce((all, move) => all + countFrom(counts[move.segment] ?? [], start(move)), 0);
  const total = sum(() => 0);
  if (total === 0) {
    const text = "a lower cut cannot be judged, no decision is recorded yet";
    return [{ rule: "step", where, text }];
  }
  const before = sum((move) => move.before);
  const after = sum((move) => move.after);
  // In whole decisions, so that no rounding decides.
  const isWithin =
    after <= STEP_FACTOR * before || after * STEP_FLOOR_DIVISOR <= STEP_FACTOR * total;
  if (isWithin) return [];
  const text = `tags ${after} of ${total} decisions instead of ${before}, at most twice as many`;
  return [{ rule: "step", where, text }];
}

function countFrom(counts: ArrayLike<number>, bin: number): number {
  let sum = 0;
  for (let at = bin; at < counts.length; at += 1) sum += counts[at] ?? 0;
  return sum;
}
