import { addAccessLogService, type Collector } from "../collect/access-log.ts";
import { LimenError } from "../errors.ts";
import { createLearner } from "../learn/follow.ts";
import { collectInto, createLastRecords } from "./collecting.ts";
import { openDeciding } from "./deciding.ts";
import { createFace } from "./faces.ts";
import { createOpener, openLabels } from "./labels.ts";
import { nameProcess, type Opened, type Started } from "./opened.ts";
import { createSayOnce } from "./say-once.ts";
import { createResources, followHistory, type Serving, startServing } from "./serving.ts";

/** All roles in one process: collect, learn, serve. */
export async function startAll(opened: Opened): Promise<Started> {
  const { settings, log, history, tables, say, onClose } = opened;
  const resourceOf = createResources(settings);
  let serving: Serving | undefined;
  const folding = createSayOnce("counting decisions", say);
  const deciding = await openDeciding(settings, {
    history,
    resourceOf,
    say,
    send: () => serving?.push(history.live()),
    openCounting: (onScored) =>
      createLearner({
        log,
        namesOf: tables.namesOf,
        sliceMs: settings.cohortMs,
        ...(settings.labels && { labels: settings.labels }),
        openLabel: createOpener(opened),
        onScored,
        onCheckpoint: folding.worked,
        onError: folding.failed,
      }),
  });
  onClose(deciding.close);
  const { state } = deciding;
  const { tokenKey } = state.publisher.secrets;
  const { last, note } = createLastRecords();
  let collector: Collector | undefined;
  serving = await startServing(settings, {
    auth: opened.auth,
    history,
    say,
    resourceOf,
    onNack: (node, why) => state.tell("nack", why, { node }),
    extend: (server, guard) => {
      const options = collectInto(log, tokenKey, say, note);
      collector = addAccessLogService(server, { ...options, guard });
    },
  });
  if (!collector) throw new LimenError("internal", "the access-log service was not added");
  onClose(collector.close);
  onClose(serving.close);
  if (settings.log.kind === "kafka") await shareLog(opened, serving);
  await deciding.start();
  const labels = openLabels(settings, log, tokenKey, state.learner.states);
  const http = await opened.startApi(
    createFace({
      ...opened,
      serving,
      resourceOf,
      collector,
      labels,
      last,
      deciding: () => deciding,
    }),
  );
  return { xdsPort: serving.xds.port, http };
}

/** Another process may write the log too: the newest to start decides, and all serve its tables. */
async function shareLog(opened: Opened, serving: Serving): Promise<void> {
  const { history, settings, signal, say, onClose } = opened;
  await history.claim(nameProcess(settings));
  const following = followHistory(history, signal, say, serving.push);
  onClose(() => following);
}
