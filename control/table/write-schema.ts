import { writeFileSync } from "node:fs";
import { buildModelSchema } from "./spec.ts";

const target = new URL("../../models/model.schema.json", import.meta.url);
writeFileSync(target, `${JSON.stringify(buildModelSchema(), null, 2)}\n`);
