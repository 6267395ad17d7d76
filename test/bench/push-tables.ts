/** Tables of a wanted size, out of the trees of models/bot. */
import { fileURLToPath } from "node:url";
import { encodeTable } from "../../control/table/encode.ts";
import { compileFiles, readModelFiles } from "../../control/table/load-model.ts";
import { dressModel, standAloneTable } from "../../control/table/stand-alone.ts";
import type { Feature, Model, Table, TreeNode } from "../../control/table/table.ts";

export const BOT_FOLDER = fileURLToPath(new URL("../../models/bot", import.meta.url));

export type Bot = { model: Model; features: readonly Feature[] };

/** The committed model with its tag, in shadow. */
export async function loadBot(): Promise<Bot> {
  const { score, features } = await compileFiles(readModelFiles(BOT_FOLDER));
  const tags = [{ header: "x-limen-bot", value: "bot" }];
  return { model: dressModel("bot", score, tags), features };
}

function withTrees({ model, features }: Bot, count: number): Table {
  const { kernel } = model;
  if (kernel.kind !== "trees") throw new Error("models/bot is no tree ensemble");
  const own: readonly TreeNode[] = kernel.trees;
  const trees = Array.from({ length: count }, (_, at) => own[at % own.length] as TreeNode);
  return standAloneTable({ ...model, kernel: { ...kernel, trees } }, features);
}

export type Sized = { trees: number; bytes: number; make: (serial: number) => Uint8Array };

/** So many trees of the model: the first ones, or all of them over again. */
export function sizeTable(bot: Bot, trees: number): Sized {
  const table = withTrees(bot, trees);
  const make = (serial: number): Uint8Array => encodeTable({ ...table, serial });
  return { trees, bytes: make(0).length, make };
}
