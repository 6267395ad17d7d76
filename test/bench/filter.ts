/** CPU of a request in a real Envoy, with our filter and with its peers: `npm run bench -- filter`. */
import { setTimeout as sleep } from "node:timers/promises";
import { ask, runLoad } from "../support/load.ts";
import { describeMachine, readLoad, summarize, turnOrder, writeReport } from "./figures.ts";
import { type BenchEnvoy, CHECK_PATH, SAW_HEADER, startBenchEnvoy } from "./filter-envoy.ts";
import { listVariants, type Variant } from "./filter-variants.ts";

const [ROUNDS, WARM_ROUNDS] = [80, 10];
const [REQUESTS, CONNECTIONS] = [3_000, 8];
/** The filter flushes its counters at most once a second. */
const FLUSH_MS = 1_100;

/** Nine ordinary headers beside the host. */
const HEADERS = [
  [
    "user-agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  ],
  ["accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
  ["accept-language", "en-US,en;q=0.9"],
  ["accept-encoding", "gzip, deflate, br"],
  ["referer", "https://shop.example/"],
  ["cookie", "session=5d41402abc4b2a76b9719d911017c592"],
  ["sec-fetch-site", "same-origin"],
  ["sec-fetch-mode", "navigate"],
  ["upgrade-insecure-requests", "1"],
] as const;

/** Throws unless the variant does what its title says. */
async function checkVariant(envoy: BenchEnvoy, { name, tag }: Variant): Promise<void> {
  const { status, headers } = await ask(envoy.portOf(name), {
    path: CHECK_PATH,
    headers: HEADERS,
  });
  const saw = String(headers[SAW_HEADER] ?? "").replace(/^-$/, "");
  if (status !== 200 || saw !== tag) {
    throw new Error(`${name}: answered ${status} with tag "${saw}", not "${tag}"`);
  }
}

/** Throws unless the tag is still right and our counters have one decision of the wanted reason for every request sent. */
async function checkReason(envoy: BenchEnvoy, variant: Variant, sent: number): Promise<void> {
  const { name, reason } = variant;
  await checkVariant(envoy, variant);
  if (reason === null) return;
  const stats = await envoy.readStats(`limen\\.${name}\\.reason`);
  const counted = Object.entries(stats).map(([key, count]) => `${key.split(".").at(-1)} ${count}`);
  const wanted = `${reason} ${sent + 1}`;
  if (counted.join() !== wanted) throw new Error(`${name}: ${counted}, not ${wanted}`);
}

/** Microseconds of CPU a request, of the whole Envoy process. */
async function measure(envoy: BenchEnvoy, { name }: Variant): Promise<number> {
  const before = envoy.readCpu();
  const counts = await runLoad({
    ...{ port: envoy.portOf(name), requests: REQUESTS, connections: CONNECTIONS },
    question: { headers: HEADERS },
  });
  if (counts[200] !== REQUESTS) throw new Error(`${name}: ${JSON.stringify(counts)}`);
  return ((envoy.readCpu() - before) * 1000) / REQUESTS;
}

async function runRounds(envoy: BenchEnvoy, variants: readonly Variant[]): Promise<number[][]> {
  const times = variants.map((): number[] => []);
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    for (const at of turnOrder(variants.length, round)) {
      const variant = variants[at];
      if (!variant) continue;
      const spent = await measure(envoy, variant);
      if (round >= WARM_ROUNDS) times[at]?.push(spent);
    }
  }
  return times;
}

type Added = { minima: number; paired: number };

/** Over no filter: of the minima, and the median of the differences within a round. */
function addedOf(times: readonly number[], none: readonly number[]): Added {
  const differences = times.map((time, round) => time - (none[round] ?? Number.NaN));
  return {
    minima: summarize(times).least - summarize(none).least,
    paired: summarize(differences).median,
  };
}

function showRows(variants: readonly Variant[], times: readonly number[][]): string[][] {
  const none = times[0] ?? [];
  const lua = addedOf(times[variants.findIndex(({ name }) => name === "lua")] ?? [], none);
  return variants.map(({ title }, at) => {
    const own = times[at] ?? [];
    const { least, median } = summarize(own);
    const added = addedOf(own, none);
    const cells = [title, least.toFixed(1), median.toFixed(1)];
    if (at === 0) return [...cells, "-", "-", "-", "-"];
    const ratios = [added.minima / lua.minima, added.paired / lua.paired];
    const more = [added.minima, added.paired].map((value) => value.toFixed(1));
    return [...cells, ...more, ...ratios.map((ratio) => ratio.toFixed(2))];
  });
}

export async function benchFilter(): Promise<boolean> {
  const load = readLoad();
  const variants = await listVariants();
  const envoy = await startBenchEnvoy(variants);
  try {
    for (const variant of variants) await checkVariant(envoy, variant);
    const times = await runRounds(envoy, variants);
    await sleep(FLUSH_MS);
    const sent = 1 + (WARM_ROUNDS + ROUNDS) * REQUESTS;
    for (const variant of variants) await checkReason(envoy, variant, sent);
    writeReport({
      name: "filter",
      title: "CPU of a request in Envoy",
      about: [
        `Envoy ${envoy.version}, one worker, a direct response, HTTP/1.1 with 9 ordinary headers, ${CONNECTIONS} connections with one request at a time each; no access log. One process with a listener a variant, so that all share one binary and one memory; ${ROUNDS} interleaved rounds of ${REQUESTS} requests after ${WARM_ROUNDS} to warm up. CPU of the whole process by ${envoy.cpuSource}. Made by \`npm run bench -- filter\`.`,
        `${describeMachine()}; load average ${load} before, ${readLoad()} after (the bench itself keeps two cores busy).`,
      ],
      rows: [
        [
          ...["variant", "us a request, minimum", "median"],
          ...["added, minima", "added, paired median", "times Lua's, minima", "paired"],
        ],
        ...showRows(variants, times),
      ],
      notes: [
        "Added is over no filter: the difference of the minima, and the median of the differences within a round. Before and after the rounds each variant's tag is read off a request, and after them our counters must show one decision of the variant's reason for every request.",
      ],
      values: [
        ["variant", "round", "us_a_request"],
        ...variants.flatMap(({ name }, at) =>
          (times[at] ?? []).map((value, round) => [name, round, value.toFixed(3)]),
        ),
      ],
    });
    return true;
  } finally {
    await envoy.stop();
  }
}
