import { createNotifier } from "../notify/notifier.ts";
import { createFace } from "./faces.ts";
import type { Opened, Started } from "./opened.ts";
import { createResources, followHistory, startServing } from "./serving.ts";

/** Hands the live table of the log to proxies. Keeps nothing, so there may be any number of it. */
export async function startServe(opened: Opened): Promise<Started> {
  const { settings, auth, history, say, onClose } = opened;
  const resourceOf = createResources(settings);
  const notifier = createNotifier({ hooks: settings.notify, now: Date.now, say });
  onClose(notifier.close);
  const onNack = (node: string, why: string): void => {
    const tableDigest = history.live().table?.digest ?? "";
    notifier.notify({ what: "nack", at: Date.now(), why, tableDigest, node });
  };
  const serving = await startServing(settings, { auth, history, say, resourceOf, onNack });
  onClose(serving.close);
  const following = followHistory(history, opened.signal, say, serving.push);
  onClose(() => following);
  const face = createFace({ ...opened, serving, resourceOf, deciding: () => null });
  const http = await opened.startApi(face);
  return { xdsPort: serving.xds.port, http };
}
