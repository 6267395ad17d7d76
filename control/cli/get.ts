import { setTimeout as sleep } from "node:timers/promises";
import { Argument, type Command } from "commander";
import type { StatusView } from "../api/views.ts";
import { LimenError } from "../errors.ts";
import { callService, serverOf } from "./client.ts";
import { type Column, type Format, formatRows, outputOption } from "./output.ts";
import { CUT_COLUMNS, HANDS_OUT, listCuts, proxyColumnsOf } from "./status.ts";

const THINGS = ["models", "cuts", "proxies", "labels"] as const;
type Thing = (typeof THINGS)[number];

const MODEL_COLUMNS: readonly Column<StatusView["models"][number]>[] = [
  { title: "model", of: (model) => model.name },
  { title: "digest", of: (model) => model.digest },
  { title: "objective", of: (model) => model.objective },
  { title: "scope", of: (model) => model.scope },
  { title: "audit", of: (model) => model.audit },
  { title: "decisions", of: (model) => model.decisions },
];

type LabelRow = { what: string; count: number | string };

/** Labels by what became of them, one a row. */
function listLabels({ labels }: StatusView): LabelRow[] {
  if (!labels) {
    throw new LimenError("missing", "no source of labels; add labels: to limen.yaml");
  }
  const { accepted, joined, waiting, unknown, late, duplicate, conflicting, ambiguous } = labels;
  const { acted, unscored, invalid, skipped, rejected, lateShare } = labels;
  const counts = { accepted, joined, waiting, unknown, late, duplicate, conflicting, ambiguous };
  const others = { acted, unscored, invalid, skipped, rejected };
  const share = lateShare === null ? "-" : lateShare.toFixed(4);
  return [
    ...Object.entries({ ...counts, ...others }).map(([what, count]) => ({ what, count })),
    { what: "late share", count: share },
  ];
}

const LABEL_COLUMNS: readonly Column<LabelRow>[] = [
  { title: "labels", of: (row) => row.what },
  { title: "count", of: (row) => row.count },
];

function pick<Row>(rows: readonly Row[], name: string | undefined, nameOf: (row: Row) => string) {
  if (name === undefined) return rows;
  const found = rows.filter((row) => nameOf(row) === name);
  if (found.length > 0) return found;
  const known = [...new Set(rows.map(nameOf))].join(", ") || "none";
  throw new LimenError("missing", `nothing named ${name}; there are: ${known}`);
}

/** Throws when another process has these rows: no rows here would look like none at all. */
function checkPlace({ role, decider, models }: StatusView, thing: Thing): void {
  const isHere = {
    models: models.length > 0,
    cuts: models.length > 0,
    proxies: HANDS_OUT.includes(role),
    labels: models.length > 0,
  };
  if (role === "all" || isHere[thing]) return;
  const decides = decider === "" ? "the one that decides" : decider;
  const where = thing === "proxies" ? "one of role serve" : decides;
  throw new LimenError("unavailable", `${thing}: this process is of role ${role}; ask ${where}`);
}

function show(status: StatusView, thing: Thing, name: string | undefined, format: Format): string {
  checkPlace(status, thing);
  if (thing === "models") {
    const rows = pick(status.models, name, (model) => model.name);
    return formatRows(rows, MODEL_COLUMNS, format);
  }
  if (thing === "proxies") {
    return formatRows(
      pick(status.proxies, name, (proxy) => proxy.node),
      proxyColumnsOf(status),
      format,
    );
  }
  if (thing === "labels") {
    const rows = pick(listLabels(status), name, (row) => row.what);
    return formatRows(rows, LABEL_COLUMNS, format, status.labels);
  }
  const rows = pick(listCuts(status), name, (row) => row.model.name);
  const whole = rows.map(({ model, ...row }) => ({ model: model.name, ...row }));
  const text = formatRows(rows, CUT_COLUMNS, format, whole);
  // The claim is printed whole, and where one name was asked for: anything shorter claims too much.
  if (name === undefined || (format !== "table" && format !== "wide")) return text;
  const model = status.models.find((one) => one.name === name);
  const claims = model?.claims.map(
    ({ tag, objective, sentence }) => `${tag}, ${objective}: ${sentence}`,
  );
  return [text, ...(claims ?? [])].join("\n\n");
}

export function addGet(program: Command): void {
  program
    .command("get")
    .description("models, cuts, proxies or labels as rows")
    .addArgument(new Argument("<thing>", "what to list").choices(THINGS))
    .argument("[name]", "only this one")
    .option("-w, --watch", "draw it anew each second")
    .addOption(outputOption())
    .addHelpText("after", "\nExamples:\n  limen get cuts bot\n  limen get proxies -o csv")
    .action(
      async (
        thing: Thing,
        name: string | undefined,
        options: { output: Format; watch?: boolean },
        command: Command,
      ) => {
        do {
          const status = await callService<StatusView>(serverOf(command), "/v1/status");
          console.log(show(status, thing, name, options.output));
          if (options.watch) await sleep(1_000);
        } while (options.watch);
      },
    );
}
