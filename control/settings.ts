import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { duration, UNIT_MS } from "./duration.ts";
import { LimenError } from "./errors.ts";
import { INSTALLATION } from "./installation.ts";
import type { LabelSettings } from "./learn/join/sources.ts";
import { type AuthSettings, authSchema, checkListen, resolveAuth } from "./settings-auth.ts";
import { labelsSchema, resolveLabels } from "./settings-labels.ts";
import {
  describeLog,
  kafkaSchema,
  type LogSettings,
  logSchema,
  resolveLog,
} from "./settings-log.ts";
import { type HookSettings, notifySchema, resolveHooks } from "./settings-notify.ts";
import { parseStrict } from "./strict.ts";

const SIZE = /^(\d+(?:\.\d+)?)(KiB|MiB|GiB)$/;
const UNIT_BYTES = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Bytes of `10GiB`. */
const size = z
  .string()
  .regex(SIZE, "a size like 512MiB or 10GiB")
  .transform((text) => {
    const [, count, unit] = SIZE.exec(text) ?? [];
    return Number(count) * UNIT_BYTES[(unit ?? "GiB") as keyof typeof UNIT_BYTES];
  });

const address = z.string().regex(/^([^\s:[\]]+|\[[\da-f:.]+\]):\d{1,5}$/i, "HOST:PORT");
const share = z.number().min(0, "a share from 0 to 1").max(1, "a share from 0 to 1");
const score = z.number().min(0, "a score from 0 to 1").max(1, "a score from 0 to 1");
const mode = z.enum(["off", "shadow", "tag"]);
const objective = z
  .string()
  .regex(/^([a-z]+:.+|none)$/, 'an objective like "alert:0.02", or "none"');
const cut = z.union([score, z.string().regex(/^(bin:\d{1,4}|none)$/)], {
  error: 'a score from 0 to 1, "bin:N" with N from 0 to 4095, or "none"',
});
const tagSettings = z.strictObject({
  objective: objective.optional(),
  cut: cut.optional(),
  scope: z.enum(["overall", "segment"]).optional(),
  confidence: z.number().min(0.5, "0.5 to 0.999").max(0.999, "0.5 to 0.999").optional(),
  simultaneous: z.boolean().optional(),
  otherwise: z.enum(["none", "keep"]).optional(),
});
const segmentSettings = z.object({ mode: mode.optional() }).catchall(tagSettings);
const modelSettings = z
  .object({
    mode: mode.default("shadow"),
    audit: share.default(0.02),
    segments: z.record(z.string(), segmentSettings).default({}),
  })
  .catchall(tagSettings);

const exempt = z.strictObject({
  header: z.string().optional(),
  path: z.string().optional(),
  authority: z.string().optional(),
  equals: z.string().optional(),
  prefix: z.string().optional(),
});

/** Keys every limen.yaml may have; each other top key is a model's name. */
export const settingsSchema = z
  .object({
    limen: z.literal(1, { error: 'begin with "limen: 1", the version of the file' }),
    models: z
      .array(
        z.string("the path of a model's folder"),
        'a list of folders, like "models: [models/bot]"',
      )
      .min(1)
      .max(8),
    listen: z
      .strictObject({
        xds: address.default("127.0.0.1:18000"),
        http: address.default("127.0.0.1:18001"),
      })
      .prefault({}),
    log: logSchema,
    kafka: kafkaSchema,
    segments: z
      .strictObject({
        of: z.string().default("path"),
        prefix: z.record(z.string(), z.string()).optional(),
        equals: z.record(z.string(), z.string()).optional(),
      })
      .prefault({}),
    auth: authSchema,
    exempt: z.array(exempt).max(64).default([]),
    trust: z.enum(["nobody", "mesh"]).default("nobody"),
    token: z.boolean().default(false),
    ttl: z
      .string()
      .regex(/^off$|^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/, 'a duration like 30s or 1h, or "off"')
      .transform((text) => (text === "off" ? 0 : duration.parse(text)))
      .default(UNIT_MS.h),
    cohort: duration.default(1_000),
    onDrift: z.enum(["safe-then-relearn", "hold"]).default("safe-then-relearn"),
    wasm: z.string().optional(),
    labels: labelsSchema,
    notify: notifySchema,
    keep: z
      .strictObject({
        decisions: duration.default(7 * UNIT_MS.d),
        vectors: share.default(0),
        disk: size.default(10 * UNIT_BYTES.GiB),
      })
      .prefault({}),
  })
  .catchall(modelSettings);

/** Keys of limen.yaml that later versions read. */
const LATER = ["rollout", "policy"];
const LATER_OF_MODEL = ["floor", "ceiling", "minLabels"];

export const checkModelSettings = (value: unknown, where: string): ModelSettings =>
  parseStrict(modelSettings, value, { where, laterBelow: LATER_OF_MODEL });

export type ModelSettings = z.output<typeof modelSettings>;
export type TagSettings = z.output<typeof tagSettings>;
export type Settings = {
  file: string | null;
  /** Folders of the models, absolute, and their settings in the same order. */
  models: readonly { folder: string; name: string; settings: ModelSettings }[];
  listen: { xds: string; http: string };
  /** Who may call; null: loopback, and nobody else. */
  auth: AuthSettings | null;
  log: LogSettings;
  segments: { of: string; match: "prefix" | "equals"; entries: Readonly<Record<string, string>> };
  exempt: readonly z.output<typeof exempt>[];
  trustMesh: boolean;
  token: boolean;
  ttlMs: number;
  cohortMs: number;
  /** After an alarm: learn again by itself, or only once an operator says on. */
  onDrift: "safe-then-relearn" | "hold";
  /** The module's path in the proxy; null sends the module itself with each push. */
  wasm: string | null;
  /** Where labels come from; null: from nowhere, and nothing is joined. */
  labels: LabelSettings | null;
  notify: readonly HookSettings[];
  keep: { decisionsMs: number; vectors: number; diskBytes: number };
  /** One line for each value the file did not give. */
  defaults: readonly string[];
};

const BEGIN = 'begin with "limen: 1" and "models: [models/bot]", or run without -f';

function readYaml(file: string): unknown {
  if (!existsSync(file)) {
    throw new LimenError("input", `${file}: no such file; write one or run without -f`);
  }
  const document = parseDocument(readFileSync(file, "utf8"), { version: "1.2" });
  const problem = document.errors[0];
  if (problem) throw new LimenError("input", `${file}: ${problem.message.split("\n")[0]}`);
  const value: unknown = document.toJS();
  if (value === null) throw new LimenError("input", `${file}: no key in it; ${BEGIN}`);
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new LimenError("input", `${file}: no keys with values; ${BEGIN}`);
  }
  return value;
}

/** A line for each default a person would want to know of. */
function listDefaults(given: Record<string, unknown>, settings: Settings): string[] {
  const lines: string[] = [];
  const note = (key: string, text: string): void => {
    if (!(key in given)) lines.push(text);
  };
  note("log", `log: ${describeLog(settings.log)}`);
  note("listen", `listen: xds ${settings.listen.xds}, http ${settings.listen.http}`);
  note("ttl", `ttl: ${settings.ttlMs / UNIT_MS.h}h (proxies fall to the base state after it)`);
  for (const { name, settings: own } of settings.models) {
    if (!(name in given)) {
      lines.push(`${name}: mode ${own.mode}, audit ${own.audit} (nothing is tagged yet)`);
    }
  }
  return lines;
}

/**
 * Checks the value of a limen.yaml. Paths in it are relative to `folder`.
 * Throws "input" with the file, the key and the nearest known key.
 */
export function parseSettings(value: unknown, file: string | null, folder: string): Settings {
  const where = file ?? "settings";
  const given = (value ?? {}) as Record<string, unknown>;
  const names = Array.isArray(given["models"])
    ? given["models"].map((m) => basename(String(m)))
    : [];
  const parsed = parseStrict(settingsSchema, value, {
    where,
    later: LATER,
    laterBelow: LATER_OF_MODEL,
    open: names,
  });
  const { prefix, equals, of } = parsed.segments;
  if (prefix && equals) {
    throw new LimenError("input", `${where}: segments: give "prefix" or "equals", not both`);
  }
  const settings: Settings = {
    file,
    models: parsed.models.map((path) => {
      const name = basename(path);
      const own = (parsed as Record<string, unknown>)[name];
      return {
        folder: resolve(folder, path),
        name,
        settings: own === undefined ? modelSettings.parse({}) : (own as ModelSettings),
      };
    }),
    listen: parsed.listen,
    auth: resolveAuth(parsed.auth, where, folder),
    log: resolveLog(parsed.log, parsed.kafka, where, folder),
    segments: {
      of,
      match: equals ? "equals" : "prefix",
      entries: equals ?? prefix ?? {},
    },
    exempt: parsed.exempt,
    trustMesh: parsed.trust === "mesh",
    token: parsed.token,
    ttlMs: parsed.ttl,
    cohortMs: parsed.cohort,
    onDrift: parsed.onDrift,
    wasm: parsed.wasm ?? null,
    labels: resolveLabels(parsed.labels),
    notify: resolveHooks(parsed.notify, folder),
    keep: {
      decisionsMs: parsed.keep.decisions,
      vectors: parsed.keep.vectors,
      diskBytes: parsed.keep.disk,
    },
    defaults: [],
  };
  checkKeep(settings, where);
  checkListen(settings.listen, settings.auth, where);
  return { ...settings, defaults: listDefaults(given, settings) };
}

/** Open cohorts are joined again after a restart, from the decisions of three windows. */
function checkKeep({ labels, keep }: Settings, where: string): void {
  const leastMs = 3 * (labels?.windowMs ?? 0);
  if (keep.decisionsMs >= leastMs) return;
  const text = `at least three label windows, ${leastMs / UNIT_MS.h}h`;
  throw new LimenError("input", `${where}: keep.decisions: ${text}; keep more or shorten window`);
}

/** The model of a service without a file: the folder's own, else the one that comes with Limen. */
function defaultSettings(folder: string): Settings {
  const given = { limen: 1, models: ["models/bot"] };
  if (existsSync(resolve(folder, "models/bot"))) return parseSettings(given, null, folder);
  const model = join(INSTALLATION.root, "models", "bot");
  const settings = parseSettings({ ...given, models: [model] }, null, folder);
  const line = `models: ${model} (it comes with limen; there is no models/bot in ${folder})`;
  return { ...settings, defaults: [line, ...settings.defaults] };
}

/** Reads and checks a limen.yaml; without a file every value is its default. */
export function readSettings(file: string | null, folder: string): Settings {
  if (file === null) return defaultSettings(folder);
  const path = resolve(folder, file);
  return parseSettings(readYaml(path), file, dirname(path));
}

/** The JSON Schema editors check limen.yaml with; kept in control/limen.schema.json. */
export function buildSettingsSchema(): unknown {
  return {
    ...z.toJSONSchema(settingsSchema, { io: "input" }),
    title: "Limen limen.yaml",
    description: "What to do: models, listeners, event log, segments, modes, objectives.",
  };
}
