import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CutView } from "../../../control/api/views.ts";
import type { Judged } from "../../../control/demo/ledger.ts";
import {
  bestRecall,
  type CutsOf,
  compareCuts,
  costPerThousand,
  judgeRoutes,
  type RouteCuts,
} from "../../../control/demo/report.ts";
import type { Route } from "../../../control/demo/traffic/request.ts";

const cut = (bin: number): CutView => ({
  score: bin === 4096 ? null : bin / 4096,
  bin,
  source: "learned",
});
const judged = (bin: number, bot: boolean, route: Route = "search"): Judged => ({
  phase: "tag",
  route,
  bot,
  at: 0,
  bin,
  cut: cut(bin),
});
const all = (bin: number): RouteCuts => ({
  search: cut(bin),
  login: cut(bin),
  checkout: cut(bin),
  orders: cut(bin),
});

// By hand: 2 bots (bins 900 and 1500) and 4 people (bins 10, 950, 1000 and 1200).
const SIX = [
  judged(900, true),
  judged(1500, true),
  judged(10, false),
  judged(950, false),
  judged(1000, false),
  judged(1200, false),
];
const cuts: CutsOf = {
  before: { hand: all(900), stale: all(1000), learned: all(1000) },
  after: { hand: all(900), stale: all(1000), learned: all(4096) },
};
const routes = compareCuts({ before: SIX, after: [...SIX, ...SIX] }, cuts);

describe("compareCuts", () => {
  it("counts what a cut tags, bins equal to it included", () => {
    const { cut: score, fpr, recall } = routes.search.before.hand;
    expect({ score, fpr, recall }).toEqual({ score: 900 / 4096, fpr: 3 / 4, recall: 1 });
  });

  it("puts each period under its own learned cut", () => {
    const { before, after } = routes.search;
    expect([before.learned.fpr, after.learned.fpr]).toEqual([2 / 4, 0]);
  });

  it("gives a cut of none no score and no recall", () => {
    const { cut: score, recall } = routes.search.after.learned;
    expect([score, recall]).toEqual([null, null]);
  });

  it("gives no recall for a route without bots", () => {
    const people = { before: [judged(5, false, "orders")], after: [] };
    expect(compareCuts(people, cuts).orders.before.hand.recall).toBeNull();
  });

  it("gives nothing for a route without requests", () => {
    expect(routes.orders.before.hand).toMatchObject({ fpr: null, recall: null, cost: null });
  });

  it("shows the 95% Clopper-Pearson interval", () => {
    // 2 of 4: 6.76% to 93.24%, tabulated (Clopper and Pearson 1934; R: binom.test(2, 4)).
    const { fprLow, fprHigh } = routes.search.before.learned;
    expect([fprLow?.toFixed(4), fprHigh?.toFixed(4)]).toEqual(["0.0676", "0.9324"]);
  });

  it("weighs a false positive and a miss of checkout 20 to 5", () => {
    const rows = [judged(2000, false, "checkout"), judged(1, true, "checkout")];
    const both = compareCuts({ before: rows, after: [] }, cuts);
    expect(both.checkout.before.hand.cost).toBe((1000 * (20 + 5)) / 2);
  });
});

describe("costPerThousand", () => {
  it("adds the routes, each with its own costs", () => {
    // Above the cut: a person of login (1) and the partner (10); below it: a bot of login (10).
    const rows = [
      judged(2000, false, "login"),
      judged(2000, false, "orders"),
      judged(1, true, "login"),
      judged(1, false, "search"),
    ];
    expect(costPerThousand(rows, all(1000))).toBe((1000 * 21) / 4);
  });

  it("is unknown without requests", () => {
    expect(costPerThousand([], all(1))).toBeNull();
  });
});

describe("bestRecall", () => {
  it("takes the lowest cut that keeps the rate", () => {
    expect(bestRecall(SIX, 0.25)).toBe(0.5);
    expect(bestRecall(SIX, 0.75)).toBe(1);
  });

  it("is unknown without bots", () => {
    expect(bestRecall([judged(1, false)])).toBeNull();
  });

  it("is what trying every cut gives", () => {
    const row = fc.record({ bin: fc.integer({ min: 0, max: 12 }), bot: fc.boolean() });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), fc.double({ min: 0, max: 1 }), (rows, rate) => {
        const bots = rows.filter(({ bot }) => bot).length;
        fc.pre(bots > 0 && !Number.isNaN(rate));
        const shares = Array.from({ length: 14 }, (_, at) => {
          const above = rows.filter(({ bin }) => bin >= at);
          const fp = above.filter(({ bot }) => !bot).length;
          return fp <= rate * (rows.length - bots) ? (above.length - fp) / bots : 0;
        });
        const seen = rows.map(({ bin, bot }) => judged(bin, bot));
        expect(bestRecall(seen, rate)).toBe(Math.max(...shares));
      }),
    );
  });
});

describe("judgeRoutes", () => {
  it("judges each route twice, under the learned cut of the period", () => {
    const found = judgeRoutes({ before: SIX, after: SIX }, cuts);
    expect(found).toHaveLength(8);
    expect(found.slice(0, 2).map(({ period, recall }) => [period, recall])).toEqual([
      ["before", 0.5],
      ["after", 0],
    ]);
  });

  it("bounds the false positive rate from below at 99%", () => {
    // 10 of 10: the lower bound is .01^(1/10).
    const rows = Array.from({ length: 10 }, () => judged(2000, false));
    const [before] = judgeRoutes({ before: rows, after: [] }, cuts);
    expect(before?.fprLower).toBeCloseTo(0.01 ** (1 / 10), 9);
  });
});
