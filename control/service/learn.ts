import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";
import { joinGroup } from "../events/kafka-group.ts";
import { createLearner, type Learner } from "../learn/follow.ts";
import { createCountsFollower } from "../learn/follow-counts.ts";
import { KEEP_NONE } from "../learn/kept.ts";
import { type Deciding, openDeciding } from "./deciding.ts";
import { createFace } from "./faces.ts";
import { createOpener } from "./labels.ts";
import { nameReads } from "./name-reads.ts";
import { createTurns } from "./open.ts";
import { nameProcess, type Opened, type Started } from "./opened.ts";
import { createSayOnce } from "./say-once.ts";
import { createResources, followHistory } from "./serving.ts";

/** Counts of partitions that others fold reach the process that decides this often. */
const CHECKPOINT_MS = 1_000;
/** The learner of this partition decides. */
const DECIDING_PARTITION = 0;
const LOOK_MS = 100;
const TAKE_AGAIN_MS = 1_000;
/** After another process has claimed: longer than a member that is gone stays in the group, so that
 * two that both believe they decide do not take it from each other for long. */
const CLAIM_AGAIN_MS = 10_000;

async function beginDeciding({ settings, history, log, say }: Opened): Promise<Deciding> {
  const { cohortMs: sliceMs, labels } = settings;
  const deciding = await openDeciding(settings, {
    history,
    say,
    resourceOf: createResources(settings),
    // Processes that serve read it from the log.
    send: () => undefined,
    openCounting: async (onScored) =>
      createCountsFollower({
        log,
        sliceMs,
        ...(labels && { labels }),
        onScored,
        onError: createSayOnce("following counts", say).failed,
      }),
  });
  try {
    await history.claim(nameProcess(settings));
    await deciding.start();
  } catch (thrown) {
    await deciding.close();
    throw thrown;
  }
  say(`deciding from serial ${history.live().term} on`);
  return deciding;
}

/** Decides while it is wanted, and begins anew when it could not or another process took over. */
function createDecider(opened: Opened) {
  const { signal, say, history } = opened;
  let isWanted = false;
  let deciding: Deciding | null = null;
  const end = async (): Promise<void> => {
    const ending = deciding;
    deciding = null;
    await ending?.close();
  };
  const look = async (): Promise<void> => {
    const isOver = deciding !== null && !history.isDecider();
    if (isOver) say(`${history.live().decider} decides by now; this process does not`);
    if (deciding && (isOver || !isWanted)) await end();
    if (isOver) await sleep(CLAIM_AGAIN_MS, undefined, { signal });
    if (isWanted && !deciding) deciding = await beginDeciding(opened);
  };
  const run = async (): Promise<void> => {
    const looking = createSayOnce("deciding", say);
    while (!signal.aborted) {
      try {
        await look();
        looking.worked();
      } catch (thrown) {
        if (!signal.aborted) looking.failed(thrown);
      }
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
    await end();
  };
  const running = run();
  return {
    deciding: () => deciding,
    want: (wanted: boolean) => {
      isWanted = wanted;
    },
    ended: () => running,
  };
}

/** Follows what the group gave last; tries again while the log is away. */
function createTaker({ log, signal, say }: Opened, learner: Learner) {
  const inTurn = createTurns();
  const taking = createSayOnce("taking partitions", say);
  let newest: readonly number[] = [];
  const take = async (partitions: readonly number[]): Promise<void> => {
    while (partitions === newest && !signal.aborted) {
      try {
        await learner.setPartitions(partitions);
        taking.worked();
        say(`follows ${partitions.length} of ${log.partitions("limen.decisions")} partitions`);
        return;
      } catch (thrown) {
        taking.failed(thrown);
        await sleep(TAKE_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  return (partitions: readonly number[]): void => {
    newest = partitions;
    void inTurn(() => take(partitions));
  };
}

/**
 * Counts and joins the partitions that the group of learners gives this process; one of them also
 * decides. All it knows is in the log, so learners may come and go.
 */
export async function startLearn(opened: Opened): Promise<Started> {
  const { settings, log, history, tables, say, signal, onClose } = opened;
  if (settings.log.kind !== "kafka") {
    throw new LimenError("usage", "run learn: needs log: kafka://HOST:PORT, or run all in one");
  }
  const folding = createSayOnce("counting decisions", say);
  const learner = await createLearner({
    log: nameReads(log, history),
    namesOf: tables.namesOf,
    partitions: [],
    sliceMs: settings.cohortMs,
    checkpointMs: CHECKPOINT_MS,
    // Its decider goes by limen.counts.
    keep: KEEP_NONE,
    ...(settings.labels && { labels: settings.labels }),
    openLabel: createOpener(opened),
    onCheckpoint: (partition, next) => {
      folding.worked();
      void group.commit(partition, next).catch(() => undefined);
    },
    onError: folding.failed,
  });
  const decider = createDecider(opened);
  onClose(decider.ended);
  const take = createTaker(opened, learner);
  const staying = createSayOnce("staying in the group", say);
  const group = joinGroup(settings.log, {
    // Groups of other topics are not this one.
    groupId: `${settings.log.prefix}${settings.log.group}`,
    onAssigned: (partitions) => {
      // It gives none as well when the group is lost.
      if (partitions.length > 0) staying.worked();
      decider.want(partitions.includes(DECIDING_PARTITION));
      take(partitions);
    },
    onError: staying.failed,
  });
  onClose(group.close);
  const running = Promise.all([
    learner.run(signal),
    followHistory(history, signal, say, () => undefined),
  ]);
  onClose(() => running);
  const face = createFace({
    ...opened,
    deciding: decider.deciding,
    states: () => learner.states,
    resourceOf: createResources(settings),
  });
  const http = await opened.startApi(face);
  return { xdsPort: null, http };
}
