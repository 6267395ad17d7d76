import { startAccessLogServer } from "../collect/access-log.ts";
import { LimenError } from "../errors.ts";
import { readSecrets } from "../publish.ts";
import { collectInto, createLastRecords } from "./collecting.ts";
import { createFace, type FaceParts } from "./faces.ts";
import { openLabels } from "./labels.ts";
import type { Opened, Started } from "./opened.ts";
import { followHistory } from "./serving.ts";

/**
 * Takes access logs and labels into the log. Keeps nothing but a bounded buffer, so there may be
 * any number of it. Ids are hashed with a key that the first table brings: until one was pushed
 * there is nothing to record either.
 */
export async function startCollect(opened: Opened): Promise<Started> {
  const { settings, auth, log, say, onClose } = opened;
  const { last, note } = createLastRecords();
  const parts: FaceParts = { ...opened, last, deciding: () => null };
  const http = await opened.startApi(createFace(parts));
  const tokenKey = await followForKey(opened, http);
  const options = collectInto(log, tokenKey, say, note);
  const collector = await startAccessLogServer({ ...options, auth, address: settings.listen.xds });
  onClose(collector.close);
  parts.collector = collector;
  parts.labels = openLabels(settings, log, tokenKey, []);
  return { xdsPort: collector.port, http };
}

/** Follows the history for good; resolves with the key of the first table. */
async function followForKey(
  { history, signal, say, onClose }: Opened,
  http: string,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const following = followHistory(history, signal, say, ({ table }) => {
    if (table !== null) resolve(readSecrets(table.bytes).tokenKey);
  });
  onClose(() => following);
  const ended = new LimenError("unavailable", "ended before the first table came");
  void following.then(() => reject(ended));
  if (history.live().table === null) {
    say(`http on ${http}; waiting for the first table: start a process that learns`);
  }
  return promise;
}
