// Folds the log of its first argument until it is killed or at the end; a line for each step.
import { openSqliteLog } from "../../control/events/sqlite.ts";
import { createLearner } from "../../control/learn/follow.ts";
import { namesOf } from "./decisions.ts";

const log = openSqliteLog(process.argv[2] ?? "");
const learner = await createLearner({ log, namesOf, checkpointMs: 2_000 });
for (let folded = 1; folded > 0; ) {
  folded = await learner.step();
  process.stdout.write(`${folded}\n`);
}
