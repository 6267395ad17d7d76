// Appends batches of five to the log of its first argument until it is killed; a line on standard
// output for each batch whose append returned.
import { openSqliteLog } from "../../control/events/sqlite.ts";

const [file = "", run = "0"] = process.argv.slice(2);
const log = openSqliteLog(file);
for (let batch = 0; ; batch++) {
  const values = [0, 1, 2, 3, 4].map((part) => Buffer.from(`${run}/${batch}/${part}`));
  await log.append(values.map((value) => ({ topic: "limen.decisions", key: null, value })));
  process.stdout.write(`${run}/${batch}\n`);
}
