import { writeFileSync } from "node:fs";
import { GOLDEN, GOLDEN_FOLDER } from "./golden-tables.ts";

for (const [name, build] of Object.entries(GOLDEN)) {
  writeFileSync(new URL(name, GOLDEN_FOLDER), build());
}
