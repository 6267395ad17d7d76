/**
 * What a stream owes its client, as functions of values: what the node shall have is compared
 * with what was sent, so a newer target replaces an older one by itself and nothing queues.
 */
import {
  type Catalog,
  type Memory,
  memoryOf,
  NEW_WATCH,
  type Node,
  type Offer,
  OPEN_MAX,
  type Reason,
  type Sent,
  type Stream,
  versionOf,
  type Watch,
} from "./subscription.ts";

export type Due = { name: string; offer: Offer; reason: Reason };

/**
 * What a node shall have: the target, else the last it ACKed, else the base; never a refused one.
 * A target in doubt waits behind the other two: neither can have been refused.
 */
export function chooseOffer(
  node: Node,
  name: string,
  memory: Memory,
  catalog: Catalog,
  doubt: readonly string[] = [],
): Offer | null {
  const { good, refused } = memoryOf(memory, name);
  const base = catalog.base(name);
  const target = catalog.target(name);
  const isDoubted = target !== null && doubt.includes(target.resource.digest);
  const safe = [good, base && { resource: base, ttlMs: null }];
  const offers = isDoubted ? [...safe, target] : [target, ...safe];
  const offer = offers.find((one) => one !== null && !refused.has(one.resource.digest)) ?? null;
  return offer !== null && !node.hasTtl ? { ...offer, ttlMs: null } : offer;
}

/** The name and offer the stream owes its client now; null when it owes nothing. */
export function findDue(stream: Stream, memory: Memory, catalog: Catalog): Due | null {
  if (stream.node === null) return null;
  for (const [name, watch] of stream.watches) {
    const offer = chooseOffer(stream.node, name, memory, catalog, watch.doubt);
    if (offer === null || awaitsSafe(name, watch, offer, memory, catalog)) continue;
    const reason = whySend(watch, offer);
    if (reason !== null) return { name, offer, reason };
  }
  return null;
}

/**
 * Something else than the target is on its way to a client that refuses the target: its answer
 * says what the client has. Chasing older ACKs meanwhile would send two good ones in turn for ever.
 */
function awaitsSafe(
  name: string,
  { sent }: Watch,
  offer: Offer,
  memory: Memory,
  catalog: Catalog,
): boolean {
  if (sent?.answer !== "open") return false;
  const target = catalog.target(name)?.resource.digest;
  const digest = sent.offer.resource.digest;
  const { refused } = memoryOf(memory, name);
  return offer.resource.digest !== target && digest !== target && !refused.has(digest);
}

/** The first response of a stream, to a client that said what it holds. */
function whyFirst({ doubt, held }: Watch, offer: Offer): Reason | null {
  if (doubt.length > 0) return "restore";
  // With a TTL the client may have fallen to its default and still report the version.
  return offer.ttlMs === null && held === versionOf(offer) ? null : "push";
}

/**
 * The same bytes as before. Envoy ACKs bytes it has just refused: with another TTL they wait for
 * the answer, or a lost NACK would read as an ACK.
 */
function whyAgain(watch: Watch, { answer, offer: before }: Sent, offer: Offer): Reason | null {
  if (answer === "open") return null;
  if (before.ttlMs !== offer.ttlMs) return "push";
  return watch.beat && answer === "acked" ? "beat" : null;
}

function whySend(watch: Watch, offer: Offer): Reason | null {
  const { sent } = watch;
  if (sent === null) return whyFirst(watch, offer);
  if (sent.offer.resource.digest === offer.resource.digest) return whyAgain(watch, sent, offer);
  return sent.answer === "nacked" ? "restore" : "push";
}

/** Books that it was handed to the wire under a nonce the stream has not seen. */
export function bookSent(stream: Stream, due: Due, nonce: number, at: number): Stream {
  const sent: Sent = { ...due, nonce, at, answer: "open" };
  const watch = stream.watches.get(due.name) ?? NEW_WATCH;
  return {
    ...stream,
    nonce,
    watches: new Map(stream.watches).set(due.name, { ...watch, sent, beat: false }),
    open: [...stream.open, sent].slice(-OPEN_MAX),
  };
}

/** Remembers for the node what was handed to the wire, until it is answered. */
export function bookUnanswered(memory: Memory, name: string, digest: string): Memory {
  const past = memoryOf(memory, name);
  const unanswered = [...past.unanswered, digest].slice(-OPEN_MAX);
  return new Map(memory).set(name, { ...past, unanswered });
}

/** Marks what was ACKed and sent a third of its TTL ago: the same bytes are due again. */
export function markBeats(stream: Stream, at: number): Stream {
  const late = [...stream.watches].filter(([, { sent, beat }]) => {
    const ttlMs = sent?.offer.ttlMs ?? null;
    return !beat && ttlMs !== null && sent?.answer === "acked" && at - sent.at >= ttlMs / 3;
  });
  if (late.length === 0) return stream;
  const watches = new Map(stream.watches);
  for (const [name, watch] of late) watches.set(name, { ...watch, beat: true });
  return { ...stream, watches };
}
