import { describe, expect, it } from "vitest";
import { decodeMotion, INDEX, SIZE } from "../src/motion";
import { EXAMPLE } from "./example";

describe("decodeMotion", () => {
  it("reads the worked example of the format's document", () => {
    expect(EXAMPLE.length).toBe(SIZE);
    const frame = decodeMotion(EXAMPLE)!;
    expect(frame).toMatchObject({ seq: 258, stamp: 3_840_960, speaking: true });
    const value = (name: keyof typeof INDEX) => frame.motion[INDEX[name]]!;
    expect(value("jaw")).toBeCloseTo(128 / 255, 6);
    expect(value("blink_l")).toBe(1);
    expect(value("blink_r")).toBe(1);
    expect(value("brow_l")).toBeCloseTo(-32 / 127, 6);
    expect(value("gaze_x")).toBeCloseTo(13 / 127, 6);
    expect(value("yaw")).toBeCloseTo((-6553 / 32767) * 45, 5);
    expect(value("pitch")).toBeCloseTo((1638 / 32767) * 45, 5);
    expect(value("ty")).toBeCloseTo(328 / 32767, 6);
    expect(value("breath")).toBeCloseTo(16384 / 32767, 6);
    expect(value("sway")).toBe(0);
    expect(value("wide")).toBe(0);
  });

  it("reads a frame that lies inside a larger buffer", () => {
    const buffer = new Uint8Array(60);
    buffer.set(EXAMPLE, 7);
    expect(decodeMotion(buffer.subarray(7, 7 + SIZE))?.seq).toBe(258);
  });

  it("ignores reserved flags", () => {
    const frame = EXAMPLE.slice();
    frame[1] = 0xfe;
    expect(decodeMotion(frame)?.speaking).toBe(false);
  });

  it.each([
    ["another version", (frame: Uint8Array) => frame.fill(2, 0, 1)],
    ["a byte below its range", (frame: Uint8Array) => frame.fill(0x80, 23, 24)],
    ["a short below its range", (frame: Uint8Array) => frame.set([0x80, 0x00], 27)],
  ])("refuses %s", (_, damage) => {
    const frame = EXAMPLE.slice();
    damage(frame);
    expect(decodeMotion(frame)).toBeUndefined();
  });

  it("refuses every other length", () => {
    for (const length of [0, 1, SIZE - 1, SIZE + 1]) expect(decodeMotion(new Uint8Array(length).fill(1))).toBeUndefined();
  });
});
