import { describe, expect, it } from "vitest";
import { INDEX, motionOf } from "../src/motion";
import { MotionTimeline, RtpClock, stampDifference, type RtpSource } from "../src/sync";

const RATE = 48_000;
const STEP = 1920;

describe("RtpClock", () => {
  it("runs evenly between packets of 20 ms, whatever the moment of asking", () => {
    const start = 0xffff_f000;
    let source: RtpSource | undefined;
    const clock = new RtpClock(() => source, RATE, 0);
    let worst = 0;
    for (let now = 1000; now < 4000; now += 7) {
      // A packet is handed over every 20 ms, with a few ms of jitter.
      const packet = Math.floor((now - 1000) / 20);
      const jitter = packet % 3;
      source = { rtpTimestamp: (start + packet * 960) >>> 0, timestamp: Math.min(now, 1000 + packet * 20 + jitter) };
      const truth = (start + ((now - 1000) * RATE) / 1000) >>> 0;
      if (now > 1200) worst = Math.max(worst, Math.abs(stampDifference(clock.now(now)!, truth)));
    }
    expect(worst / 48).toBeLessThan(4);
  });

  it("understands time stamps since 1970", () => {
    const clock = new RtpClock(() => ({ rtpTimestamp: 100, timestamp: 1_700_000_000_500 }), RATE, 1_700_000_000_000);
    expect(clock.now(520)).toBe(100 + 960);
  });

  it("follows a jump at once", () => {
    const sources: RtpSource[] = [{ rtpTimestamp: 0, timestamp: 0 }];
    const clock = new RtpClock(() => sources.at(-1), RATE, 0);
    clock.now(0);
    sources.push({ rtpTimestamp: 48_000, timestamp: 1500 });
    expect(clock.now(1500)).toBe(48_000);
  });

  it("says nothing while nothing plays", () => {
    const sources: RtpSource[] = [];
    const clock = new RtpClock(() => sources.at(-1), RATE, 0);
    expect(clock.now(10)).toBeUndefined();
    sources.push({ rtpTimestamp: 5, timestamp: 10 });
    expect(clock.now(10)).toBe(5);
    expect(clock.now(5000)).toBeUndefined();
  });
});

describe("MotionTimeline", () => {
  const jaw = (value: number) => motionOf({ jaw: value });
  const out = motionOf({});
  const at = (timeline: MotionTimeline, time: number | undefined, now = 0) => {
    expect(timeline.sample(time, now, out)).toBe(true);
    return out[INDEX.jaw]!;
  };

  it("waits for the voice and interpolates between frames", () => {
    const timeline = new MotionTimeline(RATE);
    expect(timeline.sample(0, 0, out)).toBe(false);
    timeline.push(1000, jaw(0), false, 0);
    timeline.push(1000 + STEP, jaw(1), true, 0);
    timeline.push(1000 + 2 * STEP, jaw(0.5), true, 0);
    expect(at(timeline, 500)).toBe(0);
    expect(at(timeline, 1000 + STEP / 4)).toBeCloseTo(0.25);
    expect(timeline.speaking).toBe(false);
    expect(at(timeline, 1000 + STEP * 1.5)).toBeCloseTo(0.75);
    expect(timeline.speaking).toBe(true);
    expect(at(timeline, 1000 + 2 * STEP)).toBeCloseTo(0.5);
  });

  it("sorts, drops doubles, fills gaps and survives the wrap", () => {
    const timeline = new MotionTimeline(RATE);
    const base = 0xffff_fff0;
    const stamp = (n: number) => (base + n * STEP) >>> 0;
    timeline.push(stamp(3), jaw(0.9), true, 0);
    timeline.push(stamp(0), jaw(0), true, 0);
    timeline.push(stamp(3), jaw(0.9), true, 0);
    timeline.push(stamp(1), jaw(0.3), true, 0);
    expect(timeline.length).toBe(3);
    expect(at(timeline, stamp(2))).toBeCloseTo(0.6);
  });

  it("holds the last frame, then closes the mouth when the stream stops", () => {
    const timeline = new MotionTimeline(RATE);
    timeline.push(0, motionOf({ jaw: 0.8, yaw: 10 }), true, 0);
    expect(at(timeline, 48 * 200)).toBeCloseTo(0.8);
    expect(at(timeline, 48 * 1000)).toBe(0);
    expect(out[INDEX.yaw]).toBe(10);
  });

  it("runs by arrival when there is no clock", () => {
    const timeline = new MotionTimeline(RATE);
    for (let n = 0; n < 50; n++) timeline.push(n * STEP, jaw(n / 100), true, 1000 + n * 40 + (n % 3));
    // 60 ms behind the newest frame, which came at 1000 + 49 * 40.
    expect(at(timeline, undefined, 1000 + 49 * 40)).toBeCloseTo((49 - 1.5) / 100, 2);
  });

  it("begins anew when the stamps have another origin", () => {
    const timeline = new MotionTimeline(RATE);
    timeline.push(5, jaw(0.1), false, 0);
    timeline.push(0x7000_0000, jaw(0.2), false, 0);
    expect(timeline.length).toBe(1);
  });

  it("never grows without bounds", () => {
    const timeline = new MotionTimeline(RATE);
    for (let n = 0; n < 1000; n++) timeline.push(n * STEP, jaw(0), false, n);
    expect(timeline.length).toBeLessThanOrEqual(250);
  });
});
