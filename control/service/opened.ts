import { hostname } from "node:os";
import type { ServiceFace, StatusView } from "../api/views.ts";
import type { Auth } from "../auth/auth.ts";
import type { EventLog } from "../events/log.ts";
import type { History } from "../history/history.ts";
import type { Settings } from "../settings.ts";
import type { Tables } from "./tables.ts";

export type Role = StatusView["role"];

/** What every role starts from. */
export type Opened = {
  settings: Settings;
  role: Role;
  /** Who may call; `refused()` counts who might not. */
  auth: Auth;
  log: EventLog;
  history: History;
  tables: Tables;
  say: (line: string) => void;
  /** Aborted when the process ends. */
  signal: AbortSignal;
  /** Called when the process ends, the last one first. */
  onClose: (closer: () => Promise<unknown>) => void;
  /** Serves the HTTP API; HOST:PORT. */
  startApi: (face: ServiceFace) => Promise<string>;
};

export type Started = { xdsPort: number | null; http: string };

/** One process among those that share a log, as people find it: it tells others where to ask. */
export const nameProcess = ({ listen }: Settings): string =>
  `${hostname()} (http ${listen.http}, pid ${process.pid})`;
