// Roles apart on a real Kafka, and an Envoy on each collector.
import type { MakeOptions, TestKafka } from "../support/broker.ts";
import type { RunningEnvoy } from "../support/envoy.ts";
import { openRoles, type RoleName, type RoleProcess, type Roles } from "../support/roles.ts";
import { startRolesEnvoy } from "../support/roles-envoy.ts";
import { type RunningUpstream, startUpstream } from "../support/upstream.ts";

export const WINDOW_MS = 2_000;
export const COHORT_MS = 1_000;
export const SETTINGS = {
  token: true,
  ttl: "3s",
  segments: { prefix: { "/api/orders": "orders", "/search": "search" } },
  bot: { mode: "tag", audit: 0.3, bot: { cut: 0.5 } },
  labels: [
    { from: "response", negatives: "explicit", window: `${WINDOW_MS}ms` },
    { from: "http", source: "desk", negatives: "explicit", window: `${WINDOW_MS}ms` },
  ],
};

export type Stage = {
  roles: Roles;
  envoys: RunningEnvoy[];
  shop: RunningUpstream;
  bots: RunningUpstream;
  close(): Promise<void>;
};

export type StageOptions = MakeOptions & {
  prefix: string;
  learners: number;
  collectors?: number;
  servers?: number;
  /** Keys of limen.yaml instead of those of SETTINGS. */
  settings?: Record<string, unknown>;
};

/** The node of the Envoy whose records go to a collector. */
export const nodeOf = (collector: RoleProcess): string => `edge of ${collector.name}`;

const several = (role: RoleName, count: number): RoleName[] => Array<RoleName>(count).fill(role);

/** Resolves when every process serves; each Envoy asks all servers. */
export async function openStage(kafka: TestKafka, options: StageOptions): Promise<Stage> {
  const { learners, collectors = 2, servers = 2, settings = {}, ...rest } = options;
  const roles = await openRoles(kafka, { ...rest, settings: { ...SETTINGS, ...settings } });
  const closers: (() => Promise<unknown>)[] = [roles.close];
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const [shop, bots] = [await startUpstream("shop"), await startUpstream("bots")];
    closers.push(shop.stop, bots.stop);
    const wanted = [
      ...several("learn", learners),
      ...several("collect", collectors),
      ...several("serve", servers),
    ];
    await Promise.all(wanted.map(roles.start));
    const serve = roles.of("serve");
    const starting = roles.of("collect").map((one) => {
      return startRolesEnvoy({ node: nodeOf(one), serve, collect: [one], shop, bots });
    });
    const envoys = await Promise.all(starting);
    closers.push(() => Promise.all(envoys.map((envoy) => envoy.stop())));
    return { roles, envoys, shop, bots, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
