import { randomBytes } from "node:crypto";
import * as layout from "../models/table-layout.ts";
import {
  baseTable,
  desiredTable,
  type LearnedCuts,
  type LoadedModel,
  type Secrets,
  scopeOf,
} from "./desired.ts";
import { LimenError } from "./errors.ts";
import { type Candidate, judge } from "./gate/gate.ts";
import type { BinCounts, Bounds } from "./gate/rules.ts";
import type { NewHistoryEvent } from "./history/event.ts";
import type { History } from "./history/history.ts";
import type { ModelSettings, Settings } from "./settings.ts";
import { encodeTable } from "./table/encode.ts";
import { binOfScore } from "./table/score-scale.ts";
import type { Table } from "./table/table.ts";

/** A table with its bytes, as it would be pushed. */
export type Built = { table: Table; bytes: Uint8Array; digest: string };

/** What proxies shall have from now on, and who said so. */
export type Wish = {
  own: readonly ModelSettings[];
  learned: LearnedCuts;
  by: string;
  why: string;
  lane: Candidate["lane"];
  /** What an operator set, for the history. */
  applied?: Readonly<Record<string, string>>;
  /** Epochs that begin with it, and the alarm that began them. */
  epochs?: Readonly<Record<string, string>>;
  alarm?: string;
};

export type Published = { digest: string; serial: number; changed: boolean };

export type PublisherParts = {
  settings: Settings;
  models: readonly LoadedModel[];
  history: History;
  /** The filter's own validator: 0 accepts. */
  validate: (bytes: Uint8Array) => number;
  /** Recorded decisions by model, segment and bin, all arms. */
  counts: () => BinCounts;
  /** Hands a table to every proxy. */
  send: (built: Built, kind: "acting" | "base") => void;
  /** The resource digest a table would have. */
  resourceDigest: (bytes: Uint8Array) => string;
  now: () => number;
};

const hexDigest = (bytes: Uint8Array): string =>
  Buffer.from(bytes.subarray(layout.HEAD_DIGEST, layout.HEAD_DIGEST + 8)).toString("hex");

/** Encodes a table and reads its digest off it. */
export function build(table: Table): Built {
  const bytes = encodeTable(table);
  return { table, bytes, digest: hexDigest(bytes) };
}

/** Salt and token key of a table, so that a restart goes on with the same ones. */
export function readSecrets(bytes: Uint8Array): Secrets {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Sections are sorted by kind and SETTINGS is the first kind.
  const at = view.getUint32(layout.HEAD_SIZE + layout.SECTION_OFFSET, true);
  const key = at + layout.SETTINGS_TOKEN_KEY;
  return {
    salt: view.getBigUint64(at + layout.SETTINGS_SALT, true),
    tokenKey: bytes.slice(key, key + 16),
  };
}

/** For a log that holds no table yet. */
export function newSecrets(): Secrets {
  return { salt: randomBytes(8).readBigUInt64LE(), tokenKey: new Uint8Array(randomBytes(16)) };
}

/** Bounds of model.yaml in bins, a pair a tag. */
function boundsInBins(models: readonly LoadedModel[]): Bounds {
  return Object.fromEntries(
    models.map((model) => [
      model.name,
      model.tagNames.map((tag) => {
        const [low, high] = model.bounds[tag] ?? [0, 1];
        return [binOfScore(model.score, low), binOfScore(model.score, high)] as const;
      }),
    ]),
  );
}

export type Publisher = {
  /** The table proxies shall have; the base table when off. */
  live(): Built;
  secrets: Secrets;
  /** Gate, history, push. Throws "refused" with every reason; then nothing has changed. */
  publish(wish: Wish): Promise<Published>;
  /** What publish would do, without doing it. */
  preview(wish: Wish): Published;
  /** The base table to all, past the gate. */
  turnOff(by: string, why: string): Promise<Published>;
  turnOn(wish: Wish): Promise<Published>;
  /** Hands out what the history says is live, or publishes where settings have changed since. */
  resume(wish: Wish): Promise<Published>;
};

type State = { parts: PublisherParts; secrets: Secrets; bounds: Bounds; live: Built };

function want({ parts, secrets }: State, wish: Wish, serial: number): Built {
  const { settings, models } = parts;
  return build(desiredTable(settings, models, wish.own, wish.learned, secrets, serial));
}

/** The wish is what is live already: then its digest under the live serial is the live one. */
function isLive(state: State, wish: Wish): boolean {
  return want(state, wish, state.live.table.serial).digest === state.live.digest;
}

const publishedOf = (built: Built, changed: boolean): Published => ({
  digest: built.digest,
  serial: built.table.serial,
  changed,
});

/** Every reason of the gate against a table; empty when it passes. */
function findReasons({ parts, bounds, live }: State, built: Built, wish: Wish) {
  // Of several tags the first decides: a push that keeps each segment's step keeps the whole's too.
  const scopes = parts.models.map(({ name, tagNames }, index) => {
    const own = wish.own[index];
    return [name, own ? scopeOf(own, tagNames[0] ?? "") : "overall"] as const;
  });
  const verdict = judge({
    live: live.table.models.length > 0 ? live.table : null,
    table: built.table,
    bytes: built.bytes,
    bounds,
    counts: parts.counts(),
    scopes: Object.fromEntries(scopes),
    lane: wish.lane,
    validate: parts.validate,
  });
  if (verdict.pass) return [];
  return verdict.reasons.map(({ rule, where, text }) => `${rule}: ${where}: ${text}`);
}

const refusal = (reasons: readonly string[]): LimenError =>
  new LimenError("refused", `the gate refuses: ${reasons.join("; ")}`);

function proposalOf(state: State, built: Built, wish: Wish) {
  return {
    at: state.parts.now(),
    by: wish.by,
    why: wish.why,
    tableSerial: built.table.serial,
    tableDigest: built.digest,
    resourceDigest: state.parts.resourceDigest(built.bytes),
  };
}

function appliedOf(
  state: State,
  built: Built,
  wish: Wish,
  applied: Readonly<Record<string, string>>,
): NewHistoryEvent {
  const proposal = proposalOf(state, built, wish);
  return { ...proposal, what: "applied", applied: { ...applied }, staged: false };
}

/** What must outlive a restart though the table may stay: settings, epochs, an alarm. */
function notesOf(state: State, built: Built, wish: Wish): NewHistoryEvent[] {
  const notes: NewHistoryEvent[] = [];
  const epochs = { ...wish.epochs };
  if (wish.applied) notes.push(appliedOf(state, built, wish, wish.applied));
  if (wish.alarm !== undefined) {
    notes.push({ ...proposalOf(state, built, wish), what: "alarm", why: wish.alarm, epochs });
  } else if (wish.epochs) {
    notes.push({ ...proposalOf(state, built, wish), what: "epoch", epochs });
  }
  return notes;
}

function eventsOf(state: State, built: Built, wish: Wish, what: "pushed" | "on") {
  const proposal = proposalOf(state, built, wish);
  const pushed = { ...proposal, what, table: built.bytes, learnedCuts: { ...wish.learned } };
  const events: NewHistoryEvent[] = [{ ...proposal, what: "proposed" }];
  return [...events, ...notesOf(state, built, wish), pushed];
}

async function make(state: State, wish: Wish, what: "pushed" | "on"): Promise<Published> {
  const { history, send } = state.parts;
  if (what === "pushed" && isLive(state, wish)) {
    const notes = notesOf(state, state.live, wish);
    if (notes.length > 0) await history.append(notes);
    return publishedOf(state.live, false);
  }
  const built = want(state, wish, history.live().serial + 1);
  const reasons = findReasons(state, built, wish);
  if (reasons.length > 0) {
    await history.append([{ ...proposalOf(state, built, wish), what: "refused", reasons }]);
    throw refusal(reasons);
  }
  await history.append(eventsOf(state, built, wish, what));
  state.live = built;
  send(built, "acting");
  return publishedOf(built, true);
}

/** Another process may have turned off: then it is its base table that is live. */
function liveOf(state: State): Built {
  const { off, table } = state.parts.history.live();
  if (off !== null && table !== null && table.digest !== state.live.digest) {
    state.live = build(baseTable(state.secrets, table.serial));
  }
  return state.live;
}

/** Another process may write between a look and an append; the next serial is tried then. */
const BASE_TRIES = 5;

/** The base table to all, past the gate: no settings, no counts, and any process may do it. */
export async function publishBase(
  history: History,
  parts: {
    secrets: Secrets;
    by: string;
    why: string;
    at: number;
    resourceDigest: (bytes: Uint8Array) => string;
  },
): Promise<Published & { built: Built }> {
  const { secrets, by, why, at, resourceDigest } = parts;
  for (let tries = 1; ; tries++) {
    const built = build(baseTable(secrets, (await history.refresh()).serial + 1));
    const { bytes, digest, table } = built;
    const about = { tableSerial: table.serial, tableDigest: digest, table: bytes };
    const event = { what: "off" as const, at, by, why, resourceDigest: resourceDigest(bytes) };
    const live = await history.append([{ ...event, ...about }]);
    if (live.table?.digest === digest) return { built, ...publishedOf(built, true) };
    if (tries === BASE_TRIES) throw new LimenError("unavailable", "off: others write, try again");
  }
}

async function turnOff(state: State, by: string, why: string): Promise<Published> {
  const { history, send, now, resourceDigest } = state.parts;
  const { secrets } = state;
  const { built, ...rest } = await publishBase(history, {
    secrets,
    by,
    why,
    at: now(),
    resourceDigest,
  });
  state.live = built;
  send(built, "base");
  return rest;
}

async function resume(state: State, wish: Wish): Promise<Published> {
  const past = state.parts.history.live();
  const serial = past.table?.serial ?? 0;
  const isOff = past.off !== null;
  const was = isOff ? build(baseTable(state.secrets, serial)) : want(state, wish, serial);
  if (was.digest !== past.table?.digest) {
    return isOff ? turnOff(state, wish.by, wish.why) : make(state, wish, "pushed");
  }
  state.live = was;
  state.parts.send(was, isOff ? "base" : "acting");
  return publishedOf(was, false);
}

/**
 * Makes tables out of wishes, one at a time. The same wish gives the same bytes, so a restart
 * that changes nothing pushes nothing.
 */
export function createPublisher(parts: PublisherParts): Publisher {
  const past = parts.history.live();
  const secrets = past.table ? readSecrets(past.table.bytes) : newSecrets();
  const live = build(baseTable(secrets, past.serial));
  const state: State = { parts, secrets, bounds: boundsInBins(parts.models), live };
  return {
    live: () => liveOf(state),
    secrets,
    resume: (wish) => resume(state, wish),
    publish: (wish) => make(state, wish, "pushed"),
    turnOn: (wish) => make(state, wish, "on"),
    turnOff: (by, why) => turnOff(state, by, why),
    preview(wish) {
      if (isLive(state, wish)) return publishedOf(state.live, false);
      const built = want(state, wish, parts.history.live().serial + 1);
      const reasons = findReasons(state, built, wish);
      if (reasons.length > 0) throw refusal(reasons);
      return publishedOf(built, true);
    },
  };
}
