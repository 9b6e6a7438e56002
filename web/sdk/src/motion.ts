/**
 * The motion format (docs/motion-format.md): what the face does at one instant, as 41 bytes.
 *
 * Channels keep the order and units of the document; at rest every channel is 0.
 */

export const CHANNELS = [
  "jaw",
  "wide",
  "pucker",
  "press",
  "smile",
  "frown",
  "upper_up",
  "lower_down",
  "fv",
  "tongue",
  "cheek",
  "blink_l",
  "blink_r",
  "brow_l",
  "brow_r",
  "gaze_x",
  "gaze_y",
  "yaw",
  "pitch",
  "roll",
  "tx",
  "ty",
  "breath",
  "sway",
] as const;

export type Channel = (typeof CHANNELS)[number];

/** One value per channel, in the order of `CHANNELS`. */
export type MotionVector = Float32Array;

/** Where each channel lies in a `MotionVector`. */
export const INDEX = Object.fromEntries(CHANNELS.map((name, i) => [name, i])) as Record<Channel, number>;

/** Channels below this index belong to speech: they return to rest when the voice stops. */
export const SPEECH_CHANNELS: number = INDEX.cheek;

export const VERSION = 1;
/** Bytes of every frame of this version. */
export const SIZE = 41;
/** Frames per second on the wire; what is drawn between two of them is interpolated. */
export const MOTION_FPS = 25;

export interface MotionFrame {
  motion: MotionVector;
  /** Counts the frames of a stream, wraps at 2^32. */
  seq: number;
  /** Time of the voice the frame belongs to, in 1/48000 s, wraps at 2^32. */
  stamp: number;
  /** The agent's voice sounds. */
  speaking: boolean;
}

const HEADER = 10;
const FIRST_SIGNED_BYTE = INDEX.brow_l;
const FIRST_SHORT = INDEX.yaw;
const HIGH: Partial<Record<Channel, number>> = { yaw: 45, pitch: 45, roll: 45 };

/** The frame in `bytes`, or undefined when they are of another version, too short or out of range. */
export function decodeMotion(bytes: ArrayBuffer | Uint8Array): MotionFrame | undefined {
  const view =
    bytes instanceof Uint8Array
      ? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new DataView(bytes);
  if (view.byteLength !== SIZE || view.getUint8(0) !== VERSION) return undefined;
  const motion = new Float32Array(CHANNELS.length);
  for (let i = 0; i < FIRST_SIGNED_BYTE; i++) motion[i] = view.getUint8(HEADER + i) / 255;
  for (let i = FIRST_SIGNED_BYTE; i < FIRST_SHORT; i++) {
    const raw = view.getInt8(HEADER + i);
    if (raw === -128) return undefined;
    motion[i] = raw / 127;
  }
  for (let i = FIRST_SHORT, at = HEADER + FIRST_SHORT; i < CHANNELS.length; i++, at += 2) {
    const raw = view.getInt16(at);
    if (raw === -32768) return undefined;
    motion[i] = (raw / 32767) * (HIGH[CHANNELS[i]!] ?? 1);
  }
  return {
    motion,
    seq: view.getUint32(2),
    stamp: view.getUint32(6),
    speaking: (view.getUint8(1) & 1) !== 0,
  };
}

/** A vector with the named channels set and the others at rest. */
export function motionOf(channels: Partial<Record<Channel, number>>): MotionVector {
  const motion = new Float32Array(CHANNELS.length);
  for (const [name, value] of Object.entries(channels)) motion[INDEX[name as Channel]] = value;
  return motion;
}
