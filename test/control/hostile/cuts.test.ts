// What somebody could send to move a cut: the cut that results, and the counter that tells.
import { describe, expect, it } from "vitest";
import { createScorer } from "../../../control/scorer.ts";
import { ARM_FREE } from "../../../models/decision.ts";
import { CUT_NONE } from "../../../models/limits.ts";
import { A_TOKEN_KEY, someTable } from "../../support/builders.ts";
import { aHeartbeat, aLabel } from "../../support/labels.ts";
import { clearSecond, muteSecond, NEGATIVE, openStand, POSITIVE } from "./stand.ts";

type Stand = Awaited<ReturnType<typeof openStand>>;

/** A stand whose cut of "rest", or of both segments, is certified at 3500 by second 5. */
async function openCertified(...segments: string[]): Promise<Stand> {
  const stand = await openStand();
  await stand.send(0, (segments.length > 0 ? segments : ["rest"]).flatMap(clearSecond));
  expect((await stand.look(5))["rest"]).toBe(3500);
  return stand;
}

describe("the cut, with labels of a wrong MAC", () => {
  const OTHER_KEY = A_TOKEN_KEY.map((byte) => byte ^ 1);

  /** People and bots whose labels are posted by tokens under a key. */
  async function postTokens(tokenKey: Uint8Array) {
    const stand = await openStand();
    const scorer = createScorer();
    scorer.load(someTable({ token: true, tokenKey }));
    stand.go(100);
    const labels: { token: string; label: boolean }[] = [];
    for (let seq = 0; seq < 340; seq++) {
      const isBot = seq >= 300;
      const [requestId, now] = [`request-${seq}`, BigInt(stand.now()) * 1_000_000n];
      const request = { method: "GET", path: "/", headers: [] };
      const { token } = scorer.decide(request, { vm: 1n, seq, now, requestId });
      const key = stand.hashId(Buffer.from(requestId));
      await stand.append(stand.decide({ bin: isBot ? 3500 : 100, count: 1 }, key));
      labels.push({ token, label: isBot });
    }
    stand.go(600);
    await stand.post({ labels });
    return { cut: (await stand.look(5))["rest"], rejected: stand.rejected(), fates: stand.fates() };
  }

  it("stays none, and every label counts as rejected by its MAC", async () => {
    const { cut, rejected, fates } = await postTokens(OTHER_KEY);
    expect([cut, rejected.mac, fates?.joined]).toEqual([CUT_NONE, 340, 0]);
  });

  it("is certified by the same labels under the key of the mesh", async () => {
    const { cut, rejected, fates } = await postTokens(A_TOKEN_KEY);
    expect([cut, rejected.mac, fates?.joined]).toEqual([3500, 0, 340]);
  });
});

describe("the cut, with labels of unknown ids", () => {
  const flood = Array.from({ length: 400 }, (_, n) => aLabel({ id: 1e6 + n, label: NEGATIVE }));

  it("stays none: they certify nothing", async () => {
    const stand = await openStand();
    await stand.send(0, muteSecond());
    await stand.append(...flood);
    expect((await stand.look(5))["rest"]).toBe(CUT_NONE);
    expect(stand.fates()).toMatchObject({ unknown: 400, joined: 0 });
  });

  it("is the cut without them, beside labels of known ids", async () => {
    const stand = await openStand();
    await stand.send(0, clearSecond());
    await stand.append(...flood);
    expect((await stand.look(5))["rest"]).toBe(3500);
    expect(stand.certificate()?.n).toBe(560);
    expect(stand.fates()).toMatchObject({ unknown: 400, joined: 600 });
  });
});

describe("the cut, with labels from the future", () => {
  /** Labels of 300 people and 40 bots, said to be of a time this far ahead. */
  async function postAhead(aheadMs: number) {
    const stand = await openStand();
    stand.go(100);
    for (let n = 0; n < 340; n++) {
      const key = stand.hashId(Buffer.from(`request-${n}`));
      await stand.append(stand.decide({ bin: n < 300 ? 100 : 3500, count: 1 }, key));
    }
    stand.go(600);
    const at = stand.now() + aheadMs;
    const labels = Array.from({ length: 340 }, (_, n) => ({
      ...{ requestId: `request-${n}`, label: n >= 300, at },
    }));
    await stand.post({ labels });
    return [(await stand.look(5))["rest"], stand.rejected().future];
  }

  it("stays none, and each counts as rejected, more than a minute ahead", async () => {
    expect(await postAhead(60_001)).toEqual([CUT_NONE, 340]);
  });

  it("is certified a minute ahead, as far as clocks may differ", async () => {
    expect(await postAhead(60_000)).toEqual([3500, 0]);
  });
});

describe("the cut, with replayed labels", () => {
  it("stays none, though the copies of 20 negatives are more than certify one", async () => {
    const stand = await openStand();
    const labels = await stand.send(0, [
      { bin: 100, count: 20, label: NEGATIVE },
      { bin: 3500, count: 5, label: POSITIVE },
    ]);
    for (let copy = 0; copy < 30; copy++) await stand.append(...labels);
    expect((await stand.look(5))["rest"]).toBe(CUT_NONE);
    expect(stand.certificate()?.n).toBe(20);
    expect(stand.fates()).toMatchObject({ joined: 25, duplicate: 750 });
  });

  it("does not move when labels of closed cohorts are sent again", async () => {
    const stand = await openStand();
    const labels = await stand.send(0, clearSecond());
    await stand.look(5);
    await stand.append(...labels);
    expect((await stand.look(12))["rest"]).toBe(3500);
    expect(stand.certificate()?.n).toBe(560);
    expect(stand.fates()).toMatchObject({ joined: 600, late: 600 });
  });
});

describe("the cut, with one request id forced by a client", () => {
  it("stays none: one negative label certifies none of its 400 requests", async () => {
    const stand = await openStand();
    stand.go(100);
    const key = stand.hashId(Buffer.from("forced"));
    for (let n = 0; n < 400; n++) await stand.append(stand.decide({ bin: 100, count: 1 }, key));
    stand.go(600);
    await stand.post({ requestId: "forced", label: false });
    expect((await stand.look(5))["rest"]).toBe(CUT_NONE);
    expect(stand.certificate()?.n).toBe(0);
    expect(stand.fates()).toMatchObject({ ambiguous: 1, joined: 0 });
  });

  /** Requests of the forced id in a second, none of them with a label that counts. */
  async function force(stand: Stand, second: number, count: number): Promise<void> {
    const key = stand.hashId(Buffer.from("forced"));
    stand.go(1_000 * second + 700);
    for (let n = 0; n < count; n++) await stand.append(stand.decide({ bin: 100, count: 1 }, key));
  }

  // Beside 600 labelled requests: 600 of 612 is 98.04%, 600 of 613 97.88%.
  it.each([
    [12, 3500],
    [13, CUT_NONE],
  ])("with %i such requests beside 600 others is bin %i", async (count, cut) => {
    const stand = await openStand();
    await stand.send(0, clearSecond());
    await force(stand, 0, count);
    expect((await stand.look(5))["rest"]).toBe(cut);
  });

  it("does not move once it is certified; the certificate says what is missing", async () => {
    const stand = await openCertified();
    await force(stand, 6, 13);
    expect((await stand.look(12))["rest"]).toBe(3500);
    expect(stand.certificate()?.reason).toBe("97.9% of the audit slice is labelled, 98% must be");
  });
});

describe("the cut, with a flood of false labels for one segment", () => {
  it("does not move when other labels came first", async () => {
    const stand = await openStand();
    await stand.send(0, clearSecond());
    const lies = Array.from({ length: 600 }, (_, id) =>
      aLabel({ id, label: id < 560 ? POSITIVE : NEGATIVE }),
    );
    await stand.append(...lies);
    expect((await stand.look(5))["rest"]).toBe(3500);
    expect(stand.fates()).toMatchObject({ joined: 600, conflicting: 600 });
  });

  it("stays none there when bots are called people, and is certified elsewhere", async () => {
    const stand = await openStand();
    const lies = clearSecond("shop").map((group) => ({ ...group, label: NEGATIVE }));
    await stand.send(0, [...clearSecond("rest"), ...lies]);
    expect(await stand.look(5)).toEqual({ rest: 3500, shop: CUT_NONE });
    expect([stand.certificate("shop")?.n, stand.certificate("rest")?.n]).toEqual([600, 560]);
  });

  it("does not move when bots are called people after it was certified", async () => {
    const stand = await openCertified("rest", "shop");
    await stand.send(6, [{ bin: 3500, count: 40, label: NEGATIVE, segment: "shop" }]);
    expect(await stand.look(12)).toEqual({ rest: 3500, shop: 3500 });
    // What counts since would certify no tag: the certificate says so.
    expect(stand.certificate("shop")).toMatchObject({ n: 600, cut: CUT_NONE });
  });

  it("is lowered by at most the step there when people are called bots", async () => {
    const stand = await openCertified("rest", "shop");
    const people = [3000, 2500, 2000, 1500].map((bin) => ({
      ...{ bin, count: 15, label: POSITIVE, segment: "shop" },
    }));
    await stand.send(6, people);
    // 40 were tagged: 15 at 3000 and 15 at 2500 make 70, 15 more would be over twice 40.
    expect(await stand.look(12)).toEqual({ rest: 3500, shop: 2500 });
    expect(stand.certificate("shop")?.cut).toBe(1500);
  });

  it("does not move by labels of requests outside the audit slice", async () => {
    const stand = await openCertified("rest", "shop");
    await stand.send(6, [
      { bin: 3500, count: 400, label: NEGATIVE, segment: "shop", arm: ARM_FREE },
      { bin: 2000, count: 400, label: POSITIVE, segment: "shop", arm: ARM_FREE },
    ]);
    expect(await stand.look(12)).toEqual({ rest: 3500, shop: 3500 });
    expect(stand.certificate("shop")?.n).toBe(560);
  });
});

describe("the cut, with a silent source where absence is a negative", () => {
  const absence = { negatives: "absence", heartbeatMs: 1_500 } as const;
  /** A heartbeat twice a second within [from, to), in milliseconds. */
  async function beat(stand: Stand, from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += 500) {
      stand.go(at);
      await stand.append(aHeartbeat());
    }
  }
  const bots = [
    { bin: 100, count: 560 },
    { bin: 3500, count: 40, label: POSITIVE },
  ];

  it("stays none: what it did not say is no negative", async () => {
    const stand = await openStand(absence);
    await stand.send(0, muteSecond());
    expect((await stand.look(5))["rest"]).toBe(CUT_NONE);
    expect(stand.certificate()?.n).toBe(0);
    expect(stand.closed()[0]).toMatchObject({ usable: false, why: /silent for/ });
  });

  it("does not move when the source falls silent after it was certified", async () => {
    const stand = await openStand(absence);
    await stand.send(0, bots);
    await beat(stand, 1_000, 5_000);
    expect((await stand.look(5))["rest"]).toBe(3500);
    // Unreported bots would be 40 false positives.
    await stand.send(6, muteSecond());
    expect((await stand.look(12))["rest"]).toBe(3500);
    expect(stand.certificate()?.n).toBe(560);
    expect(stand.closed().at(-1)).toMatchObject({ usable: false });
  });
});

describe("the cut, with a clock that jumps", () => {
  it.each([
    ["over W", 4_500, "late"],
    ["over 2 W", 60_000, "unknown"],
  ] as const)("stays none when it jumps %s before the labels", async (_far, at, fate) => {
    const stand = await openStand();
    await stand.send(0, muteSecond());
    stand.go(at);
    const labels = Array.from({ length: 600 }, (_, id) =>
      aLabel({ id, label: id < 560 ? NEGATIVE : POSITIVE }),
    );
    await stand.append(...labels);
    expect((await stand.look(70))["rest"]).toBe(CUT_NONE);
    expect(stand.certificate()?.reason).toBe("0.0% of the audit slice is labelled, 98% must be");
    expect(stand.fates()).toMatchObject({ joined: 0, [fate]: 600 });
  });

  it("does not move when it jumps between cohorts", async () => {
    const stand = await openCertified();
    await stand.send(90_000, clearSecond());
    expect((await stand.look(90_005))["rest"]).toBe(3500);
    expect(stand.certificate()?.n).toBe(1_120);
  });

  it("is the cut of a clock that stood still when it goes back", async () => {
    const stand = await openStand();
    await stand.send(20, clearSecond());
    await stand.send(3, clearSecond());
    expect((await stand.look(25))["rest"]).toBe(3500);
    expect(stand.certificate()?.n).toBe(1_120);
    expect(stand.fates()).toMatchObject({ joined: 1_200, late: 0 });
  });
});
