/**
 * Voice and face on one clock: motion frames wait until the voice they belong to is heard.
 *
 * `RtpClock` says which RTP time is playing now, `MotionTimeline` what the face does then. Between two frames (25 a
 * second) the motion is interpolated, so that a 60 Hz display moves 60 times a second.
 */
import { CHANNELS, MOTION_FPS, SPEECH_CHANNELS, type MotionVector } from "./motion";

/** What `RTCRtpReceiver.getSynchronizationSources()` reports, as far as it is needed here. */
export interface RtpSource {
  rtpTimestamp: number;
  /** When that was handed to the output: milliseconds since the page's time origin, or since 1970. */
  timestamp: number;
}

/** Signed difference of two time stamps that wrap at 2^32. */
export function stampDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** Share of a new observation in the clock's estimate: packets are handed over in 20 ms steps, the face needs none. */
const SMOOTHING = 0.08;
/** A jump beyond this is a new situation (a stall, a new jitter buffer level), not noise. */
const JUMP_MS = 80;
/** Nothing was played for this long: the clock is not running. */
const STALE_MS = 1000;

/** The RTP time that is heard (or shown) now, estimated from a receiver's synchronisation sources. */
export class RtpClock {
  /** Zero of `now()`: the first stamp seen. */
  #origin: number | undefined;
  #lastStamp = 0;
  #lastTicks = 0;
  #offsetMs = 0;
  #seenAt = -Infinity;

  /** `read` gives the latest source, `rate` is the clock in Hz, `timeOrigin` as `performance.timeOrigin`. */
  constructor(
    private readonly read: () => RtpSource | undefined,
    private readonly rate: number,
    private readonly timeOrigin: number,
  ) {}

  /** RTP time playing at `nowMs` (`performance.now()`), or undefined while nothing plays. */
  now(nowMs: number): number | undefined {
    const source = this.read();
    if (source) this.#observe(source, nowMs);
    if (this.#origin === undefined || nowMs - this.#seenAt > STALE_MS) return undefined;
    const ticks = ((nowMs + this.#offsetMs) * this.rate) / 1000;
    return (this.#origin + Math.round(ticks)) >>> 0;
  }

  #observe(source: RtpSource, nowMs: number): void {
    const since1970 = source.timestamp > 1e11;
    const at = Math.min(since1970 ? source.timestamp - this.timeOrigin : source.timestamp, nowMs);
    if (this.#origin === undefined) {
      this.#origin = source.rtpTimestamp;
      this.#offsetMs = -at;
    } else {
      const step = stampDifference(source.rtpTimestamp, this.#lastStamp);
      if (step === 0) return;
      this.#lastTicks += step;
      const observed = (this.#lastTicks * 1000) / this.rate - at;
      const error = observed - this.#offsetMs;
      this.#offsetMs = Math.abs(error) > JUMP_MS ? observed : this.#offsetMs + SMOOTHING * error;
    }
    this.#lastStamp = source.rtpTimestamp;
    this.#seenAt = at;
  }
}

interface Entry {
  stamp: number;
  motion: MotionVector;
  speaking: boolean;
}

/** More than the server ever sends ahead. */
const MAX_ENTRIES = 250;
/** After this without frames the voice is gone too, and an open mouth must not hang. */
const HOLD_MS = 300;
const RELEASE_MS = 150;
/** Without a clock, frames are shown this long after they came, so that the next one is there to interpolate with. */
const FREE_RUN_DELAY_MS = 60;

/** Motion frames in the order of their time, and the face between them. */
export class MotionTimeline {
  readonly #entries: Entry[] = [];
  readonly #rate: number;
  #freeOffsetMs: number | undefined;
  #freeBase = 0;
  #speaking = false;

  /** `rate`: Hz of the stamps. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Whether the voice sounded in the frame sampled last. */
  get speaking(): boolean {
    return this.#speaking;
  }

  clear(): void {
    this.#entries.length = 0;
    this.#freeOffsetMs = undefined;
  }

  /** Adds a frame that came at `nowMs`; doubled ones replace each other. */
  push(stamp: number, motion: MotionVector, speaking: boolean, nowMs: number): void {
    const entries = this.#entries;
    const newest = entries.at(-1);
    // Another origin of the stamps: the stream began anew.
    if (newest && Math.abs(stampDifference(stamp, newest.stamp)) > this.#rate * 10) this.clear();

    let at = entries.length;
    while (at > 0 && stampDifference(entries[at - 1]!.stamp, stamp) > 0) at--;
    if (at > 0 && entries[at - 1]!.stamp === stamp) entries[at - 1] = { stamp, motion, speaking };
    else entries.splice(at, 0, { stamp, motion, speaking });
    if (entries.length > MAX_ENTRIES) entries.shift();

    if (this.#freeOffsetMs === undefined) {
      this.#freeBase = stamp;
      this.#freeOffsetMs = -nowMs;
    } else {
      const offset = (stampDifference(stamp, this.#freeBase) * 1000) / this.#rate - nowMs;
      // The earliest arrivals tell the true pace; late ones were held up on the way.
      this.#freeOffsetMs = offset > this.#freeOffsetMs ? offset : this.#freeOffsetMs + 0.01 * (offset - this.#freeOffsetMs);
    }
  }

  /**
   * Writes the face at RTP time `playhead` (or, without a clock, by arrival) into `out`.
   *
   * False when there is nothing to show yet.
   */
  sample(playhead: number | undefined, nowMs: number, out: MotionVector): boolean {
    const entries = this.#entries;
    if (entries.length === 0) return false;
    const time = playhead ?? this.#freeRun(nowMs);
    while (entries.length > 1 && stampDifference(entries[1]!.stamp, time) <= 0) entries.shift();
    const a = entries[0]!;
    const b = entries[1];
    this.#speaking = a.speaking;
    const passed = stampDifference(time, a.stamp);
    if (!b || passed <= 0) {
      out.set(a.motion);
      if (!b) this.#release(out, (passed * 1000) / this.#rate);
      return true;
    }
    const share = passed / stampDifference(b.stamp, a.stamp);
    for (let i = 0; i < CHANNELS.length; i++) out[i] = a.motion[i]! + share * (b.motion[i]! - a.motion[i]!);
    return true;
  }

  #freeRun(nowMs: number): number {
    const ms = nowMs + (this.#freeOffsetMs ?? 0) - FREE_RUN_DELAY_MS;
    return (this.#freeBase + Math.round((ms * this.#rate) / 1000)) >>> 0;
  }

  #release(out: MotionVector, lateMs: number): void {
    const late = lateMs - 1000 / MOTION_FPS - HOLD_MS;
    if (late <= 0) return;
    this.#speaking = false;
    const keep = Math.max(0, 1 - late / RELEASE_MS);
    for (let i = 0; i < SPEECH_CHANNELS; i++) out[i] = out[i]! * keep;
    // Lids caught half closed would look asleep.
    for (let i = SPEECH_CHANNELS + 1; i < SPEECH_CHANNELS + 3; i++) out[i] = out[i]! * keep;
  }
}
