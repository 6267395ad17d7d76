/** Push to ACK: one real Envoy, and a thousand streams. `npm run bench -- push`. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { resolveEnvoy } from "../../control/envoy/resolve.ts";
import { startXdsServer } from "../../control/xds/server.ts";
import type { Acked } from "../../control/xds/session.ts";
import { waitFor } from "../support/envoy.ts";
import { resourceOf, setStage, strikeStage } from "../support/stage.ts";
import { describeMachine, readLoad, summarize, turnOrder, writeReport } from "./figures.ts";
import { loadBot, type Sized, sizeTable } from "./push-tables.ts";

const [PUSHES, WARM_PUSHES] = [100, 5];
const [STREAMS, COMMITS, WARM_COMMITS] = [1_000, 30, 3];
/** About 8 KiB, the model itself, and the most that the cap of 512 KiB has room for. */
const TREES = [9, 100, 1_058];
const ACK_TIMEOUT_MS = 20_000;
const CLIENTS = fileURLToPath(new URL("push-clients.ts", import.meta.url));

type Timed = { size: Sized; times: number[] };
type Send = (table: Uint8Array) => Promise<number>;

/** Pushes each size in turn; every table has a serial of its own, so every push is a change. */
async function pushRounds(
  sizes: readonly Sized[],
  rounds: number,
  warm: number,
  send: Send,
): Promise<Timed[]> {
  const timed = sizes.map((size): Timed => ({ size, times: [] }));
  let serial = 0;
  for (let round = 0; round < warm + rounds; round++) {
    for (const at of turnOrder(sizes.length, round)) {
      const one = timed[at];
      if (!one) continue;
      const ms = await send(one.size.make(++serial));
      if (round >= warm) one.times.push(ms);
    }
  }
  return timed;
}

/** Resolves once `count` nodes have ACKed a digest. */
function openAcks() {
  let waiting: { digest: string; nodes: Set<string>; count: number; done: () => void } | null =
    null;
  let nacks = 0;
  const take = ({ digest, node }: Acked): void => {
    if (waiting?.digest !== digest) return;
    waiting.nodes.add(node);
    if (waiting.nodes.size >= waiting.count) waiting.done();
  };
  const wait = (digest: string, count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = (): void =>
        reject(new Error(`${waiting?.nodes.size} of ${count} ACKs in ${ACK_TIMEOUT_MS} ms`));
      const timer = setTimeout(late, ACK_TIMEOUT_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      waiting = { digest, nodes: new Set(), count, done };
    });
  const watcher = {
    onAck: take,
    onNack: () => {
      nacks += 1;
    },
  };
  return { watcher, wait, nacks: () => nacks };
}

async function pushToEnvoy(sizes: readonly Sized[]): Promise<Timed[]> {
  const acks = openAcks();
  try {
    const { control } = await setStage({}, acks.watcher);
    const send: Send = async (table) => {
      const resource = resourceOf(table);
      const acked = acks.wait(resource.digest, 1);
      const start = performance.now();
      control.setTarget(resource.name, resource);
      await acked;
      return performance.now() - start;
    };
    const timed = await pushRounds(sizes, PUSHES, WARM_PUSHES, send);
    if (acks.nacks() > 0) throw new Error(`${acks.nacks()} NACKs`);
    return timed;
  } finally {
    await strikeStage();
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function pushToStreams(sizes: readonly Sized[]): Promise<Timed[]> {
  const acks = openAcks();
  const server = await startXdsServer({ ...acks.watcher, address: "127.0.0.1:0" });
  const args = [CLIENTS, String(server.port), String(STREAMS)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] });
  try {
    const asks = (): true | null => (server.proxies().length === STREAMS ? true : null);
    await waitFor(`${STREAMS} streams`, asks, ACK_TIMEOUT_MS, 50);
    const send: Send = async (table) => {
      const resource = resourceOf(table);
      const acked = acks.wait(resource.digest, STREAMS);
      const start = performance.now();
      server.setTarget(resource.name, resource);
      await acked;
      return performance.now() - start;
    };
    const timed = await pushRounds(sizes, COMMITS, WARM_COMMITS, send);
    if (acks.nacks() > 0) throw new Error(`${acks.nacks()} NACKs`);
    return timed;
  } finally {
    await endChild(child);
    await server.close();
  }
}

const ms = (value: number): string => value.toFixed(value < 100 ? 1 : 0);

function showRows(to: string, timed: readonly Timed[]): string[][] {
  return timed.map(({ size, times }) => {
    const { least, median, p99 } = summarize(times);
    const kept = [to, String(size.bytes), String(size.trees), String(times.length)];
    return [...kept, ms(least), ms(median), ms(p99)];
  });
}

export async function benchPush(): Promise<boolean> {
  const load = readLoad();
  const { version } = await resolveEnvoy();
  const bot = await loadBot();
  const sizes = TREES.map((trees) => sizeTable(bot, trees));
  const envoy = await pushToEnvoy(sizes);
  const streams = await pushToStreams(sizes.slice(0, 2));
  const groups = [
    [`one Envoy ${version}`, envoy],
    [`${STREAMS} streams`, streams],
  ] as const;
  writeReport({
    name: "push",
    title: "Push to ACK",
    about: [
      "Milliseconds from `setTarget` in the ECDS server to the ACK of one real Envoy (one worker, the shipped module), and to the last ACK of many gRPC streams, each with a connection of its own, from one other process that does nothing but ACK. Sizes take turns; every push is a new table. Made by `npm run bench -- push`.",
      `${describeMachine()}; load average ${load} before, ${readLoad()} after.`,
    ],
    rows: [
      ["to", "table bytes", "trees", "pushes", "ms, minimum", "median", "p99"],
      ...groups.flatMap(([to, timed]) => showRows(to, timed)),
    ],
    notes: [
      "An ACK says that Envoy's main thread has checked the table in a copy of the VM; its workers take it up in their next turn. The streams check nothing: their row is the cost of the server, and of one client process on the other core. Of 30 pushes p99 is the slowest.",
    ],
    values: [
      ["to", "table_bytes", "push", "ms"],
      ...groups.flatMap(([to, timed]) =>
        timed.flatMap(({ size, times }) =>
          times.map((value, at) => [to, size.bytes, at, value.toFixed(3)]),
        ),
      ),
    ],
  });
  return true;
}
