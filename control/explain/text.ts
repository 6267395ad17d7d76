import { CUT_NONE } from "../../models/limits.ts";
import { type Column, formatRows } from "../cli/output.ts";
import { writeFloat32 } from "../table/float-text.ts";
import type {
  DecisionClass,
  Explained,
  ExplainedBad,
  ExplainedDecision,
  ExplainedRequest,
  FeatureExplained,
  ModelExplained,
  TableExplained,
} from "./view.ts";

/** Clients choose these texts: what a terminal would act on is shown as its code. */
export function quoteControls(text: string): string {
  return text.replace(/\p{C}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

const time = (at: number): string => new Date(at).toISOString();
const float = (value: number | null): string | null =>
  value === null ? null : writeFloat32(Math.fround(value));
/** A score people compare with others. */
const short = (value: number | null): string | null =>
  value === null ? null : String(Number(value.toPrecision(4)));

/** The left column as wide as its longest word. */
function layFacts(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  return facts.map(([name, text]) => `${name.padEnd(width)}${quoteControls(text)}`).join("\n");
}

function tableText(digest: string, serial: number, table: TableExplained | null): string {
  const name = `${digest} serial ${serial}`;
  if (table === null) return name;
  return `${name}, ${table.what} ${time(table.at)} by ${table.by}: ${table.why}`;
}

type CutRow = ModelExplained & {
  tagName: string | null;
  cutBin: number | null;
  cut: number | null;
};

/** One row a tag; the model's own columns on its first row. */
function listCutRows(models: readonly ModelExplained[]): CutRow[] {
  return models.flatMap((model) => {
    const rows = model.cuts.map((cut) => ({ tagName: cut.value, cutBin: cut.bin, cut: cut.score }));
    const none = { tagName: null, cutBin: null, cut: null };
    return (rows.length > 0 ? rows : [none]).map((row) => ({ ...model, ...row }));
  });
}

function scoreText({ score, binScores }: ModelExplained): string | null {
  if (score !== null) return float(score);
  return binScores === null ? null : `${short(binScores[0])}..${short(binScores[1])}`;
}

const MODEL_COLUMNS: readonly Column<CutRow>[] = [
  { title: "model", of: (row) => row.model },
  { title: "segment", of: (row) => row.segment },
  { title: "mode", of: (row) => row.mode },
  { title: "raw", of: (row) => float(row.raw) },
  { title: "score", of: scoreText },
  { title: "bin", of: (row) => row.bin },
  { title: "tag", of: (row) => row.tagName },
  { title: "cut", of: (row) => (row.cutBin === CUT_NONE ? "none" : short(row.cut)) },
  { title: "cut bin", of: (row) => row.cutBin },
];

const FEATURE_COLUMNS: readonly Column<FeatureExplained>[] = [
  { title: "feature", of: (feature) => feature.name },
  { title: "value", of: (feature) => float(feature.value) ?? "missing" },
];

const rowsOf = (models: readonly ModelExplained[], more: readonly Column<CutRow>[]): string =>
  formatRows(listCutRows(models), [...MODEL_COLUMNS, ...more], "table");

function writeDecision(view: ExplainedDecision): string {
  const host = view.authority === "" ? "" : ` ${view.authority}`;
  const flags = view.flags.length > 0 ? ` ${view.flags.join(",")}` : "";
  const code = view.code === 0 ? "no response" : String(view.code);
  const hops = view.others.map(({ node, at, seq }) => `${node} ${time(at)} record ${seq}`);
  const facts: (readonly [string, string])[] = [
    ["request", `${view.requestId || "(no id)"}  ${view.method}${host} ${view.path}`],
    [
      "when",
      `${time(view.decidedAt)} on ${view.node} (${view.workload}), in the log at ${time(view.at)}`,
    ],
    ["record", `${view.seq} of VM ${view.vm}`],
    ["response", `${code}${flags} from ${view.upstream || "no upstream"} in ${view.durationMs} ms`],
    ["status", `${view.status}, ${view.reason}: ${view.reasonText}`],
    ["table", tableText(view.tableDigest, view.serial, view.table)],
    ["offline", view.offline],
    ...(view.table === null
      ? [["", "the table is not in the history: numbers only"] as const]
      : []),
    ...(hops.length > 0 ? [["also", `${hops.join("; ")} under the same id`] as const] : []),
  ];
  const models = rowsOf(view.models, [
    { title: "arm", of: (row) => row.arm },
    { title: "written", of: (row) => row.tag },
  ]);
  const features =
    view.features === null
      ? `features: ${view.featuresNote}`
      : formatRows(view.features, FEATURE_COLUMNS, "table");
  return [layFacts(facts), ...(view.models.length > 0 ? [models] : []), features].join("\n\n");
}

/** What one model would do, and why when it is nothing. */
function verdictOf({ model, segment, mode, reaches, tag, bin, cuts }: ModelExplained): string {
  if (mode === "off") return `${model}: off in segment ${segment}`;
  if (bin === null) return `${model}: unscored, the score is no number (a missing input)`;
  if (tag !== null) return `${model}: ${tag}`;
  if (reaches !== null) return `${model}: no tag in ${mode} mode; in mode tag: ${reaches}`;
  const first = cuts[0]?.bin ?? CUT_NONE;
  return first === CUT_NONE
    ? `${model}: no tag, segment ${segment} has no cut`
    : `${model}: no tag, bin ${bin} is below the cut ${first}`;
}

function verdictText({ reason, reasonText, models, audit }: ExplainedRequest): string {
  if (reason !== "none") return `base state, ${reason}: ${reasonText}`;
  const text = models.map(verdictOf).join("; ");
  const isTagged = models.some(({ tag }) => tag !== null);
  if (!isTagged || audit === 0) return text;
  return `${text} (${short(100 * audit)}% of requests stay untagged for the audit)`;
}

function writeRequest(view: ExplainedRequest): string {
  const facts: (readonly [string, string])[] = [
    ["request", `${view.method} ${view.path}`],
    ["table", tableText(view.tableDigest, view.serial, view.table)],
    ["would be", verdictText(view)],
    ...(view.forged.length > 0 ? [["removed", view.forged.join(", ")] as const] : []),
  ];
  const models = rowsOf(view.models, [{ title: "mode tag", of: (row) => row.reaches }]);
  return [
    layFacts(facts),
    ...(view.models.length > 0 ? [models] : []),
    ...(view.features.length > 0 ? [formatRows(view.features, FEATURE_COLUMNS, "table")] : []),
  ].join("\n\n");
}

const MEANINGS: Readonly<Record<DecisionClass, string>> = {
  "upstream-failed": "5xx, or no whole response from an upstream",
  "scorer-failed": "no score or no tag because of an error",
  "scorer-abstained": "base state by design: exempt, off, no table, trusted",
  "prediction-wrong": "the label disagrees with the cut",
};

function writeBad(view: ExplainedBad): string {
  const rows = view.rows.map(({ what, count }) => {
    const isOpen = what === "prediction-wrong" && view.labelled === 0;
    return { what, count: isOpen ? null : count, text: isOpen ? "no labels yet" : MEANINGS[what] };
  });
  const examples = view.rows.flatMap(({ what, newest }) => newest.map((one) => ({ what, ...one })));
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: "what", of: (row) => row.what },
    { title: "decisions", of: (row) => row.count },
    { title: "meaning", of: (row) => row.text },
  ];
  const shown: readonly Column<(typeof examples)[number]>[] = [
    { title: "newest", of: (row) => row.what },
    { title: "at", of: (row) => time(row.at) },
    { title: "request id", of: (row) => quoteControls(row.requestId) },
    { title: "node", of: (row) => row.node },
    { title: "code", of: (row) => [row.code, ...row.flags].join(" ") },
    { title: "reason", of: (row) => row.reason },
    { title: "request", of: (row) => quoteControls(`${row.method} ${row.path}`) },
  ];
  const bounded = view.isBounded ? `; only the newest ${view.bound} were looked at` : "";
  const odd = view.unreadable > 0 ? `; ${view.unreadable} are of another version` : "";
  return [
    `${view.decisions} decisions since ${time(view.since)}${bounded}${odd}`,
    formatRows(rows, columns, "table"),
    ...(examples.length > 0 ? [formatRows(examples, shown, "table")] : []),
  ].join("\n\n");
}

/** An explanation for people. */
export function writeExplained(view: Explained): string {
  if (view.kind === "decision") return writeDecision(view);
  return view.kind === "request" ? writeRequest(view) : writeBad(view);
}
