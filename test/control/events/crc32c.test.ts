import { describe, expect, it } from "vitest";
import { sumCrc32c } from "../../../control/events/crc32c.ts";

describe("sumCrc32c", () => {
  // RFC 3720, B.4.
  it.each([
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(255), 0x62a8ab43],
    ["0 to 31", Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ["31 to 0", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ])("is what iSCSI says for %s", (_, bytes, sum) => {
    expect(sumCrc32c(bytes, 0, bytes.length)).toBe(sum);
  });

  it("takes any part of the bytes, whole steps or not", () => {
    const bytes = Buffer.from("xx123456789yyy");
    expect(sumCrc32c(bytes, 2, 11)).toBe(0xe3069283);
  });
});
