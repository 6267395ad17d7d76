import { describe, expect, it } from "vitest";
import { writeMessage } from "../../../control/notify/message.ts";

const AT = Date.UTC(2026, 2, 4, 5, 6, 7, 89);
const why = (text: string) =>
  JSON.parse(writeMessage({ what: "alarm", at: AT, why: text }).body).data.why as string;

describe("writeMessage", () => {
  it("writes type, time and what is known of the event", () => {
    const event = { model: "bot", why: "twice the share", tableDigest: "00ff00ff00ff00ff" };
    expect(JSON.parse(writeMessage({ what: "alarm", at: AT, ...event }).body)).toEqual({
      type: "limen.alarm",
      timestamp: "2026-03-04T05:06:07.089Z",
      data: event,
    });
  });

  it("gives each event an id of its own, without the full stop of the signed text", () => {
    const ids = [1, 2, 3].map(() => writeMessage({ what: "on", at: AT, why: "" }).id);
    expect([new Set(ids).size, ids.some((id) => id.includes("."))]).toEqual([3, false]);
  });

  it("keeps a text of 2,000 characters whole", () => {
    expect(why("a".repeat(2_000))).toBe("a".repeat(2_000));
  });

  it("cuts a text of 2,001 characters to 2,000 and shows that it did", () => {
    expect(why("a".repeat(2_001))).toBe(`${"a".repeat(1_999)}…`);
  });

  it("leaves no half of a pair of surrogates where it cuts", () => {
    expect(why(`${"a".repeat(1_998)}\u{1f512}bc`)).toBe(`${"a".repeat(1_998)}\ufffd…`);
  });
});
