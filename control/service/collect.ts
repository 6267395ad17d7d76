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
  const { settings, role, log, history, tables, say, onClose } = opened;
  const { last, note } = createLastRecords();
  const parts: FaceParts = { settings, role, log, history, tables, last, deciding: () => null };
  const http = await opened.startApi(createFace(parts));
  const tokenKey = await waitForKey(opened);
  const options = collectInto(log, tokenKey, say, note);
  const { auth } = opened;
  const collector = await startAccessLogServer({ ...options, auth, address: settings.listen.xds });
  onClose(collector.close);
  parts.collector = collector;
  parts.labels = openLabels(settings, log, tokenKey, []);
  return { xdsPort: collector.port, http };
}

async function waitForKey({ history, signal, say }: Opened): Promise<Uint8Array> {
  const found = new AbortController();
  const isThere = (): boolean => history.live().table !== null;
  if (!isThere()) say("waiting for the first table: start a process that learns");
  const ended = AbortSignal.any([signal, found.signal]);
  await followHistory(history, ended, say, () => isThere() && found.abort());
  const { table } = history.live();
  if (table === null) throw new LimenError("unavailable", "ended before the first table came");
  return readSecrets(table.bytes).tokenKey;
}
