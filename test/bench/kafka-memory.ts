/** Resident memory of `limen run collect`, `learn` and `serve`, as processes of their own, over many
 * decisions by gRPC, labels by HTTP and pushed tables. */
import { readFileSync } from "node:fs";
import { Client, type ClientWritableStream, credentials } from "@grpc/grpc-js";
import type { TestKafka } from "../support/broker.ts";
import { openRoles, type RoleProcess, type Roles, waitForDecider } from "../support/roles.ts";
import { openXdsClient } from "../support/xds-client.ts";
import { createMessages, LABEL_EACH, MESSAGE_ENTRIES, requestIdOf } from "./kafka-load.ts";

const PATH = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const POINTS = 40;
const PUSHES_EACH = 10;
const LABELS_POSTED = 200;
const BEHIND_MAX = 50_000;
const PARTITIONS = 12;
const WINDOW_S = 10;
/** Of the load: what is sent may go on while the learner is less than BEHIND_MAX behind. */
const LOOK_MS = 100;
const ACK_MS = 5;
const [TRIES_MAX, RETRY_MS] = [20, 1_000];
const CATCH_UP_MS = 300_000;

export const ROLES = ["collect", "learn", "serve"] as const;
export type MemoryPoint = {
  decisions: number;
  pushes: number;
  seconds: number;
  mb: Readonly<Record<(typeof ROLES)[number], number>>;
};

const readResidentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function openStream(port: number) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  let failed: Error | null = null;
  const call: ClientWritableStream<Buffer> = client.makeClientStreamRequest(
    PATH,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    (error) => {
      failed = error;
    },
  );
  const write = async (bytes: Buffer): Promise<void> => {
    if (failed) throw failed;
    if (call.write(bytes)) return;
    await new Promise<void>((resolve) => call.once("drain", () => resolve()));
  };
  return {
    write,
    close: () => {
      call.cancel();
      client.close();
    },
  };
}

/** A proxy that takes each table that is pushed. */
function followTables(serve: RoleProcess) {
  const client = openXdsClient(serve.xdsPort);
  client.ask("proxy-1", ["limen"]);
  let acked = 0;
  const look = setInterval(async () => {
    while (client.inbox.length > 0) {
      client.ack(await client.next());
      acked++;
    }
  }, ACK_MS);
  const close = (): void => {
    clearInterval(look);
    client.close();
  };
  return { acked: () => acked, close };
}

/** Asks again while the machine is too busy to answer in time. */
async function patiently<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (thrown) {
      if (tries === TRIES_MAX) throw thrown;
      await pause(RETRY_MS);
    }
  }
}

async function postLabels(collect: RoleProcess, from: number, to: number): Promise<void> {
  const ids = Array.from({ length: to - from }, (_, at) => from + at);
  const spoken = ids.filter((id) => id % LABEL_EACH === 7);
  for (let at = 0; at < spoken.length; at += LABELS_POSTED) {
    const some = spoken.slice(at, at + LABELS_POSTED);
    const labels = some.map((id) => ({ requestId: requestIdOf(id), label: id % 3 === 0 ? 1 : 0 }));
    await patiently(() => collect.post("/v1/labels", labels));
  }
}

async function catchUp(learn: RoleProcess, decisions: number): Promise<void> {
  const end = performance.now() + CATCH_UP_MS;
  for (;;) {
    const { log } = await learn.status();
    if (log.decisions >= decisions) return;
    if (performance.now() > end)
      throw new Error(`the learner has ${log.decisions} of ${decisions}`);
    await pause(LOOK_MS);
  }
}

/** Other settings each time, so that each is a new table. */
async function pushTables(decider: RoleProcess, from: number): Promise<void> {
  for (let push = from; push < from + PUSHES_EACH; push++) {
    const audit = 0.02 + ((push % 100) + 1) / 10_000;
    await patiently(() => decider.post("/v1/apply", { set: { "bot.audit": audit } }));
  }
}

async function run(roles: Roles, decisions: number): Promise<MemoryPoint[]> {
  const learn = await roles.start("learn");
  await waitForDecider(roles);
  const [serve, collect] = [await roles.start("serve"), await roles.start("collect")];
  const tables = followTables(serve);
  const { tableDigest } = await learn.status();
  const make = createMessages({ tableDigest, segments: 1 });
  const stream = openStream(collect.xdsPort);
  const points: MemoryPoint[] = [];
  const step = Math.ceil(decisions / POINTS / MESSAGE_ENTRIES) * MESSAGE_ENTRIES;
  const part = Math.min(step, Math.floor(BEHIND_MAX / MESSAGE_ENTRIES) * MESSAGE_ENTRIES);
  const begun = performance.now();
  for (let sent = 0; sent < step * POINTS; ) {
    const to = Math.min(sent + part, (points.length + 1) * step);
    const from = sent;
    for (; sent < to; sent += MESSAGE_ENTRIES) await stream.write(make(sent));
    await postLabels(collect, from, to);
    await catchUp(learn, to - BEHIND_MAX);
    if (to % step !== 0) continue;
    await pushTables(learn, points.length * PUSHES_EACH);
    const [one, two, three] = [collect, learn, serve].map((role) => readResidentMb(role.pid()));
    const mb = { collect: one ?? 0, learn: two ?? 0, serve: three ?? 0 };
    const seconds = (performance.now() - begun) / 1_000;
    points.push({ decisions: to, pushes: tables.acked(), seconds, mb });
    const shown = ROLES.map((role) => `${role} ${mb[role].toFixed(0)}`).join(", ");
    console.log(`${to} decisions, ${tables.acked()} pushes, ${seconds.toFixed(0)} s: MB ${shown}`);
  }
  await catchUp(learn, step * POINTS);
  stream.close();
  tables.close();
  return points;
}

/** So many decisions through all three roles; a point each fortieth of them. */
export async function measureMemory(kafka: TestKafka, decisions: number): Promise<MemoryPoint[]> {
  const labels = [
    {
      from: "http",
      source: "desk",
      window: `${WINDOW_S}s`,
      negatives: "explicit",
      affectedByTag: false,
    },
  ];
  const options = { prefix: "memory-", partitions: PARTITIONS, settings: { labels } };
  const roles = await openRoles(kafka, options);
  try {
    return await run(roles, decisions);
  } finally {
    await roles.close();
  }
}
