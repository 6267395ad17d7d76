/**
 * What a request changes on a state-of-the-world ECDS stream, as functions of values. Nothing
 * here knows time, sockets or bytes on the wire. What the stream then owes its client: due.ts.
 */
import type { Resource } from "./resource.ts";

/** A resource with the time to live it is sent with; null for none. */
export type Offer = { resource: Resource; ttlMs: number | null };

/** What the server knows to send, by ECDS resource name. */
export type Catalog = {
  target(name: string): Offer | null;
  base(name: string): Resource | null;
  /** A resource that was a target or the base before. */
  find(name: string, digest: string): Offer | null;
};

export type NameMemory = {
  /** The last one the node ACKed. */
  good: Offer | null;
  /** Digests the node NACKed, oldest first. */
  refused: ReadonlySet<string>;
  /** Digests sent since the last one that was answered, oldest first. */
  unanswered: readonly string[];
};
/** What is known of one node; outlives its streams. */
export type Memory = ReadonlyMap<string, NameMemory>;

export type Node = { id: string; cluster: string; version: string; hasTtl: boolean };

export type Sent = {
  name: string;
  offer: Offer;
  nonce: number;
  at: number;
  reason: Reason;
  answer: "open" | "acked" | "nacked";
};
/** Why it was sent: a new target, a heartbeat of the TTL, or the answer to a NACK. */
export type Reason = "push" | "beat" | "restore";

export type Watch = {
  /** The version the client said it holds when it came. */
  held: string | null;
  sent: Sent | null;
  /** A heartbeat is due. */
  beat: boolean;
  /**
   * Sent on earlier streams that ended before an answer. A NACK of one may be lost, and Envoy ACKs
   * bytes it just refused, so bytes that are known to be good go first.
   */
  doubt: readonly string[];
};

export type Stream = {
  node: Node | null;
  watches: ReadonlyMap<string, Watch>;
  /** Last nonce sent on this stream; 0 before the first. */
  nonce: number;
  /** The nonce the client brought from an earlier stream; ours must be higher. */
  nonceFloor: number;
  /** Sent and not answered, oldest first. */
  open: readonly Sent[];
};

export type Request = {
  /** Only the first request of a stream is sure to carry it. */
  node: Node | null;
  version: string;
  names: readonly string[];
  typeUrl: string;
  /** 0 for none, -1 for one this server never gave out. */
  nonce: number;
  /** The message of error_detail; null without one. */
  error: string | null;
};

export type Effect =
  | { kind: "connected"; node: Node }
  | { kind: "acked"; sent: Sent }
  | { kind: "nacked"; sent: Sent; message: string }
  | { kind: "close"; message: string };

export type Step = { stream: Stream; memory: Memory; effects: readonly Effect[] };

/** Refused digests kept for a node and name; the oldest go first. */
export const REFUSED_MAX = 256;
/** Unanswered responses remembered: a client this far behind answers none of them usefully. */
export const OPEN_MAX = 64;
/** Envoy asks for one name a stream. */
export const NAMES_MAX = 64;
const TTL_MARK = "+ttl";
const TTL_MARK_AT_END = /\+ttl$/;
const NO_MEMORY: NameMemory = { good: null, refused: new Set(), unanswered: [] };
const UNKNOWN = { held: null, doubt: [] };
export const NEW_WATCH: Watch = { ...UNKNOWN, sent: null, beat: false };

export const NEW_STREAM: Stream = {
  node: null,
  watches: new Map(),
  nonce: 0,
  nonceFloor: 0,
  open: [],
};

/**
 * The text of version_info: the resource digest. With a TTL it is marked, so that a client that
 * comes back with it is never taken for one whose copy lasts.
 */
export function versionOf(offer: Offer): string {
  return offer.ttlMs === null ? offer.resource.digest : `${offer.resource.digest}${TTL_MARK}`;
}

/** The resource digest in a version_info of ours. */
export function digestOf(version: string): string {
  return version.replace(TTL_MARK_AT_END, "");
}

export function memoryOf(memory: Memory, name: string): NameMemory {
  return memory.get(name) ?? NO_MEMORY;
}

/** A request of the client: what changes, and what is to be told. */
export function receive(
  before: { stream: Stream; memory: Memory },
  request: Request,
  catalog: Catalog,
  typeUrl: string,
): Step {
  const fault = findFault(before.stream, request, typeUrl);
  if (fault !== null) return { ...before, effects: [{ kind: "close", message: fault }] };
  if (before.stream.node === null) return openStream(before, request, catalog);
  const answered = takeAnswer(before, request);
  // A request with an older nonce than the last sent was written before the client saw it: its
  // ACK or NACK speaks of bytes it did see, its names are out of date.
  const stale = before.stream.nonce !== 0 && request.nonce !== before.stream.nonce;
  if (stale) return answered;
  return { ...answered, stream: subscribe(answered.stream, request.names, () => UNKNOWN) };
}

function findFault(stream: Stream, request: Request, typeUrl: string): string | null {
  if (stream.node === null && (request.node === null || request.node.id === "")) {
    return "the first request of a stream needs a node with an id";
  }
  if (request.typeUrl !== "" && request.typeUrl !== typeUrl) {
    return `type_url ${request.typeUrl} is not served here, ask for ${typeUrl}`;
  }
  if (request.names.length > NAMES_MAX) {
    return `${request.names.length} resource names, at most ${NAMES_MAX} a stream`;
  }
  return null;
}

function openStream(
  before: { stream: Stream; memory: Memory },
  request: Request,
  catalog: Catalog,
): Step {
  const node = request.node as Node;
  const names = [...new Set(request.names)];
  // The version belongs to the type: it speaks of a name only when there is one name.
  const claim = names.length === 1 ? request.version : "";
  const claimed = digestOf(claim);
  const only = claim === "" ? undefined : names[0];
  const memory =
    only === undefined ? before.memory : believe(before.memory, only, claimed, catalog);
  const opened = { ...before.stream, node, nonceFloor: Math.max(0, request.nonce) };
  const stream = subscribe(opened, names, (name) => {
    const { refused, unanswered } = memoryOf(memory, name);
    const held = claim === "" || refused.has(claimed) ? null : claim;
    // What it says it accepted it may have accepted before all of these.
    return { held, doubt: unanswered.filter((digest) => digest !== claimed) };
  });
  return { stream, memory, effects: [{ kind: "connected", node }] };
}

/** A client that comes with a version accepted it, whether or not its ACK arrived. */
function believe(memory: Memory, name: string, digest: string, catalog: Catalog): Memory {
  const known = catalog.find(name, digest);
  const past = memoryOf(memory, name);
  if (known === null || past.refused.has(digest)) return memory;
  return new Map(memory).set(name, { ...past, good: known });
}

function subscribe(
  stream: Stream,
  names: readonly string[],
  start: (name: string) => Pick<Watch, "held" | "doubt">,
): Stream {
  const wanted = new Set(names);
  const same = wanted.size === stream.watches.size && names.every((n) => stream.watches.has(n));
  if (same) return stream;
  const watches = new Map<string, Watch>();
  for (const name of wanted) {
    watches.set(name, stream.watches.get(name) ?? { ...NEW_WATCH, ...start(name) });
  }
  return { ...stream, watches };
}

/** Books the ACK or NACK of a request; a nonce nobody waits for changes nothing. */
function takeAnswer(before: { stream: Stream; memory: Memory }, request: Request): Step {
  const at = before.stream.open.findIndex((sent) => sent.nonce === request.nonce);
  const found = before.stream.open[at];
  if (found === undefined) return { ...before, effects: [] };
  const name = found.name;
  const sent: Sent = { ...found, answer: request.error === null ? "acked" : "nacked" };
  const digest = sent.offer.resource.digest;
  const watches = new Map(before.stream.watches);
  const watch = watches.get(name);
  const isLast = watch?.sent?.nonce === sent.nonce;
  if (watch && isLast) watches.set(name, { ...watch, sent, doubt: [] });
  const former = memoryOf(before.memory, name);
  const past = isLast ? { ...former, unanswered: [] } : former;
  // A client answers in order: what is older than this is not answered any more.
  const stream = { ...before.stream, watches, open: before.stream.open.slice(at + 1) };
  if (request.error !== null) {
    const refused = addRefused(past.refused, digest);
    const memory = new Map(before.memory).set(name, { ...past, refused });
    return { stream, memory, effects: [{ kind: "nacked", sent, message: request.error }] };
  }
  // Envoy ACKs bytes it refused before without applying them, so such an ACK says nothing.
  const isFalse = past.refused.has(digest);
  const good = isFalse ? past.good : sent.offer;
  const memory = new Map(before.memory).set(name, { ...past, good });
  if (isFalse) return { stream, memory, effects: [] };
  return { stream, memory, effects: [{ kind: "acked", sent }] };
}

export function addRefused(refused: ReadonlySet<string>, digest: string): ReadonlySet<string> {
  return new Set([...refused, digest].slice(-REFUSED_MAX));
}
