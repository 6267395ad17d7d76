import { CUT_NONE } from "../../models/limits.ts";
import { IGNORED_HEADERS } from "./ignored.ts";
import type { Feature, Model, ModelScore, Table, Tag } from "./table.ts";

/** A model without cuts: one segment, in shadow. */
export function dressModel(name: string, score: ModelScore, tags: readonly Tag[]): Model {
  return { ...score, name, tags, modes: ["shadow"], cuts: [tags.map(() => CUT_NONE)] };
}

/**
 * The table of one model alone: segment "rest", mode shadow, no cuts, every decision audited. What
 * `limen compile` writes; a control service puts models into tables of its own.
 */
export function standAloneTable(model: Model | null, features: readonly Feature[]): Table {
  return {
    ...{ serial: 0, audit: 1, extra: 0, extraWidth: 0, candidate: 0, vector: 0, salt: 0n },
    ...{ tokenKey: new Uint8Array(16), trustMesh: false, token: false, record: true },
    features,
    models: model ? [model] : [],
    segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
    exempt: [],
    ignored: IGNORED_HEADERS,
  };
}
