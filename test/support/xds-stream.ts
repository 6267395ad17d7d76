import { bookSent, bookUnanswered, findDue, markBeats } from "../../control/xds/due.ts";
import type { Resource } from "../../control/xds/resource.ts";
import * as rules from "../../control/xds/subscription.ts";
import { ECDS_TYPE_URL } from "./xds-client.ts";

export const REASONS = { push: "push", beat: "beat", restore: "restore" } as const;

export type StreamTest = {
  target?: string;
  ttlMs?: number;
  base?: string;
  hasTtl?: boolean;
  /** Targets of other names. */
  others?: Record<string, string>;
  /** Resources that were targets before. */
  former?: readonly string[];
};

export type RequestTest = {
  node?: null;
  nodeId?: string;
  version?: string;
  /** The version of that resource. */
  holds?: string;
  names?: readonly string[];
  typeUrl?: string;
  nonce?: number;
  error?: string | null;
};

/** A resource that is nothing but its text; its digest says so. */
export function aResource(name: string, text: string): Resource {
  return { name, bytes: Buffer.from(text), digest: `digest of ${text}` };
}

const textOf = (resource: Resource): string => Buffer.from(resource.bytes).toString();

/** One node and its stream under the rules, with a wire that takes everything at once. */
export function openStreamTest(setup: StreamTest) {
  const offer = (name: string, text: string, ttlMs: number | null = null): rules.Offer => ({
    resource: aResource(name, text),
    ttlMs,
  });
  const targets = new Map(Object.entries(setup.others ?? {}).map(([n, t]) => [n, offer(n, t)]));
  if (setup.target !== undefined) {
    targets.set("limen", offer("limen", setup.target, setup.ttlMs ?? null));
  }
  const catalog: rules.Catalog = {
    target: (name) => targets.get(name) ?? null,
    base: (name) =>
      name === "limen" && setup.base !== undefined ? aResource(name, setup.base) : null,
    find: (name, digest) =>
      (setup.former ?? [])
        .map((text) => offer(name, text))
        .find((o) => o.resource.digest === digest) ?? null,
  };
  let stream = rules.NEW_STREAM;
  let memory: rules.Memory = new Map();
  let nonce = 0;
  let at = 0;
  let last: rules.Sent | null = null;

  const flush = (): string | null => {
    let text: string | null = null;
    for (let count = 0; count < 10; count += 1) {
      const due = findDue(stream, memory, catalog);
      if (due === null) return text;
      nonce = Math.max(nonce, stream.nonce, stream.nonceFloor) + 1;
      stream = bookSent(stream, due, nonce, at);
      memory = bookUnanswered(memory, due.name, due.offer.resource.digest);
      last = stream.open.at(-1) ?? null;
      text ??= textOf(due.offer.resource);
    }
    throw new Error("the stream never comes to rest");
  };
  const request = (shape: RequestTest) => {
    const node =
      shape.node === null
        ? null
        : { id: shape.nodeId ?? "n", cluster: "", version: "", hasTtl: setup.hasTtl ?? true };
    const full: rules.Request = {
      node,
      version: shape.holds === undefined ? (shape.version ?? "") : `digest of ${shape.holds}`,
      names: shape.names ?? ["limen"],
      typeUrl: shape.typeUrl ?? ECDS_TYPE_URL,
      nonce: shape.nonce ?? 0,
      error: shape.error ?? null,
    };
    const step = rules.receive({ stream, memory }, full, catalog, ECDS_TYPE_URL);
    stream = step.stream;
    memory = step.memory;
    const close = step.effects.find((effect) => effect.kind === "close");
    return { sent: flush(), closed: close?.message ?? null, effects: step.effects };
  };
  const memoryOf = () => rules.memoryOf(memory, "limen");
  return {
    request,
    ack: (shape: RequestTest = {}) => request({ nonce: last?.nonce ?? 0, ...shape }),
    nack: (shape: RequestTest = {}) => request({ nonce: last?.nonce ?? 0, error: "no", ...shape }),
    setTarget(text: string, ttlMs: number | null = null): string | null {
      targets.set("limen", offer("limen", text, ttlMs));
      return flush();
    },
    beatAfter(ms: number): string | null {
      at += ms;
      stream = markBeats(stream, at);
      return flush();
    },
    reconnect(): void {
      stream = rules.NEW_STREAM;
    },
    digest: (text: string): string => `digest of ${text}`,
    lastNonce: (): number => last?.nonce ?? 0,
    lastReason: (): string => last?.reason ?? "",
    good(): string | null {
      const { good } = memoryOf();
      return good === null ? null : textOf(good.resource);
    },
    refused: (): string[] => [...memoryOf().refused],
  };
}
