/** `npm run bench -- NAME`: writes tables and charts into test/bench/results. */
import { benchFilter } from "./filter.ts";
import { benchKafka } from "./kafka.ts";
import { benchKernel } from "./kernel.ts";
import { benchLearn } from "./learn.ts";
import { benchPush } from "./push.ts";
import { benchRate } from "./rate.ts";
import { benchStreams } from "./streams.ts";

const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  filter: benchFilter,
  kafka: benchKafka,
  kernel: benchKernel,
  learn: benchLearn,
  push: benchPush,
  rate: benchRate,
  streams: benchStreams,
};

const [name = "", ...args] = process.argv.slice(2);
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (!bench) {
  console.error(`bench: one of ${Object.keys(BENCHES).join(", ")}; like "npm run bench -- learn"`);
  process.exitCode = 2;
} else if (!(await bench(args))) {
  console.error(`bench ${name}: a row does not hold; see above`);
  process.exitCode = 1;
}
