/** Labels that are posted: checked, answered, and in the log before the answer. */
import { LimenError } from "../errors.ts";
import type { NewEvent } from "../events/log.ts";
import { heartbeatEvents, labelEvent } from "../learn/join/label-event.ts";
import type { LabelSettings } from "../learn/join/sources.ts";
import type { OpenLabel } from "../learn/relay.ts";
import type { HashId } from "./decode.ts";
import { type LabelPost, type PostedLabel, readLabelPost } from "./label-body.ts";
import { openToken } from "./token.ts";

/** Why a label does not get into the log. */
export const REJECTS = [
  /** The MAC of the token is not ours. */
  "mac",
  /** Its time is more than a minute ahead of this clock. */
  "future",
  /** Its time is more than two windows ago: no decision of then is known any more. */
  "past",
  /** No source of that name takes labels by HTTP. */
  "undeclared",
  /** No model of that name. */
  "model",
] as const;
export type Reject = (typeof REJECTS)[number];

/** Clocks of sources are a minute off at the most. */
const AHEAD_MS = 60_000;

/** What is known of a label's decision as it is posted; the learner's count is the one that holds. */
export type LabelAnswer =
  | "joined"
  | "waiting"
  | "unknown"
  | "duplicate"
  | "conflicting"
  | "late"
  | "ambiguous"
  | "acted"
  | "unscored"
  | "rejected";

/** A label on its way to the log. */
export type FoundLabel = {
  /** The hash of its request id. */
  key: Uint8Array;
  record: { vm: bigint; seq: number } | null;
  label: 1 | 2;
  model: string;
  source: string;
};

export type LabelsAnswer = {
  /** In the order they were posted. */
  labels: { answer: LabelAnswer; why?: string }[];
  totals: Partial<Record<LabelAnswer, number>>;
};

export type LabelIntakeOptions = {
  append: (batch: readonly NewEvent[]) => Promise<void>;
  /** Null: no source is declared. */
  settings: LabelSettings | null;
  tokenKey: Uint8Array;
  hashId: HashId;
  models: readonly string[];
  partitions: number;
  peek: (label: FoundLabel) => LabelAnswer;
  now: () => number;
};

export type LabelIntake = {
  /** Appends what is not rejected, all or nothing, and answers. */
  post(body: LabelPost, by: string): Promise<LabelsAnswer>;
  /** Rejected since this process began. */
  rejected(): Readonly<Record<Reject, number>>;
};

type Taken = { found: FoundLabel; at: number; answer: LabelAnswer };
type Checked = Taken | { reject: Reject; why: string };

const WHYS: Readonly<Record<Reject, string>> = {
  mac: "the token's MAC is wrong: it was not made here, or changed",
  future: "at lies in the future",
  past: "at is more than two windows ago",
  undeclared: "no such source from: http under labels: in limen.yaml",
  model: "no such model",
};
const rejectFor = (reject: Reject): Checked => ({ reject, why: WHYS[reject] });

function checkTime(at: number | null, now: number, windowMs: number): Reject | null {
  if (at === null) return null;
  if (at > now + AHEAD_MS) return "future";
  return at < now - 2 * windowMs ? "past" : null;
}

function findSource(settings: LabelSettings, name: string | null): string | null {
  const names = settings.sources.filter(({ from }) => from === "http").map((one) => one.name);
  if (name !== null) return names.includes(name) ? name : null;
  return names.length === 1 ? (names[0] ?? null) : null;
}

/** By the token's own time when its decision is not in memory. */
function answerByAge(answer: LabelAnswer, ageMs: number, windowMs: number): LabelAnswer {
  if (answer !== "waiting" || ageMs <= windowMs) return answer;
  return ageMs <= 2 * windowMs ? "late" : "unknown";
}

type CheckOptions = Pick<LabelIntakeOptions, "tokenKey" | "hashId" | "models" | "peek" | "now">;

function check(options: CheckOptions, settings: LabelSettings, posted: PostedLabel): Checked {
  const { windowMs } = settings;
  const now = options.now();
  const source = findSource(settings, posted.source);
  if (source === null) return rejectFor("undeclared");
  const timing = checkTime(posted.at, now, windowMs);
  if (timing) return rejectFor(timing);
  if (posted.model !== "" && !options.models.includes(posted.model)) return rejectFor("model");
  const { label, model } = posted;
  const rest = { label, model, source };
  const at = posted.at ?? 0;
  if (posted.token === null) {
    const key = options.hashId(Buffer.from(posted.requestId ?? ""));
    const found = { ...rest, key, record: null };
    return { found, at, answer: options.peek(found) };
  }
  const token = openToken(options.tokenKey, posted.token);
  if (token === null) return rejectFor("mac");
  const found = { ...rest, key: token.key, record: { vm: token.vm, seq: token.seq } };
  const ageMs = now - Number(token.timeNs / 1_000_000n);
  return { found, at, answer: answerByAge(options.peek(found), ageMs, windowMs) };
}

function eventOf({ found, at }: Taken, by: string): NewEvent {
  const { key, record, ...rest } = found;
  const fields = { ...rest, at: BigInt(at), by };
  return labelEvent(key, record ? { ...fields, record } : fields);
}

function answerAll(checked: readonly Checked[]): LabelsAnswer {
  const labels = checked.map((one) =>
    "reject" in one
      ? { answer: "rejected" as const, why: `${one.reject}: ${one.why}` }
      : { answer: one.answer },
  );
  const totals: LabelsAnswer["totals"] = {};
  for (const { answer } of labels) totals[answer] = (totals[answer] ?? 0) + 1;
  return { labels, totals };
}

async function beat(
  options: LabelIntakeOptions,
  settings: LabelSettings,
  name: string,
  by: string,
) {
  const source = findSource(settings, name);
  if (source === null) {
    throw new LimenError("input", `heartbeat: ${name}: ${WHYS.undeclared}`);
  }
  await options.append(heartbeatEvents(source, by, options.partitions));
  return { labels: [], totals: {} };
}

/** Labels and heartbeats of a body that others put on limen.labels: all of it, or why not. */
function openBody(options: OpenLabelOptions, body: LabelPost, by: string, time: number) {
  const { settings } = options;
  if (!settings) return { reject: "labels: no source is declared" };
  if (body.heartbeat !== null) {
    const source = findSource(settings, body.heartbeat);
    if (source === null) return { reject: `heartbeat: ${body.heartbeat}: ${WHYS.undeclared}` };
    return { events: heartbeatEvents(source, by, options.partitions) };
  }
  const own = { ...options, now: () => time, peek: (): LabelAnswer => "waiting" };
  const events: NewEvent[] = [];
  for (const posted of body.labels) {
    const checked = check(own, settings, posted);
    if ("reject" in checked) return { reject: `label: ${checked.reject}: ${checked.why}` };
    events.push(eventOf(checked, by));
  }
  return { events };
}

export type OpenLabelOptions = Pick<
  LabelIntakeOptions,
  "settings" | "tokenKey" | "hashId" | "models" | "partitions"
>;

/** The same checks for what came as JSON on limen.labels; "now" is its intake there. */
export function createOpenLabel(options: OpenLabelOptions): OpenLabel {
  return (value, { by, time }) => {
    try {
      return openBody(options, readLabelPost(value), by, time);
    } catch (thrown) {
      return { reject: LimenError.from(thrown, "label").message };
    }
  };
}

/** The way of posted labels into limen.labels. */
export function createLabelIntake(options: LabelIntakeOptions): LabelIntake {
  const { settings } = options;
  const rejected = Object.fromEntries(REJECTS.map((name) => [name, 0])) as Record<Reject, number>;
  return {
    async post({ labels, heartbeat }, by) {
      if (!settings) {
        const text = "labels: no source is declared; add labels: to limen.yaml";
        throw new LimenError("refused", text);
      }
      if (heartbeat !== null) return beat(options, settings, heartbeat, by);
      const checked = labels.map((posted) => check(options, settings, posted));
      await options.append(checked.flatMap((one) => ("found" in one ? eventOf(one, by) : [])));
      for (const one of checked) if ("reject" in one) rejected[one.reject]++;
      return answerAll(checked);
    },
    rejected: () => rejected,
  };
}
