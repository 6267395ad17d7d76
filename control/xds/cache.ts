import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack, type DurationSchema } from "@bufbuild/protobuf/wkt";
import { DiscoveryResponseSchema, ResourceSchema } from "./proto/discovery_pb.ts";
import { type Resource, TYPE_URL } from "./resource.ts";
import {
  addRefused,
  type Catalog,
  type Memory,
  memoryOf,
  type Offer,
  versionOf,
} from "./subscription.ts";

/** Former resources kept for each name, to answer a NACK of a node that comes back with one. */
const FORMER_MAX = 16;
/** Nodes that are remembered; the one unchanged longest is forgotten first. */
export const NODES_MAX = 20_000;

export type Frame = { nonce: number; bytes: Buffer };

export type Cache = {
  catalog: Catalog;
  setTarget(offer: Offer): void;
  setBase(resource: Resource): void;
  /** The encoded response for an offer, under a nonce above `after`: one buffer for all streams. */
  frame(name: string, offer: Offer, after: number): Frame;
  /** 0 for an empty text, -1 for a nonce of another server. */
  parseNonce(text: string): number;
  memory(node: string): Memory;
  remember(node: string, memory: Memory): void;
  refuse(node: string, name: string, digest: string): void;
};

type Name = { target: Offer | null; base: Resource | null; former: Map<string, Offer> };

/** Targets, encoded responses, and what each node ACKed and refused. */
export function createCache(identifier: string): Cache {
  const names = new Map<string, Name>();
  const frames = new Map<string, Frame>();
  const memories = new Map<string, Memory>();
  // Nonces of another server process never look like ours.
  const prefix = `${randomBytes(6).toString("hex")}.`;
  let nonce = 0;

  const nameOf = (name: string): Name => {
    const found = names.get(name) ?? { target: null, base: null, former: new Map() };
    names.set(name, found);
    return found;
  };
  const addFormer = (name: Name, offer: Offer): void => {
    const digest = offer.resource.digest;
    name.former.delete(digest);
    name.former.set(digest, offer);
    for (const old of name.former.keys()) {
      if (name.former.size <= FORMER_MAX) break;
      name.former.delete(old);
    }
  };
  const memory = (node: string): Memory => memories.get(node) ?? new Map();
  const remember = (node: string, value: Memory): void => {
    memories.delete(node);
    memories.set(node, value);
    for (const old of memories.keys()) {
      if (memories.size <= NODES_MAX) break;
      memories.delete(old);
    }
  };

  return {
    catalog: {
      target: (name) => names.get(name)?.target ?? null,
      base: (name) => names.get(name)?.base ?? null,
      find: (name, digest) => names.get(name)?.former.get(digest) ?? null,
    },
    setTarget(offer) {
      const name = nameOf(offer.resource.name);
      name.target = offer;
      addFormer(name, offer);
      // Answers to a NACK re-encode what they need; a push starts with an empty table of frames.
      frames.clear();
    },
    setBase(resource) {
      const name = nameOf(resource.name);
      name.base = resource;
      addFormer(name, { resource, ttlMs: null });
    },
    frame(name, offer, after) {
      const key = `${name}\n${versionOf(offer)}\n${offer.ttlMs}`;
      const found = frames.get(key);
      if (found !== undefined && found.nonce > after) return found;
      nonce = Math.max(nonce, after) + 1;
      const frame = { nonce, bytes: encodeResponse(offer, `${prefix}${nonce}`, identifier) };
      frames.set(key, frame);
      return frame;
    },
    parseNonce(text) {
      if (text === "") return 0;
      const number = text.startsWith(prefix) ? Number(text.slice(prefix.length)) : -1;
      return Number.isSafeInteger(number) ? number : -1;
    },
    memory,
    remember,
    refuse(node, name, digest) {
      const past = memoryOf(memory(node), name);
      const refused = addRefused(past.refused, digest);
      remember(node, new Map(memory(node)).set(name, { ...past, refused }));
    },
  };
}

/** With a TTL the resource is wrapped, which is the only place a TTL has in state of the world. */
function encodeResponse(offer: Offer, nonce: string, identifier: string): Buffer {
  const { resource, ttlMs } = offer;
  const plain = { typeUrl: TYPE_URL, value: resource.bytes };
  const any =
    ttlMs === null
      ? plain
      : anyPack(
          ResourceSchema,
          create(ResourceSchema, {
            name: resource.name,
            version: versionOf(offer),
            resource: plain,
            ttl: toDuration(ttlMs),
          }),
        );
  const response = create(DiscoveryResponseSchema, {
    versionInfo: versionOf(offer),
    resources: [any],
    typeUrl: TYPE_URL,
    nonce,
    controlPlane: { identifier },
  });
  return Buffer.from(toBinary(DiscoveryResponseSchema, response));
}

function toDuration(ms: number): MessageInitShape<typeof DurationSchema> {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
