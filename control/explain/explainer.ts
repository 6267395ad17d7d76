import { createHashId } from "../collect/hash-id.ts";
import { isTokenText, readTokenFields } from "../collect/token.ts";
import { LimenError } from "../errors.ts";
import type { EventLog, StoredEvent } from "../events/log.ts";
import { choosePartition } from "../events/partition.ts";
import type { History } from "../history/history.ts";
import { readSecrets } from "../publish.ts";
import { createScorer, type Scorer } from "../scorer.ts";
import { describeTable } from "../table/describe.ts";
import type { ExplainAsk } from "./ask.ts";
import { listBad, type NamesOf } from "./bad.ts";
import { explainDecision, type ReadDecision, readDecision } from "./decision.ts";
import { explainRequest } from "./request.ts";
import { findTable } from "./table.ts";
import type { Explained, ExplainedDecision } from "./view.ts";
import { walkBack } from "./walk.ts";

/** Newest decisions of a partition that are searched: there is no index by request id. */
export const SEARCHED_MAX = 200_000;
/** Decisions under one id are searched this far before the newest one. */
const OTHERS_MS = 60_000;
const OTHERS_MAX = 10;

export type ExplainParts = {
  log: EventLog;
  history: History;
  /** The table proxies shall have now. */
  liveTable: () => Uint8Array;
  namesOf: NamesOf;
  tokenKey: Uint8Array;
  keepMs: number;
  now: () => number;
  bound?: number;
};

type Found = { newest: ReadDecision; others: ReadDecision[] };

const sameBytes = (a: Uint8Array | null, b: Uint8Array): boolean =>
  a !== null && Buffer.compare(a, b) === 0;

const DAY_MS = 86_400_000;

function durationText(ms: number): string {
  if (ms < 60_000) return `${ms / 1000} s`;
  if (ms < 3_600_000) return `${ms / 60_000} min`;
  return ms < 2 * DAY_MS ? `${ms / 3_600_000} h` : `${ms / DAY_MS} days`;
}

const DECISIONS = "limen.decisions";

/** The newest decision that fits, and others that do shortly before it. */
async function search(
  parts: ExplainParts,
  key: Uint8Array,
  fits: (read: ReadDecision) => boolean,
): Promise<{ found: Found | null; isBounded: boolean }> {
  const { log, bound = SEARCHED_MAX } = parts;
  let found: Found | null = null;
  const visit = (event: StoredEvent): boolean => {
    if (found && event.time < found.newest.event.time - OTHERS_MS) return false;
    const read = sameBytes(event.key, key) ? readDecision(event) : null;
    if (read === null || !fits(read)) return true;
    if (found === null) found = { newest: read, others: [] };
    else found.others.push(read);
    return found.others.length < OTHERS_MAX;
  };
  const partition = choosePartition(key, log.partitions(DECISIONS));
  const isBounded = await walkBack(log, { topic: DECISIONS, partition, bound, visit });
  return { found, isBounded };
}

async function findLast({ log }: ExplainParts): Promise<ReadDecision> {
  let last: ReadDecision | null = null;
  for (let partition = 0; partition < log.partitions(DECISIONS); partition++) {
    const visit = (event: StoredEvent): boolean => {
      const read = readDecision(event);
      if (read !== null && event.time > (last?.event.time ?? -1)) last = read;
      return read === null;
    };
    await walkBack(log, { topic: DECISIONS, partition, bound: SEARCHED_MAX, page: 100, visit });
  }
  if (last) return last;
  const hint = "send a request through a proxy whose access log comes here";
  throw new LimenError("missing", `explain: no decision is recorded; ${hint}`);
}

function notFound(parts: ExplainParts, what: string, isBounded: boolean): LimenError {
  const { bound = SEARCHED_MAX, keepMs } = parts;
  const kept = `decisions are kept for ${durationText(keepMs)} (keep.decisions)`;
  const searched = isBounded ? `, and only the newest ${bound} were searched` : "";
  const hint = "they arrive when the response has ended and the access log is flushed";
  return new LimenError("missing", `explain: ${what}; ${kept}${searched}; ${hint}`);
}

async function explainFound(
  parts: ExplainParts,
  scorer: Scorer,
  { newest, others }: Found,
): Promise<ExplainedDecision> {
  const table = await findTable(parts, newest.record.tableDigest);
  return {
    ...explainDecision(newest, table, scorer),
    others: others.map(({ event, stored, record }) => ({
      node: stored.node,
      at: event.time,
      seq: record.seq,
    })),
  };
}

async function explainId(parts: ExplainParts, scorer: Scorer, id: string) {
  const key = createHashId(parts.tokenKey)(Buffer.from(id, "utf8"));
  const { found, isBounded } = await search(parts, key, () => true);
  if (found) return explainFound(parts, scorer, found);
  throw notFound(parts, `no decision of request ${id}`, isBounded);
}

async function explainToken(parts: ExplainParts, scorer: Scorer, token: string) {
  const forged = (why: string): LimenError =>
    new LimenError("input", `token: ${why}; give the whole value of x-limen-decision`);
  if (!isTokenText(token)) throw forged("it has not the form of a token");
  const { key, vm, seq, tableDigest } = readTokenFields(token);
  const table = await findTable(parts, tableDigest);
  if (!table) throw forged(`it names table ${tableDigest}, which this service never pushed`);
  const { tokenKey } = readSecrets(table.bytes);
  if (!scorer.readToken(tokenKey, token)) {
    throw forged(`forged or changed: its MAC is not by the key of table ${tableDigest}`);
  }
  const fits = ({ record }: ReadDecision) => record.vm === vm && record.seq === seq;
  const { found, isBounded } = await search(parts, key, fits);
  if (found) return explainFound(parts, scorer, { ...found, others: [] });
  const what = `the token is genuine (record ${seq} of VM ${vm}), its decision is not in the log`;
  throw notFound(parts, what, isBounded);
}

async function explainLive(
  parts: ExplainParts,
  scorer: Scorer,
  ask: Extract<ExplainAsk, { kind: "request" }>,
) {
  const bytes = parts.liveTable();
  const names = describeTable(bytes);
  const pushed = (await findTable(parts, names.digest))?.pushed ?? null;
  return explainRequest(ask, { bytes, names, pushed }, scorer, parts.now());
}

/** Answers what `limen explain` asks, from the log and the history. */
export function createExplainer(parts: ExplainParts): (ask: ExplainAsk) => Promise<Explained> {
  let scorer: Scorer | undefined;
  return async (ask) => {
    scorer ??= createScorer();
    switch (ask.kind) {
      case "last":
        return explainFound(parts, scorer, { newest: await findLast(parts), others: [] });
      case "id":
        return explainId(parts, scorer, ask.id);
      case "token":
        return explainToken(parts, scorer, ask.token);
      case "bad": {
        const { log, namesOf, bound = SEARCHED_MAX } = parts;
        const now = parts.now();
        return listBad({ log, namesOf, bound }, Math.max(now - ask.sinceMs, 0), now);
      }
      case "request":
        return explainLive(parts, scorer, ask);
    }
  };
}
