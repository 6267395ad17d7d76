/** Streams in a process of their own, which ACK whatever they are given: `PORT COUNT` as arguments. */
import { openXdsClient } from "../support/xds-client.ts";

/** Opened at once; more would only wait in the backlog of the port. */
const BATCH = 50;

// Ends with the process that started it, however that ends.
process.stdin.once("close", () => process.exit()).resume();

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
for (let at = 0; at < count; at++) {
  const client = openXdsClient(port);
  client.ask(`stream-${at}`, ["limen"]);
  const answer = async (): Promise<void> => {
    for (;;) client.ack(await client.next(2 ** 31 - 1));
  };
  void answer();
  if (at % BATCH === BATCH - 1) await new Promise((resolve) => setTimeout(resolve, 10));
}
