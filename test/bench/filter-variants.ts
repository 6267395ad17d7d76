/** What is compared: our filter in each state, and what else writes a header. */
import { fileURLToPath } from "node:url";
import { earlyRemoval, httpFilters } from "../../control/envoy/http-filters.ts";
import { type Json, typed } from "../../control/envoy/json.ts";
import { encodeTable } from "../../control/table/encode.ts";
import { standAloneTable } from "../../control/table/stand-alone.ts";
import type { Mode } from "../../control/table/table.ts";
import type { Listening } from "./filter-envoy.ts";
import { type Bot, loadBot } from "./push-tables.ts";

const MODULE = fileURLToPath(new URL("../../build/limen.wasm", import.meta.url));
const TAG = { header: "x-limen-bot", value: "bot" };

export type Variant = Listening & {
  title: string;
  /** The tag that a request has behind it; none is "". */
  tag: string;
  /** The counter that must have grown by one a request; null for what is not ours. */
  reason: string | null;
};

/** Every request is above the cut in mode tag; nothing is drawn for the audit. */
function tableOf({ model, features }: Bot, mode: Mode, record: boolean): Uint8Array {
  const table = standAloneTable({ ...model, modes: [mode], cuts: [[0]] }, features);
  return encodeTable({ ...table, audit: 0, record });
}

function ourFilter(name: string, table: Uint8Array): Json[] {
  return httpFilters([{ name, vmId: name, wasmPath: MODULE, table }]);
}

/** Reads one header and writes the tag. */
const LUA = `function envoy_on_request(handle)
  local headers = handle:headers()
  local agent = headers:get("user-agent")
  if agent ~= nil then headers:replace("${TAG.header}", "${TAG.value}") end
end`;

/** A filter of Envoy's own in front of the router. */
function nativeFilter(name: string, type: string, fields: Json): Json[] {
  return [{ name, typed_config: typed(type, fields) }, ...httpFilters([])];
}

function peers(): Variant[] {
  const header = { key: TAG.header, value: TAG.value };
  const append = { header, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" };
  const mutation = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
  return [
    { name: "none", title: "no filter", tag: "", reason: null, httpFilters: httpFilters([]) },
    {
      name: "native",
      title: "native `header_mutation`: writes a fixed tag",
      ...{ tag: TAG.value, reason: null },
      httpFilters: nativeFilter("mutation", mutation, {
        mutations: { request_mutations: [{ append }] },
      }),
    },
    {
      name: "lua",
      title: "Lua: reads one header, writes a fixed tag",
      ...{ tag: TAG.value, reason: null },
      httpFilters: nativeFilter("lua", "envoy.extensions.filters.http.lua.v3.Lua", {
        default_source_code: { inline_string: LUA },
      }),
    },
  ];
}

/** The first variant is the one without a filter. */
export async function listVariants(): Promise<Variant[]> {
  const bot = await loadBot();
  const tagging = tableOf(bot, "tag", true);
  return [
    ...peers(),
    {
      name: "base",
      title: "Limen, base state: no table",
      ...{ tag: "", reason: "no_table" },
      httpFilters: ourFilter("base", new Uint8Array(0)),
    },
    {
      name: "shadow",
      title: "Limen, `models/bot` in shadow: scores, records",
      ...{ tag: "", reason: "shadow" },
      httpFilters: ourFilter("shadow", tableOf(bot, "shadow", true)),
    },
    {
      name: "quiet",
      title: "Limen, `models/bot` tags every request, no record",
      ...{ tag: TAG.value, reason: "none" },
      httpFilters: ourFilter("quiet", tableOf(bot, "tag", false)),
    },
    {
      name: "tag",
      title: "Limen, `models/bot` tags every request, records",
      ...{ tag: TAG.value, reason: "none" },
      httpFilters: ourFilter("tag", tagging),
    },
    {
      name: "early",
      title: "the same, with Envoy's removal of forged headers before it",
      ...{ tag: TAG.value, reason: "none" },
      httpFilters: ourFilter("early", tagging),
      early: earlyRemoval(),
    },
  ];
}
