// One crash run: roles apart on a real Kafka, traffic and labels, tables that are pushed all the
// while, and kill -9 as the plan says; then what must hold.
import { setTimeout as sleep } from "node:timers/promises";
import type { ApplyAnswer } from "../../control/api/views.ts";
import type { KafkaNode } from "../../control/kafka/broker.ts";
import type { TestKafka } from "../support/broker.ts";
import { waitFor } from "../support/envoy.ts";
import { type RoleProcess, type Roles, waitForDecider } from "../support/roles.ts";
import {
  findLostLabels,
  readRecorded,
  readTold,
  type Told,
  waitForCounts,
} from "./crash-claims.ts";
import type { CrashPlan, Kill, Victim } from "./crash-plan.ts";
import { nodeOf, openStage, type Stage, WINDOW_MS } from "./crash-stage.ts";
import { startTraffic } from "./crash-traffic.ts";

/** Some are late: more than W after their request. */
const LABELLING = { header: 0.35, post: 0.5, twice: 0.2, delayMs: 1.15 * WINDOW_MS };
/** "live digest equal on all servers within 2 s of the last event". */
const EQUAL_MS = 2_000;
const RESTART_MS = 90_000;
/** Traffic goes on for so long after the last one is back. */
const WHOLE_MS = 2_500;
const LOST_MS = 20_000;
const POLL_MS = 200;

export type CrashResult = {
  seed: number;
  kills: Partial<Record<Victim, number>>;
  sent: number;
  records: number;
  /** Records that did not come, as the learner that decides says it. What is neither was served in
   * the base state, after the TTL. */
  lost: number;
  labels: number;
  tables: number;
  claims: number;
  cells: number;
  seconds: number;
  /** Empty: every claim held. */
  faults: string[];
  logs: string;
};

/** Polls what collectors say they appended: by node, over all lives of its collector. */
function watchAppended(collectors: readonly RoleProcess[], signal: AbortSignal) {
  const told = new Map<string, Map<number, number>>();
  const look = async (one: RoleProcess): Promise<void> => {
    const lives = told.get(one.name) ?? new Map<number, number>();
    told.set(one.name, lives);
    while (!signal.aborted) {
      const now = one.pid();
      const status = await one.status().catch(() => null);
      // What answered is the life that was there before and after.
      if (status && now === one.pid()) lives.set(now, status.log.appended);
      await sleep(POLL_MS);
    }
  };
  const running = Promise.all(collectors.map(look));
  return async (): Promise<Map<string, number>> => {
    await running;
    const sums = [...told].map(([name, lives]): [string, number] => {
      return [name, [...lives.values()].reduce((all, n) => all + n, 0)];
    });
    return new Map(sums);
  };
}

/** After another kill it takes the group some seconds to know who decides. */
async function choose(roles: Roles, { what, index }: Kill): Promise<RoleProcess | null> {
  if (what === "decider") return waitForDecider(roles);
  const role = ({ collector: "collect", learner: "learn", server: "serve" } as const)[
    what as "collector" | "learner" | "server"
  ];
  const up = roles.of(role).filter((one) => one.isUp());
  return up[index % Math.max(1, up.length)] ?? null;
}

/** Starts it again; what ends because the broker is away is started again once that is back. */
async function bringBack(one: RoleProcess, broker: KafkaNode | undefined): Promise<void> {
  const until = performance.now() + RESTART_MS;
  for (;;) {
    try {
      return await one.restart();
    } catch (thrown) {
      if (performance.now() > until) throw thrown;
    }
    await waitFor("the broker", () => (broker?.isUp() ? true : null), RESTART_MS, POLL_MS);
  }
}

type Struck = Partial<Record<Victim, number>>;

function createStrike(roles: Roles, kafka: TestKafka, struck: Struck) {
  const away = new Set<RoleProcess>();
  const [broker] = kafka.nodes;
  const count = (what: Victim): void => {
    struck[what] = (struck[what] ?? 0) + 1;
  };
  return async (kill: Kill): Promise<void> => {
    await sleep(kill.atMs);
    if (kill.what === "broker") {
      count("broker");
      await broker?.kill9();
      await sleep(kill.downMs);
      await broker?.restart();
      return;
    }
    const one = await choose(roles, kill);
    if (!one || away.has(one)) return;
    away.add(one);
    count(kill.what);
    await one.kill9();
    await sleep(kill.downMs);
    await bringBack(one, broker);
    away.delete(one);
  };
}

/** Until the signal; adds the digests of tables whose `apply` was answered. */
async function pushOn(
  roles: Roles,
  { pushes }: CrashPlan,
  done: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  for (const { atMs, cut } of pushes) {
    const waitMs = Math.max(0, began + atMs - performance.now());
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const decider = await roles.findDecider();
    const body = { set: { "bot.bot.cut": cut }, by: "crash" };
    const answer = await decider?.post<ApplyAnswer>("/v1/apply", body).catch(() => undefined);
    if (answer) done.add(answer.tableDigest);
  }
}

/** The last table comes to every server soon. */
async function checkServers(roles: Roles, done: Set<string>): Promise<string[]> {
  const body = { set: { "bot.bot.cut": 0.42 }, by: "crash" };
  const { tableDigest } = await waitFor(
    "the last apply",
    async () => (await waitForDecider(roles)).post<ApplyAnswer>("/v1/apply", body),
    RESTART_MS,
  );
  done.add(tableDigest);
  const isLive = async (one: RoleProcess): Promise<true | null> =>
    (await one.status()).tableDigest === tableDigest ? true : null;
  const looks = roles.of("serve").map((one) =>
    waitFor(`${tableDigest} on ${one.name}`, () => isLive(one), EQUAL_MS).then(
      () => "",
      (thrown: Error) => thrown.message,
    ),
  );
  return (await Promise.all(looks)).filter((fault) => fault !== "");
}

/** What the decider tells as lost; it knows it by the checkpoints of all learners. */
async function waitForLost(roles: Roles, wanted: number): Promise<number> {
  let lost = Number.NaN;
  const look = async (): Promise<true | null> => {
    lost = (await (await roles.findDecider())?.status())?.log.lost ?? Number.NaN;
    return lost === wanted ? true : null;
  };
  await waitFor("the count of lost records", look, LOST_MS, POLL_MS).catch(() => undefined);
  return lost;
}

type Played = Awaited<ReturnType<typeof play>>;

/** Everything that somebody was told is so. */
async function checkTold(roles: Roles, { traffic, done, appended }: Played, told: Told) {
  const recorded = await readRecorded(roles.log, told);
  const faults = [...recorded.faults];
  const gone = await findLostLabels(roles.log, traffic.acknowledged);
  if (gone.length > 0) faults.push(`${gone.length} acknowledged labels are not in the log`);
  for (const one of roles.of("collect")) {
    const [said, is] = [appended.get(one.name) ?? 0, recorded.byNode.get(nodeOf(one)) ?? 0];
    if (said > is) faults.push(`${one.name} appended ${said}, in the log are ${is}`);
  }
  for (const digest of done) {
    if (!told.tables.has(digest)) faults.push(`applied table ${digest} was never live`);
  }
  return { faults, recorded };
}

async function judge({ roles }: Stage, played: Played) {
  const faults = await checkServers(roles, played.done);
  const told = await readTold(roles.log);
  const compared = await waitForCounts(roles.log);
  const { faults: untold, recorded } = await checkTold(roles, played, told);
  faults.push(...told.faults, ...compared.faults, ...untold);
  const { sent, statuses } = played.traffic;
  for (const [status, count] of statuses) {
    if (status !== 200) faults.push(`${count} requests answered ${status}`);
  }
  const { records, missing } = recorded;
  const lost = await waitForLost(roles, missing);
  if (lost !== missing) faults.push(`${lost} are told as lost, by their numbers ${missing} are`);
  if (records + missing > sent) faults.push(`${records} records of ${sent} requests`);
  return { faults, told, compared, recorded, lost };
}

/** Traffic, tables and kills, until all that was killed is back and has worked for a while. */
async function play({ roles, envoys }: Stage, kafka: TestKafka, plan: CrashPlan) {
  const stop = new AbortController();
  const collectors = roles.of("collect");
  const endWatching = watchAppended(collectors, stop.signal);
  const { seed, requestsPerSecond } = plan;
  const traffic = startTraffic({
    ...{ seed, envoys, collectors, requestsPerSecond },
    labelling: LABELLING,
  });
  const [kills, done]: [Struck, Set<string>] = [{}, new Set()];
  const pushing = pushOn(roles, plan, done, stop.signal);
  const strike = createStrike(roles, kafka, kills);
  try {
    await Promise.all(plan.kills.map((kill) => strike(kill)));
    await sleep(WHOLE_MS);
  } finally {
    await traffic.end();
    stop.abort();
    await pushing;
  }
  return { traffic, kills, done, appended: await endWatching() };
}

const readLogs = ({ roles }: Stage): string =>
  roles.running.map((one) => `--- ${one.name}\n${one.readLog()}`).join("\n");

async function playAndJudge(stage: Stage, kafka: TestKafka, plan: CrashPlan) {
  await waitForDecider(stage.roles);
  const played = await play(stage, kafka, plan);
  const { faults, told, compared, recorded, lost } = await judge(stage, played);
  return {
    kills: played.kills,
    sent: played.traffic.sent,
    records: recorded.records,
    lost,
    labels: played.traffic.acknowledged.length,
    tables: told.tables.size,
    claims: told.claims,
    cells: compared.cells,
    faults,
  };
}

const NOTHING = { sent: 0, records: 0, lost: 0, labels: 0, tables: 0, claims: 0, cells: 0 };

/** Plays the plan on a stage of its own; the broker is shared with the runs before it. */
export async function runCrash(kafka: TestKafka, plan: CrashPlan): Promise<CrashResult> {
  const began = performance.now();
  const { seed, learners } = plan;
  const prefix = `crash-${seed}-${Date.now().toString(36)}.`;
  const stage = await openStage(kafka, { prefix, learners });
  const failed = (thrown: Error) => ({ ...NOTHING, kills: {}, faults: [`${thrown.stack}`] });
  try {
    const result = await playAndJudge(stage, kafka, plan).catch(failed);
    const seconds = (performance.now() - began) / 1_000;
    return { ...result, seed, seconds, logs: readLogs(stage) };
  } finally {
    await stage.close();
  }
}
