import type { Server } from "@grpc/grpc-js";
import { type Auth, type Guard, openAuth } from "../auth/auth.ts";
import { LimenError } from "../errors.ts";
import { createCache } from "./cache.ts";
import { createLimiter } from "./limiter.ts";
import { type Call, listen } from "./listener.ts";
import { createProxies, type ProxyRow } from "./proxies.ts";
import type { Resource } from "./resource.ts";
import {
  beatSession,
  closeSession,
  type Hub,
  now,
  openSession,
  type Session,
  type Watcher,
} from "./session.ts";
import { memoryOf } from "./subscription.ts";

export type XdsOptions = Watcher & {
  /** HOST:PORT; port 0 takes a free one. */
  address: string;
  /** Who may call; without it loopback only. */
  auth?: Auth;
  /** Shown by Envoy as control_plane.identifier. */
  identifier?: string;
  /** A response that has not left by then drops its stream. */
  writeDeadlineMs?: number;
  /** New streams answered per second, and at once before that. */
  connectRate?: { perSecond: number; burst: number };
  /** Adds other services to the same listener, under the same guard. */
  extend?: (server: Server, guard: Guard) => void;
};

export type XdsServer = {
  port: number;
  /** What every proxy that asks for `name` shall have; without `ttlMs` it lasts for ever. */
  setTarget(name: string, resource: Resource, options?: { ttlMs?: number | null }): void;
  /** The answer to a NACK of a node that never ACKed anything. */
  setBase(name: string, resource: Resource): void;
  /** Bytes a node refused before this server started: never sent to it again. */
  refuse(node: string, name: string, digest: string): void;
  /** One row a proxy and resource, of proxies that are gone too. */
  proxies(): ProxyRow[];
  /** Ends the streams with OK in random order over `drainMs`, then the listener. */
  close(options?: { drainMs?: number }): Promise<void>;
};

const WRITE_DEADLINE_MS = 10_000;
/** Answering 2,000 new streams takes about a second of one core with 8 KB resources. */
const CONNECT_RATE = { perSecond: 2000, burst: 2000 };
/** Streams woken before the event loop gets its turn. */
const FAN_OUT_BATCH = 250;
/** Four looks in each third of a TTL. */
const BEAT_LOOKS_PER_TTL = 12;
const BEAT_LOOK_MS_MIN = 10;

/** Serves ECDS, state of the world. */
export async function startXdsServer(options: XdsOptions): Promise<XdsServer> {
  const rate = options.connectRate ?? CONNECT_RATE;
  const auth = options.auth ?? openAuth(null, () => {});
  const guard = auth.guard(options.address, "xds");
  const cache = createCache(options.identifier ?? "limen");
  const hub: Hub = {
    guard,
    cache,
    proxies: createProxies((node, name) => [...memoryOf(cache.memory(node), name).refused]),
    sessions: new Set(),
    pushedAt: new WeakMap(),
    limiter: createLimiter(rate.perSecond, rate.burst, now),
    watcher: options,
    writeDeadlineMs: options.writeDeadlineMs ?? WRITE_DEADLINE_MS,
  };
  const onCall = (call: Call): void => openSession(hub, call);
  const listener = await listen(options.address, guard, onCall, options.extend);
  const wakeAll = createFanOut(hub.sessions);
  const beats = createBeats(hub.sessions);
  return {
    port: listener.port,
    setTarget(name, resource, { ttlMs = null } = {}) {
      checkTarget(name, resource, ttlMs);
      cache.setTarget({ resource, ttlMs });
      hub.pushedAt.set(resource, now());
      if (ttlMs !== null) beats.look(ttlMs / BEAT_LOOKS_PER_TTL);
      wakeAll();
    },
    setBase(name, resource) {
      checkTarget(name, resource, null);
      cache.setBase(resource);
      wakeAll();
    },
    refuse: cache.refuse,
    proxies: hub.proxies.list,
    async close({ drainMs = 0 } = {}) {
      beats.stop();
      hub.limiter.close();
      const closed = listener.close(drainMs);
      await drain(hub, drainMs);
      await closed;
    },
  };
}

function checkTarget(name: string, resource: Resource, ttlMs: number | null): void {
  if (resource.name !== name) {
    const text = `xds: resource ${resource.name} set under the name ${name}, give them one name`;
    throw new LimenError("input", text);
  }
  if (ttlMs !== null && !(ttlMs >= BEAT_LOOK_MS_MIN)) {
    throw new LimenError("input", `xds: ttl of ${ttlMs} ms, give at least ${BEAT_LOOK_MS_MIN} ms`);
  }
}

/** Wakes all streams in batches; a newer call walks them from the first again. */
function createFanOut(sessions: ReadonlySet<Session>): () => void {
  let latest = 0;
  const walk = (mine: number, rest: Iterator<Session>): void => {
    if (mine !== latest) return;
    for (let count = 0; count < FAN_OUT_BATCH; count += 1) {
      const next = rest.next();
      if (next.done) return;
      next.value.mailbox.wake();
    }
    setImmediate(walk, mine, rest);
  };
  return () => {
    latest += 1;
    walk(latest, sessions.values());
  };
}

/** Looks for late heartbeats as often as the shortest TTL seen asks for. */
function createBeats(sessions: ReadonlySet<Session>) {
  let timer: NodeJS.Timeout | undefined;
  let shortest = Number.POSITIVE_INFINITY;
  return {
    look(everyMs: number): void {
      if (everyMs >= shortest) return;
      shortest = everyMs;
      clearInterval(timer);
      timer = setInterval(
        () => {
          for (const session of sessions) beatSession(session);
        },
        Math.max(everyMs, BEAT_LOOK_MS_MIN),
      );
    },
    stop: () => clearInterval(timer),
  };
}

/** Random order, so that replicas of one service do not come back together. */
async function drain(hub: Hub, drainMs: number): Promise<void> {
  const ends = [...hub.sessions].map(
    (session) =>
      new Promise<void>((resolve) => {
        setTimeout(() => {
          closeSession(hub, session);
          session.call.end();
          resolve();
        }, Math.random() * drainMs);
      }),
  );
  await Promise.all(ends);
}
