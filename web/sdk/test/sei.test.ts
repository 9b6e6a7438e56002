import { describe, expect, it } from "vitest";
import { decodeMotion } from "../src/motion";
import { findUserData, MOTION_UUID, uuidBytes } from "../src/sei";
import { EXAMPLE } from "./example";

const uuid = uuidBytes(MOTION_UUID);
const SPS = [0, 0, 0, 1, 0x67, 0x42, 0x00, 0x1f];
const IDR = [0, 0, 1, 0x65, 0x88, 0x80, 0x10];

/** Emulation prevention as the encoder does it. */
function escape(bytes: readonly number[]): number[] {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out;
}

function message(type: number, body: readonly number[]): number[] {
  return [...Array<number>(Math.floor(type / 255)).fill(255), type % 255, ...Array<number>(Math.floor(body.length / 255)).fill(255), body.length % 255, ...body];
}

const sei = (...messages: number[][]) => [0, 0, 0, 1, 0x06, ...escape([...messages.flat(), 0x80])];
const motionMessage = (payload: ArrayLike<number>) => message(5, [...uuid, ...Array.from(payload)]);

describe("findUserData", () => {
  it("finds the frame between parameter sets and picture", () => {
    const unit = Uint8Array.from([...SPS, ...sei(motionMessage(EXAMPLE)), ...IDR]);
    expect(decodeMotion(findUserData(unit, uuid)!)?.seq).toBe(258);
  });

  it("finds it at the very end of the unit", () => {
    expect(findUserData(Uint8Array.from(sei(motionMessage(EXAMPLE))), uuid)).toEqual(EXAMPLE);
  });

  it("passes other messages over, long ones too", () => {
    const long = message(5, Array<number>(300).fill(9));
    const unit = Uint8Array.from([...sei(message(1, [1, 2, 3]), long, motionMessage(EXAMPLE)), ...IDR]);
    expect(findUserData(unit, uuid)).toEqual(EXAMPLE);
  });

  it("removes emulation prevention", () => {
    const payload = [0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 7];
    expect(Array.from(findUserData(Uint8Array.from(sei(motionMessage(payload))), uuid)!)).toEqual(payload);
  });

  it("gives nothing for damaged or foreign units", () => {
    expect(findUserData(new Uint8Array(0), uuid)).toBeUndefined();
    expect(findUserData(Uint8Array.from([...SPS, ...IDR]), uuid)).toBeUndefined();
    expect(findUserData(Uint8Array.from([0, 0, 1, 6, 5, 200, 1, 2]), uuid)).toBeUndefined();
    const foreign = message(5, Array<number>(57).fill(7));
    expect(findUserData(Uint8Array.from(sei(foreign)), uuid)).toBeUndefined();
  });
});
