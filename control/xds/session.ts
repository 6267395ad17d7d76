import { status } from "@grpc/grpc-js";
import type { Guard, Peer } from "../auth/auth.ts";
import { readPeer } from "../auth/grpc.ts";
import type { NodeClaim } from "../auth/node.ts";
import type { Cache } from "./cache.ts";
import { bookSent, bookUnanswered, findDue, markBeats } from "./due.ts";
import type { Limiter } from "./limiter.ts";
import type { Call } from "./listener.ts";
import { createMailbox, type Mailbox } from "./mailbox.ts";
import type { DiscoveryRequest } from "./proto/discovery_pb.ts";
import type { Proxies } from "./proxies.ts";
import { readClaim, readRequest } from "./request.ts";
import { type Resource, TYPE_URL } from "./resource.ts";
import * as rules from "./subscription.ts";

/** `sendMs` from the write to the answer; `pushMs` from setTarget, null when the proxy came later
 * or the bytes were no new target. */
export type Acked = {
  node: string;
  cluster: string;
  resource: string;
  digest: string;
  reason: rules.Reason;
  at: number;
  sendMs: number;
  pushMs: number | null;
};
export type Nacked = Acked & { message: string };

export type Watcher = {
  log?: (line: string) => void;
  onConnect?: (node: rules.Node, at: number) => void;
  onDisconnect?: (node: rules.Node, at: number) => void;
  /** Every ACK, those of heartbeats included: see `reason`. */
  onAck?: (acked: Acked) => void;
  onNack?: (nacked: Nacked) => void;
};

/** What all streams of a server share. */
export type Hub = {
  guard: Guard;
  cache: Cache;
  proxies: Proxies;
  sessions: Set<Session>;
  pushedAt: WeakMap<Resource, number>;
  limiter: Limiter;
  watcher: Watcher;
  writeDeadlineMs: number;
};

/** One stream of one proxy. */
export type Session = {
  call: Call;
  /** Who is at the other end, and the node it said it is. */
  peer: Peer;
  claim: NodeClaim | null;
  stream: rules.Stream;
  mailbox: Mailbox;
  connectedAt: number;
  /** Its turn has come: answers and pushes reach it. */
  isAdmitted: boolean;
  leaveLine: () => void;
};

/** Fractional milliseconds since 1970 that never go back. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Serves one call until either side ends it. */
export function openSession(hub: Hub, call: Call): void {
  const session: Session = {
    call,
    peer: hub.guard.meetPeer(readPeer(call)),
    claim: null,
    stream: rules.NEW_STREAM,
    mailbox: createMailbox(
      { write: (message, done) => call.write(message, done) },
      () => takeNext(hub, session),
      hub.writeDeadlineMs,
      () => {
        hub.watcher.log?.(`xds: ${session.stream.node?.id} takes no data, its stream is dropped`);
        closeSession(hub, session);
        call.emit("error", { code: status.UNAVAILABLE, details: "too slow, come again" });
      },
    ),
    connectedAt: now(),
    isAdmitted: false,
    leaveLine: () => {},
  };
  hub.sessions.add(session);
  call.on("data", (message: DiscoveryRequest) => {
    if (hub.sessions.has(session)) takeRequest(hub, session, message);
  });
  call.on("end", () => {
    closeSession(hub, session);
    call.end();
  });
  // After a cancel a write in flight never calls back, so the end is taken from here.
  for (const event of ["cancelled", "close", "error"]) {
    call.on(event, () => closeSession(hub, session));
  }
}

/** Forgets a stream; what is known of its node stays. */
export function closeSession(hub: Hub, session: Session): void {
  if (!hub.sessions.delete(session)) return;
  session.mailbox.close();
  session.leaveLine();
  const { node, watches } = session.stream;
  if (node === null) return;
  for (const name of watches.keys()) hub.proxies.disconnect(node.id, name);
  hub.watcher.onDisconnect?.(node, now());
}

/** Marks what is late, and sends what is owed. */
export function beatSession(session: Session): void {
  const marked = markBeats(session.stream, now());
  if (marked === session.stream) return;
  session.stream = marked;
  session.mailbox.wake();
}

function takeNext(hub: Hub, session: Session): Buffer | null {
  const { stream } = session;
  if (stream.node === null || !session.isAdmitted) return null;
  const node = stream.node.id;
  const memory = hub.cache.memory(node);
  const due = findDue(stream, memory, hub.cache.catalog);
  if (due === null) return null;
  const frame = hub.cache.frame(due.name, due.offer, Math.max(stream.nonce, stream.nonceFloor));
  session.stream = bookSent(stream, due, frame.nonce, now());
  const sent = session.stream.watches.get(due.name)?.sent;
  if (sent) hub.proxies.send(node, sent);
  hub.cache.remember(node, bookUnanswered(memory, due.name, due.offer.resource.digest));
  return frame.bytes;
}

/** Before anything else is made of a request: an unknown node leaves no trace but a count. */
function refusePeer(hub: Hub, session: Session, message: DiscoveryRequest): boolean {
  // Only the first node of a stream counts.
  if (message.node) session.claim ??= readClaim(message.node);
  if (session.claim === null) return false;
  const refusal = session.peer.refuse(session.claim, message.resourceNames);
  if (refusal === null) return false;
  endSession(hub, session, status.PERMISSION_DENIED, refusal.message);
  return true;
}

function endSession(hub: Hub, session: Session, code: status, details: string): void {
  hub.watcher.log?.(`xds: stream refused: ${details}`);
  closeSession(hub, session);
  session.call.emit("error", { code, details });
}

function takeRequest(hub: Hub, session: Session, message: DiscoveryRequest): void {
  if (refusePeer(hub, session, message)) return;
  const request = readRequest(message, hub.cache.parseNonce);
  const before = session.stream;
  const id = (before.node ?? request.node)?.id ?? "";
  const memory = hub.cache.memory(id);
  const step = rules.receive({ stream: before, memory }, request, hub.cache.catalog, TYPE_URL);
  session.stream = step.stream;
  if (step.memory !== memory) hub.cache.remember(id, step.memory);
  bookNames(hub, session, before);
  for (const effect of step.effects) applyEffect(hub, session, effect);
  session.mailbox.wake();
}

function applyEffect(hub: Hub, session: Session, effect: rules.Effect): void {
  if (effect.kind === "close") {
    endSession(hub, session, status.INVALID_ARGUMENT, effect.message);
  } else if (effect.kind === "connected") {
    hub.watcher.onConnect?.(effect.node, session.connectedAt);
    session.leaveLine = hub.limiter.admit(() => {
      session.isAdmitted = true;
      session.mailbox.wake();
    });
  } else {
    tellAnswer(hub, session, effect);
  }
}

function bookNames(hub: Hub, session: Session, before: rules.Stream): void {
  const { node, watches } = session.stream;
  if (node === null || watches === before.watches) return;
  for (const [name, watch] of watches) {
    if (before.watches.has(name)) continue;
    const held = watch.held === null ? null : rules.digestOf(watch.held);
    hub.proxies.connect(node, name, held, now());
  }
  for (const name of before.watches.keys()) {
    if (!watches.has(name)) hub.proxies.disconnect(node.id, name);
  }
}

function tellAnswer(
  hub: Hub,
  session: Session,
  effect: Extract<rules.Effect, { kind: "acked" | "nacked" }>,
): void {
  const node = session.stream.node as rules.Node;
  const { sent } = effect;
  const { resource } = sent.offer;
  const at = now();
  const pushed = hub.pushedAt.get(resource);
  const isPush = sent.reason === "push" && pushed !== undefined && pushed >= session.connectedAt;
  const event: Acked = {
    node: node.id,
    cluster: node.cluster,
    resource: sent.name,
    digest: resource.digest,
    reason: sent.reason,
    at,
    sendMs: at - sent.at,
    pushMs: isPush ? at - pushed : null,
  };
  if (effect.kind === "acked") {
    hub.proxies.ack(node.id, sent, at);
    hub.watcher.onAck?.(event);
    return;
  }
  hub.proxies.nack(node.id, sent, effect.message, at);
  hub.watcher.log?.(`xds: ${node.id} refused ${sent.name} ${event.digest}: ${effect.message}`);
  hub.watcher.onNack?.({ ...event, message: effect.message });
  // Other streams of this node may hold the same bytes or be about to get them.
  for (const other of hub.sessions) if (other.stream.node?.id === node.id) other.mailbox.wake();
}
