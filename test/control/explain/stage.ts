// A log with a history and decisions as the filter's own core makes them, without a proxy.
import { create, toBinary } from "@bufbuild/protobuf";
import { createHashId } from "../../../control/collect/hash-id.ts";
import { DecisionSchema } from "../../../control/events/decision_pb.ts";
import type { EventLog, NewEvent } from "../../../control/events/log.ts";
import { createExplainer, type ExplainParts } from "../../../control/explain/explainer.ts";
import { openHistory } from "../../../control/history/history.ts";
import { labelEvent } from "../../../control/learn/join/label-event.ts";
import { createScorer, type ScorerRequest } from "../../../control/scorer.ts";
import { describeTable, type TableNames } from "../../../control/table/describe.ts";
import { A_TOKEN_KEY, someTable } from "../../support/builders.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

export const HOUR_MS = 3_600_000;

export type Made = {
  id?: string;
  /** The header `x-score`; null leaves it out. */
  score?: number | null;
  headers?: ScorerRequest["headers"];
  path?: string;
  seq?: number;
  node?: string;
  code?: number;
  /** Bits of Envoy's response flags. */
  flags?: number;
  /** What the response said of it. */
  outcome?: string;
  /** Changes the record before it is stored. */
  change?: (record: Uint8Array) => void;
};

/** A decision of the table, as event and token. */
export function makeDecision(
  table: Uint8Array,
  made: Made = {},
): { event: NewEvent; token: string } {
  const { id = "id-1", score = 4000, headers = [], path = "/", seq = 0 } = made;
  const scorer = createScorer();
  if (scorer.load(table) !== 0) throw new Error("the filter refuses the table of the test");
  const scored = score === null ? [] : [["x-score", String(score)] as const];
  const request = { method: "GET", path, headers: [...scored, ...headers] };
  const decided = scorer.decide(request, { vm: 7n, seq, now: 9_000_000_000n, requestId: id });
  const record = decided.record ?? new Uint8Array();
  made.change?.(record);
  const value = create(DecisionSchema, {
    node: made.node ?? "node-1",
    workload: "web",
    record,
    requestId: id,
    responseCode: made.code ?? 200,
    responseFlags: made.flags ?? 0,
    method: "GET",
    path,
    ...(made.outcome !== undefined && { outcome: { label: made.outcome } }),
  });
  const key = createHashId(A_TOKEN_KEY)(Buffer.from(id));
  const event = { topic: "limen.decisions", key, value: toBinary(DecisionSchema, value) } as const;
  return { event, token: decided.token };
}

/** An explainer over a log in memory whose history holds the table, pushed by "ann". */
export async function openStage(
  options: Partial<ExplainParts> & { table?: Uint8Array; log?: EventLog } = {},
) {
  const { table = someTable(), log = createMemoryLog(), ...changes } = options;
  const history = await openHistory(log);
  const names = describeTable(table);
  const known = new Map<string, TableNames>([[names.digest, names]]);
  const pushed = { what: "pushed", at: 5_000, by: "ann", why: "first cut" } as const;
  await history.append([
    { ...pushed, table, tableDigest: names.digest, tableSerial: names.serial },
  ]);
  const explain = createExplainer({
    log,
    history,
    liveTable: () => table,
    namesOf: (digest) => known.get(digest),
    tokenKey: A_TOKEN_KEY,
    keepMs: 24 * HOUR_MS,
    now: Date.now,
    ...changes,
  });
  const add = async (...made: Made[]): Promise<string[]> => {
    const all = made.map((each) => makeDecision(table, each));
    await log.append(all.map(({ event }) => event));
    return all.map(({ token }) => token);
  };
  /** Posts what later proved true of a request id. */
  const post = (id: string, label: 0 | 1): Promise<void> =>
    log.append([
      labelEvent(createHashId(A_TOKEN_KEY)(Buffer.from(id)), { label: label + 1, source: "desk" }),
    ]);
  return { log, history, table, names, explain, add, post };
}
