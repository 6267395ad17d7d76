// Roles apart, as an operator runs them: one after the other, each on what the one before left.
import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApplyAnswer, HistoryView } from "../../control/api/views.ts";
import { DecisionSchema } from "../../control/events/decision_pb.ts";
import { LabelSchema } from "../../control/events/label_pb.ts";
import type { StoredEvent } from "../../control/events/log.ts";
import { RejectedSchema } from "../../control/events/rejected_pb.ts";
import { encodeEvent, type NewHistoryEvent } from "../../control/history/event.ts";
import { HistoryEventSchema } from "../../control/history/history_pb.ts";
import { startTestKafka, type TestKafka } from "../support/broker.ts";
import { findEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import { type RoleProcess, waitForDecider } from "../support/roles.ts";
import { startRolesEnvoy } from "../support/roles-envoy.ts";
import type { Seen } from "../support/upstream.ts";
import { readTold, readTopic, waitForCounts } from "./crash-claims.ts";
import { openStage, type Stage } from "./crash-stage.ts";
import { startTraffic, type Traffic } from "./crash-traffic.ts";

const WAIT_MS = 40_000;
const PREFIX = "roles.";
const SETTINGS = {
  segments: {},
  bot: { mode: "shadow", audit: 0.25, bot: { objective: "fpr:0.1" } },
};
/** Every request gets one label, in time. */
const LABELLING = { header: 0, post: 1, twice: 0, delayMs: 300 };

let kafka: TestKafka | undefined;
let stage: Stage | undefined;
beforeAll(async () => {
  if (!(await findEnvoy())) return;
  kafka = await startTestKafka();
  if (!kafka) return;
  const options = { prefix: PREFIX, learners: 2, collectors: 1, settings: SETTINGS };
  stage = await openStage(kafka, options);
});
afterAll(async () => {
  await stage?.close();
  await kafka?.remove();
});

function drive({ roles, envoys }: Stage, seed: number): Traffic {
  const collectors = roles.of("collect");
  return startTraffic({ seed, envoys, collectors, requestsPerSecond: 80, labelling: LABELLING });
}

const one = (processes: readonly RoleProcess[], at: number): RoleProcess => {
  const found = processes[at];
  if (!found) throw new Error(`no process ${at}`);
  return found;
};

const apply = (decider: RoleProcess, set: Record<string, string | number>) =>
  decider.post<ApplyAnswer>("/v1/apply", { set, by: "test" });

/** Until every server names that table, and every proxy on them has ACKed it. */
const waitForTable = (servers: readonly RoleProcess[], digest: string, timeoutMs = WAIT_MS) =>
  waitFor(
    `table ${digest} everywhere`,
    async () => {
      const all = await Promise.all(servers.map((server) => server.status()));
      const proxies = all.flatMap((status) => status.proxies.filter(({ connected }) => connected));
      const isLive = all.every(({ tableDigest }) => tableDigest === digest);
      const isAcked = proxies.every(({ acked }) => acked === all[0]?.resourceDigest);
      return isLive && isAcked && proxies.length > 0 ? true : null;
    },
    timeoutMs,
  );

async function readHistory({ httpPort }: RoleProcess): Promise<readonly HistoryView[]> {
  const reply = await fetch(`http://${LOOPBACK}:${httpPort}/v1/history?since=0`);
  return ((await reply.json()) as { events: HistoryView[] }).events;
}

/** The first table that was pushed, as the decider of now would push it. */
async function readFirst({ roles }: Stage): Promise<NewHistoryEvent> {
  const stored = await readTopic(roles.log, "limen.tables");
  const events = stored.map(({ value }) =>
    fromBinary(HistoryEventSchema, value ?? new Uint8Array()),
  );
  const first = events.find(({ what }) => what === "pushed");
  const claimed = events.findLast(({ what }) => what === "claimed");
  if (!first || !claimed) throw new Error("nothing was pushed yet");
  const { table, tableDigest, resourceDigest } = first;
  const own = { what: "pushed", at: Date.now(), by: "limen", why: "late" } as const;
  return { ...own, table, tableDigest, resourceDigest, term: claimed.tableSerial };
}

const keyed = (events: readonly StoredEvent[], key: Uint8Array | null) =>
  events.find((event) => event.key && key && Buffer.compare(event.key, key) === 0) ?? null;

/** Requests until the application behind the tag has seen one. */
const waitForTagged = (stage: Stage): Promise<true> =>
  waitFor("a tagged request", async () => {
    const before = stage.bots.count();
    const traffic = drive(stage, 9);
    await sleep(400);
    await traffic.end();
    return stage.bots.count() > before ? true : null;
  });

type Claim = (stage: Stage, kafka: TestKafka) => Promise<void>;

function claim(text: string, test: Claim): void {
  it(text, async ({ skip }) => {
    if (!stage || !kafka) return skip();
    await test(stage, kafka);
  }, 120_000);
}

describe("roles apart", () => {
  claim("move a cut by labels that came to a collector, and tag with it", async (stage) => {
    const { roles } = stage;
    const decider = await waitForDecider(roles);
    const traffic = drive(stage, 1);
    await waitFor(
      "a certified cut",
      async () => {
        const cut = (await decider.status()).models[0]?.segments[0]?.cuts["bot"];
        return cut?.source === "learned" && cut.certificate?.certified ? true : null;
      },
      WAIT_MS,
    );
    const before = stage.bots.count();
    const { tableDigest } = await apply(decider, { "bot.mode": "tag" });
    await waitForTable(roles.of("serve"), tableDigest);
    await waitFor("a tag", () => (stage.bots.count() > before ? true : null));
    await traffic.end();
    expect(before).toBe(0);
    expect([...traffic.statuses.keys()]).toEqual([200]);
    expect(await waitForCounts(roles.log)).toMatchObject({ faults: [] });
  });

  claim("join a label that another program wrote as JSON to limen.labels", async (stage, kafka) => {
    const { roles, envoys } = stage;
    const seen = JSON.parse((await ask(envoys[0]?.port ?? 0)).body) as Seen;
    const requestId = seen.headers.find(([name]) => name === "x-request-id")?.[1] ?? "";
    const client = new kafkajs.Kafka({ brokers: [...kafka.brokers], logLevel: 0 });
    const producer = client.producer();
    await producer.connect();
    const value = JSON.stringify({ requestId, label: 1, source: "desk" });
    const bad = JSON.stringify({ requestId, label: "perhaps" });
    const send = (text: string) =>
      producer.send({ topic: `${PREFIX}limen.labels`, messages: [{ key: "any", value: text }] });
    await send(value);
    const [place] = await send(bad);
    await producer.disconnect();
    const decision = await waitFor("the decision", async () => {
      const all = await readTopic(roles.log, "limen.decisions");
      const isOurs = (bytes: Uint8Array | null): boolean =>
        bytes !== null && fromBinary(DecisionSchema, bytes).requestId === requestId;
      return all.find((event) => isOurs(event.value)) ?? null;
    });
    const label = await waitFor("the label in its place", async () =>
      keyed(await readTopic(roles.log, "limen.labels"), decision.key),
    );
    expect(label.partition).toBe(decision.partition);
    expect(fromBinary(LabelSchema, label.value ?? new Uint8Array())).toMatchObject({
      label: 2,
      by: expect.stringMatching(/^limen\.labels\/\d\/\d+$/),
    });
    const rejected = await waitFor("the reject", async () => {
      const [first] = await readTopic(roles.log, "limen.rejected");
      return first ? fromBinary(RejectedSchema, first.value ?? new Uint8Array()) : null;
    });
    expect(rejected).toMatchObject({
      topic: "limen.labels",
      partition: place?.partition,
      offset: BigInt(place?.baseOffset ?? -1),
      reason: expect.stringMatching(/^label: /),
    });
    expect(await waitForCounts(roles.log)).toMatchObject({ faults: [] });
  });

  claim("reach every proxy while servers come and go", async (stage) => {
    const { roles, shop, bots } = stage;
    const [first, second] = [one(roles.of("serve"), 0), one(roles.of("serve"), 1)];
    const third = await roles.start("serve");
    const collect = roles.of("collect");
    const envoy = await startRolesEnvoy({ node: "late", serve: [third], collect, shop, bots });
    try {
      await first.kill9();
      const decider = await waitForDecider(roles);
      const { tableDigest } = await apply(decider, { "bot.bot.cut": 0.3 });
      await waitForTable([second, third], tableDigest);
      const nodes = (await third.status()).proxies.map(({ node }) => node);
      expect(nodes).toContain("late");
    } finally {
      await envoy.stop();
      await first.restart();
    }
  });

  claim("stop within a second when off is said to a server, and stay so", async (stage) => {
    const { roles } = stage;
    await waitForTagged(stage);
    const servers = roles.of("serve");
    const { tableDigest } = await one(servers, 1).post<ApplyAnswer>("/v1/off", {});
    await waitForTable(servers, tableDigest, 1_000);
    const before = stage.bots.count();
    const again = one(servers, 0);
    await again.kill9();
    await again.restart();
    const traffic = drive(stage, 3);
    await sleep(3_000);
    await traffic.end();
    expect(stage.bots.count()).toBe(before);
    expect((await again.status()).state).toBe("off");
    const decider = await waitForDecider(roles);
    const on = await decider.post<ApplyAnswer>("/v1/on", {});
    await waitForTable(servers, on.tableDigest);
    await waitForTagged(stage);
  });

  claim("go on deciding when the learner that decides is killed", async (stage) => {
    const { roles } = stage;
    const former = await waitForDecider(roles);
    const { serial, decider: name } = await former.status();
    await former.kill9();
    const next = await waitForDecider(roles);
    expect(next.name).not.toBe(former.name);
    const { tableDigest, serial: higher } = await apply(next, { "bot.bot.cut": 0.35 });
    await waitForTable(roles.of("serve"), tableDigest);
    const claims = (await readHistory(next)).filter(({ what }) => what === "claimed");
    expect(higher).toBeGreaterThan(claims.at(-1)?.serial ?? 0);
    expect(claims.at(-1)?.serial).toBeGreaterThan(serial);
    expect((await next.status()).decider).not.toBe(name);
    await waitFor("all partitions", () => (/follows 3 of 3/.test(next.readLog()) ? true : null));
    await former.restart();
  });

  claim("pass by what a decider writes that was replaced while it slept", async (stage) => {
    const { roles } = stage;
    const former = await waitForDecider(roles);
    const late = await readFirst(stage);
    former.signal("SIGSTOP");
    try {
      const next = await waitFor(
        "another decider",
        async () => {
          const found = await roles.findDecider();
          return found && found !== former ? found : null;
        },
        WAIT_MS,
        200,
      );
      const { tableDigest } = await apply(next, { "bot.bot.cut": 0.45 });
      await waitForTable(roles.of("serve"), tableDigest);
      // As if it had been on its way: a table with a serial above all, by the claim before.
      const value = encodeEvent({ ...late, tableSerial: 1_000_000 });
      await roles.log.append([{ topic: "limen.tables", key: null, value }]);
      former.signal("SIGCONT");
      await waitFor("its own word", () =>
        /decides by now; this process does not/.test(former.readLog()) ? true : null,
      );
      expect((await former.status()).models).toEqual([]);
      await sleep(1_000);
      await waitForTable(roles.of("serve"), tableDigest);
      const told = await readTold(roles.log);
      expect([told.live, told.faults]).toEqual([tableDigest, []]);
    } finally {
      former.signal("SIGCONT");
    }
  });
});
