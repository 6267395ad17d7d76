import { startApi } from "./api/server.ts";
import { openAuth } from "./auth/auth.ts";
import { openLog } from "./events/open.ts";
import { openHistory } from "./history/history.ts";
import { startAll } from "./service/all.ts";
import { startCollect } from "./service/collect.ts";
import { startLearn } from "./service/learn.ts";
import type { Opened, Role } from "./service/opened.ts";
import { startServe } from "./service/serve.ts";
import { createTables } from "./service/tables.ts";
import type { Settings } from "./settings.ts";
import { describeLog } from "./settings-log.ts";
import { hostOf } from "./xds/listener.ts";

export type Service = {
  /** HOST:PORT each listens on; empty where the role has no such listener. */
  xds: string;
  http: string;
  close(): Promise<void>;
};

const START = { all: startAll, collect: startCollect, serve: startServe, learn: startLearn };

/** Starts one role, or all of them in one process. Throws before anything listens, or cleans up. */
export async function startService(
  settings: Settings,
  say: (line: string) => void,
  role: Role = "all",
): Promise<Service> {
  const log = await openLog(settings);
  const stop = new AbortController();
  const closers: (() => Promise<unknown>)[] = [() => log.close()];
  const close = async (): Promise<void> => {
    stop.abort();
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const auth = openAuth(settings.auth, say);
    closers.push(async () => auth.close());
    const tables = createTables();
    const history = await openHistory(log, tables.note, (offset) =>
      say(`limen.tables: the record at offset ${offset} is no event of Limen and is passed by`),
    );
    const opened: Opened = {
      settings,
      role,
      auth,
      log,
      history,
      tables,
      say,
      signal: stop.signal,
      onClose: (closer) => closers.push(closer),
      startApi: async (face) => {
        const api = await startApi(face, settings.listen.http, {
          auth,
          log: describeLog(settings.log),
        });
        closers.push(api.close);
        return `${hostOf(settings.listen.http)}:${api.port}`;
      },
    };
    const { xdsPort, http } = await START[role](opened);
    const xds = xdsPort === null ? "" : `${hostOf(settings.listen.xds)}:${xdsPort}`;
    return { xds, http, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
