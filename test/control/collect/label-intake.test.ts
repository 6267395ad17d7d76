import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { createHashId } from "../../../control/collect/hash-id.ts";
import { LABELS_MAX, readLabelPost } from "../../../control/collect/label-body.ts";
import {
  createLabelIntake,
  type FoundLabel,
  type LabelAnswer,
  type LabelIntakeOptions,
} from "../../../control/collect/label-intake.ts";
import { openToken } from "../../../control/collect/token.ts";
import { LimenError } from "../../../control/errors.ts";
import { LabelSchema } from "../../../control/events/label_pb.ts";
import type { NewEvent } from "../../../control/events/log.ts";
import { createScorer } from "../../../control/scorer.ts";
import { A_TOKEN_KEY, someTable } from "../../support/builders.ts";
import { aSource, labelSettings } from "../../support/labels.ts";

const NOW = 1_800_000_000_000;
const WINDOW_MS = 3_000;
const hashId = createHashId(A_TOKEN_KEY);

function anIntake(changes: Partial<LabelIntakeOptions> = {}) {
  const appended: NewEvent[] = [];
  const intake = createLabelIntake({
    append: async (batch) => void appended.push(...batch),
    settings: labelSettings(),
    tokenKey: A_TOKEN_KEY,
    hashId,
    models: ["bot"],
    partitions: 1,
    peek: (): LabelAnswer => "waiting",
    now: () => NOW,
    ...changes,
  });
  const post = (body: unknown) => intake.post(readLabelPost(body), "tester");
  const stored = () =>
    appended.map(({ value }) => fromBinary(LabelSchema, value ?? new Uint8Array()));
  return { post, stored, appended, intake };
}

/** A token as the filter's own core writes it, for a decision some time ago. */
function aToken(agoMs = 0, requestId = "id-1"): string {
  const scorer = createScorer();
  scorer.load(someTable({ token: true }));
  const headers = [["x-score", "100"]] as const;
  const now = BigInt(NOW - agoMs) * 1_000_000n;
  const request = { method: "GET", path: "/", headers };
  return scorer.decide(request, { vm: 5n, seq: 9, now, requestId }).token;
}

describe("openToken", () => {
  it("reads what the filter wrote", () => {
    expect(openToken(A_TOKEN_KEY, aToken())).toMatchObject({
      key: hashId(Buffer.from("id-1")),
      vm: 5n,
      seq: 9,
      timeNs: BigInt(NOW) * 1_000_000n,
    });
  });

  it("refuses a token with any bit changed", () => {
    const bytes = Buffer.from(aToken(), "base64url");
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openToken(A_TOKEN_KEY, changed.toString("base64url"))).toBeNull();
    }
  });

  it("refuses a token under another key, cut short or written otherwise", () => {
    const token = aToken();
    expect(
      openToken(
        A_TOKEN_KEY.map((byte) => byte ^ 1),
        token,
      ),
    ).toBeNull();
    for (const text of ["", "AA", token.slice(0, -4), `${token}=`, `${token}AAAA`]) {
      expect(openToken(A_TOKEN_KEY, text)).toBeNull();
    }
  });
});

describe("createLabelIntake", () => {
  it("keys a label by the hash of its id, as its decision, and keeps no id", async () => {
    const { post, appended, stored } = anIntake();
    await post({ requestId: "id-1", label: true, at: NOW - 5, model: "bot" });
    expect(appended[0]?.key).toEqual(hashId(Buffer.from("id-1")));
    expect(stored()).toMatchObject([
      { kind: 0, label: 2, source: "desk", at: BigInt(NOW - 5), by: "tester", model: "bot" },
    ]);
    expect(Buffer.from(appended[0]?.value ?? []).includes("id-1")).toBe(false);
  });

  it("takes key and record of a token", async () => {
    const { post, appended, stored } = anIntake();
    await post({ token: aToken(), label: 0 });
    expect(appended[0]?.key).toEqual(hashId(Buffer.from("id-1")));
    expect(stored()[0]).toMatchObject({ label: 1, record: { vm: 5n, seq: 9 } });
  });

  it("answers once the log has it, and not when the log refuses it", async () => {
    const append = async (): Promise<void> => {
      throw new LimenError("unavailable", "full");
    };
    await expect(anIntake({ append }).post({ requestId: "a", label: 1 })).rejects.toThrow("full");
  });

  it.each([
    ["a wrong MAC", { token: `${aToken().slice(0, -2)}AA`, label: 1 }, "mac"],
    ["a time ahead", { requestId: "a", label: 1, at: NOW + 60_001 }, "future"],
    ["a time long gone", { requestId: "a", label: 1, at: NOW - 2 * WINDOW_MS - 1 }, "past"],
    ["a source nobody declared", { requestId: "a", label: 1, source: "me" }, "undeclared"],
    ["a model there is not", { requestId: "a", label: 1, model: "cat" }, "model"],
  ] as const)("rejects %s, counts it and appends nothing", async (_, body, reason) => {
    const { post, appended, intake } = anIntake();
    const { labels, totals } = await post(body);
    expect(labels[0]?.answer).toBe("rejected");
    expect(labels[0]?.why).toMatch(new RegExp(`^${reason}: `));
    expect(totals).toEqual({ rejected: 1 });
    expect(intake.rejected()).toMatchObject({ [reason]: 1 });
    expect(appended).toEqual([]);
  });

  it("takes times up to a minute ahead and two windows ago", async () => {
    const { post } = anIntake();
    for (const at of [NOW + 60_000, NOW - 2 * WINDOW_MS, new Date(NOW).toISOString()]) {
      expect((await post({ requestId: "a", label: 1, at })).totals).toEqual({ waiting: 1 });
    }
  });

  it("answers each label by itself, in order, and sums up", async () => {
    const known = hashId(Buffer.from("b"));
    const peek = ({ key }: FoundLabel): LabelAnswer =>
      Buffer.compare(key, known) === 0 ? "joined" : "waiting";
    const { labels, totals } = await anIntake({ peek }).post([
      { requestId: "a", label: 1 },
      { requestId: "b", label: 0 },
      { requestId: "c", label: 1, source: "me" },
    ]);
    expect(labels.map(({ answer }) => answer)).toEqual(["waiting", "joined", "rejected"]);
    expect(totals).toEqual({ waiting: 1, joined: 1, rejected: 1 });
  });

  it("tells by the token's time that its decision is late or not known any more", async () => {
    const { post } = anIntake();
    const answerOf = async (agoMs: number) =>
      (await post({ token: aToken(agoMs), label: 1 })).labels[0]?.answer;
    expect(await answerOf(WINDOW_MS)).toBe("waiting");
    expect(await answerOf(WINDOW_MS + 1)).toBe("late");
    expect(await answerOf(2 * WINDOW_MS + 1)).toBe("unknown");
  });

  it("asks for the source when several take labels by HTTP", async () => {
    const settings = labelSettings(aSource(), aSource({ name: "lab" }));
    const { post } = anIntake({ settings });
    expect((await post({ requestId: "a", label: 1 })).totals).toEqual({ rejected: 1 });
    expect((await post({ requestId: "a", label: 1, source: "lab" })).totals).toEqual({
      waiting: 1,
    });
  });

  it("sends a heartbeat into every partition", async () => {
    const { post, stored } = anIntake({ partitions: 3 });
    await post({ heartbeat: "desk" });
    expect(stored()).toMatchObject(Array(3).fill({ kind: 1, source: "desk" }));
    await expect(post({ heartbeat: "me" })).rejects.toThrow(/no such source/);
  });

  it("refuses labels where no source is declared", async () => {
    const { post } = anIntake({ settings: null });
    await expect(post({ requestId: "a", label: 1 })).rejects.toThrow(/no source is declared/);
  });
});

describe("readLabelPost", () => {
  const many = (count: number) => Array(count).fill({ requestId: "a", label: 1 });

  it("takes one label, a list and an object with a list", () => {
    const [one] = many(1);
    for (const body of [one, [one], { labels: [one] }]) {
      expect(readLabelPost(body).labels).toMatchObject([{ requestId: "a", label: 2 }]);
    }
  });

  it("takes 10,000 labels and not one more", () => {
    expect(readLabelPost(many(LABELS_MAX)).labels.length).toBe(10_000);
    expect(() => readLabelPost(many(LABELS_MAX + 1))).toThrow(/at most 10000 labels/);
  });

  it.each([
    [{ label: 1 }, /give requestId or token/],
    [{ requestId: "a", token: "b", label: 1 }, /give requestId or token/],
    [{ requestId: "a", label: 2 }, /label: 0, 1, true or false/],
    [{ requestId: "a" }, /label/],
    [{ requestId: "", label: 1 }, /requestId/],
    [{ requestId: "a", label: 1, at: "yesterday" }, /at: milliseconds since 1970/],
    [{ requestId: "a", lable: 1 }, /unknown key lable; .*"label"/],
    [[], /labels/],
    ["a", /label/],
  ])("refuses %j", (body, message) => {
    expect(() => readLabelPost(body)).toThrow(message);
  });
});
