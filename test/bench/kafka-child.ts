/** One contender as a process of its own: `NAME BROKER COUNT` as arguments; runs once a message. */
import { OPENERS, OWN, type OwnContender } from "./kafka-contenders.ts";

const [name = "", broker = "", count = "0"] = process.argv.slice(2);
// Ends with the process that started it, however that ends.
process.once("disconnect", () => process.exit());

const isOwn = (text: string): text is OwnContender => OWN.some((one) => one === text);
if (!isOwn(name)) throw new Error(`${name} is none of ${OWN.join(", ")}`);
const settingsOf = (prefix: string) => ({
  kind: "kafka" as const,
  brokers: [broker],
  tls: null,
  sasl: null,
  clientId: "limen-bench",
  group: `${prefix}bench`,
  prefix,
});
const run = await OPENERS[name]({ settingsOf, broker, count: Number(count) });
process.on("message", async () => {
  const before = process.cpuUsage();
  const { took, done = Number(count) } = await run();
  const { user, system } = process.cpuUsage(before);
  process.send?.({ took, done, cpuUs: (user + system) / done });
});
process.send?.("ready");
