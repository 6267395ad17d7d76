import { readRecord } from "../collect/record.ts";
import { LimenError } from "../errors.ts";
import { explainRefusal, type Scorer, type ScorerRequest } from "../scorer.ts";
import { REASONS } from "../service/decisions.ts";
import type { TableNames } from "../table/describe.ts";
import type { RequestAsk } from "./ask.ts";
import { explainModel, nameFeatures, scoreOffline } from "./models.ts";
import { explainReason } from "./reasons.ts";
import type { ExplainedRequest, ModelExplained, TableExplained } from "./view.ts";

/** Reasons for which no model is asked. The others are of draws, and nothing is drawn here. */
const NOT_ASKED = ["no-table", "exempt", "off", "trusted", "oversize", "no-headers", "work"];
/** Of those: the features are not whole, so there is no score to show. */
const NO_FEATURES = ["no-table", "oversize", "no-headers", "work"];

/** Text as a terminal sends it: UTF-8, one character a byte. */
const toByteText = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** Header lines as a proxy hands them on: small letters, the host as :authority. */
function toScorerRequest({ method, path, headers }: RequestAsk, nowMs: number): ScorerRequest {
  const pairs = headers.map(([name, value]) => [name.toLowerCase(), toByteText(value)] as const);
  const host = pairs.findLast(([name]) => name === "host")?.[1];
  return {
    method,
    path: toByteText(path),
    ...(host === undefined ? {} : { authority: host }),
    headers: pairs.filter(([name]) => name !== "host"),
    now: BigInt(nowMs) * 1_000_000n,
  };
}

function explainOne(
  names: TableNames,
  index: number,
  segment: number,
  scorer: Scorer,
  parts: { vector: Float32Array | null; isAsked: boolean },
): ModelExplained {
  const { vector, isAsked } = parts;
  const none = { raw: null, score: null, bin: null };
  const scored = vector === null ? none : scoreOffline(scorer, index, vector);
  const model = explainModel(names, index, segment, scored);
  return { ...model, tag: isAsked && model.mode === "tag" ? model.reaches : null };
}

/** What a table would decide about a request: the core that the proxy runs, nothing drawn. */
export function explainRequest(
  ask: RequestAsk,
  table: { bytes: Uint8Array; names: TableNames; pushed: TableExplained | null },
  scorer: Scorer,
  nowMs: number,
): ExplainedRequest {
  const { bytes, names, pushed } = table;
  const refused = scorer.load(bytes);
  if (refused !== 0) {
    const why = explainRefusal(refused);
    throw new LimenError("refused", `table: the filter refuses it: ${why}; compile it again`);
  }
  const request = toScorerRequest(ask, nowMs);
  const decided = scorer.decide(request, { now: BigInt(nowMs) * 1_000_000n });
  const record = readRecord(decided.record ?? new Uint8Array());
  const drawn = REASONS[record.reason] ?? String(record.reason);
  const reason = NOT_ASKED.includes(drawn) ? drawn : "none";
  const vector = NO_FEATURES.includes(reason) ? null : scorer.features(request);
  const parts = { vector, isAsked: reason === "none" };
  const segment = record.models[0]?.segment ?? 0;
  return {
    kind: "request",
    method: ask.method,
    path: ask.path,
    tableDigest: names.digest,
    serial: names.serial,
    table: pushed,
    segment: names.models.length === 0 ? null : (names.segments[segment] ?? String(segment)),
    reason,
    reasonText: reason === "none" ? "models are asked" : explainReason(reason),
    audit: names.audit,
    features: vector === null ? [] : nameFeatures(names, vector),
    models: names.models.map((_, index) => explainOne(names, index, segment, scorer, parts)),
    forged: decided.forged,
  };
}
