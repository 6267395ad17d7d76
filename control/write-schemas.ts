import { writeFileSync } from "node:fs";
import { buildSettingsSchema } from "./settings.ts";
import { buildModelSchema } from "./table/spec.ts";

// `npm run schemas`: the JSON Schemas that editors check limen.yaml and model.yaml with.
for (const [file, schema] of [
  ["limen.schema.json", buildSettingsSchema()],
  ["../models/model.schema.json", buildModelSchema()],
] as const) {
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
