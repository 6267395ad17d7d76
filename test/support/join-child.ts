// Joins the log of its first argument, with the sources of the second (JSON), until it is killed or
// at the end; a line for each step.
import { openSqliteLog } from "../../control/events/sqlite.ts";
import { createLearner } from "../../control/learn/follow.ts";
import { namesOf } from "./decisions.ts";

const [file = "", labels = "{}"] = process.argv.slice(2);
const log = openSqliteLog(file);
const learner = await createLearner({
  log,
  namesOf,
  checkpointMs: 2_000,
  labels: JSON.parse(labels),
});
for (let folded = 1; folded > 0; ) {
  folded = await learner.step();
  process.stdout.write(`${folded}\n`);
}
await log.close();
