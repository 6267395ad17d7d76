import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { parse } from "yaml";
import * as layout from "../../models/table-layout.ts";
import { changeSettings } from "../change-settings.ts";
import { desiredTable, type LoadedModel, listSegments } from "../desired.ts";
import { buildTableFile, moveIntoPlace, writeYaml } from "../envoy/files.ts";
import { LimenError } from "../errors.ts";
import { type Built, build, newSecrets, readSecrets } from "../publish.ts";
import { listKnown } from "../service/state.ts";
import { readSettings } from "../settings.ts";
import { loadModel } from "../table/load-model.ts";
import { openScorer } from "../table/row-scorer.ts";
import type { Table } from "../table/table.ts";
import { collectSet, type Sets } from "./apply.ts";
import { resolvePath, workFolder } from "./paths.ts";

const WASM = join(import.meta.dirname, "..", "..", "build", "limen.wasm");
/** As control names it in pushes. */
const FILTER_NAME = "limen";
const EXAMPLES = `
Examples:
  limen table --set bot.mode=tag --ecds envoy/file/table.yaml   for an Envoy without a service
  limen table -f limen.yaml --out bot.table                     the bytes alone

The file of --ecds is moved into place whole, and Envoy takes it at once. Written again, its table
keeps the salt, so that the same share of requests is audited, and its serial grows.`;

type Options = { file?: string; set?: Sets; ecds?: string; out?: string; wasm: string };

/** The table in a file written before; null when there is none. */
function readBefore(path: string): Uint8Array | null {
  if (!existsSync(path)) return null;
  try {
    const file = parse(readFileSync(path, "utf8")) as {
      resources: { typed_config: { config: { configuration: { value: string } } } }[];
    };
    const text = file.resources[0]?.typed_config.config.configuration.value ?? "";
    const bytes = new Uint8Array(Buffer.from(text, "base64"));
    openScorer().load(bytes);
    return bytes;
  } catch (thrown) {
    throw new LimenError(
      "input",
      `${path} is there and is no table written by "limen table --ecds"; remove it or name another`,
      thrown,
    );
  }
}

const readSerial = (bytes: Uint8Array): number =>
  Buffer.from(bytes).readUInt32LE(layout.HEAD_SERIAL);

/** The table that settings ask for with the cuts they name: nothing is learned without a service. */
async function buildTable(options: Options, before: Uint8Array | null): Promise<Built> {
  const settings = readSettings(options.file ?? null, workFolder());
  const models: LoadedModel[] = [];
  for (const { folder } of settings.models) models.push(await loadModel(folder));
  const own = changeSettings(
    settings.models.map((model) => model.settings),
    listKnown(models, listSegments(settings)),
    options.set ?? {},
  );
  const secrets = before ? readSecrets(before) : newSecrets();
  const serial = before ? readSerial(before) + 1 : 1;
  const built = build(desiredTable(settings, models, own, {}, secrets, serial));
  openScorer().load(built.bytes);
  return built;
}

const tagsNothing = ({ models }: Table): boolean =>
  models.every(({ modes }) => modes.every((mode) => mode !== "tag"));

async function runTable(options: Options): Promise<void> {
  const { ecds, out } = options;
  if (ecds === undefined && out === undefined) {
    throw new LimenError(
      "usage",
      'table: give --ecds FILE or --out FILE; see "limen table --help"',
    );
  }
  const path = ecds === undefined ? null : resolvePath(ecds);
  const { table, bytes, digest } = await buildTable(
    options,
    path === null ? null : readBefore(path),
  );
  if (out !== undefined) writeFileSync(resolvePath(out), bytes);
  if (path !== null) {
    const filter = { name: FILTER_NAME, vmId: FILTER_NAME, wasmPath: options.wasm };
    moveIntoPlace(path, writeYaml(buildTableFile(filter, bytes, digest)));
  }
  const files = [ecds, out].filter((file) => file !== undefined).join(", ");
  console.log(`table ${digest} serial ${table.serial}, ${bytes.length} bytes: ${files}`);
  if (tagsNothing(table)) {
    console.log(
      "no request is tagged by it: every model is in shadow or off; --set MODEL.mode=tag",
    );
  }
}

/** `limen table`: a table for proxies that run without a service. */
export function addTable(program: Command): void {
  program
    .command("table")
    .description("write the table that settings ask for, for an Envoy without a service")
    .option("-f, --file <limen.yaml>", "settings; without it every value is its default")
    .option("--set <key=value>", "as with apply; may be repeated", collectSet)
    .option("--ecds <file>", "write an ECDS resource file, moved into place")
    .option("--out <file>", "write the bytes of the table")
    .option("--wasm <path>", "with --ecds: the module as the proxy sees it", WASM)
    .addHelpText("after", EXAMPLES)
    .action(runTable);
}
