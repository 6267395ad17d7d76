import { readFileSync } from "node:fs";
import { encodeTable } from "../../control/table/encode.ts";
import { parseModelSpec } from "../../control/table/spec.ts";
import { linearModel, sampleModel, sampleTable } from "../control/table/samples.ts";

export const GOLDEN_FOLDER = new URL("../fixtures/tables/", import.meta.url);

const readHttp = () =>
  parseModelSpec("http28.yaml", readFileSync(new URL("http28.yaml", GOLDEN_FOLDER), "utf8"));

/** Tables kept as files: readers of this layout must take these very bytes. */
export const GOLDEN: Readonly<Record<string, () => Uint8Array>> = {
  "trees.table": () => encodeTable(sampleTable()),
  "linear.table": () => encodeTable(sampleTable({ models: [linearModel()] })),
  "base.table": () =>
    encodeTable(
      sampleTable({
        features: [],
        models: [],
        segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
        exempt: [],
        ignored: [],
      }),
    ),
  "two-models.table": () =>
    encodeTable(
      sampleTable({
        models: [
          sampleModel({
            candidateCuts: [
              [1, 2],
              [3, 4],
            ],
          }),
          linearModel(),
        ],
      }),
    ),
  "http28.table": () => encodeTable(sampleTable({ features: readHttp().features, models: [] })),
};
