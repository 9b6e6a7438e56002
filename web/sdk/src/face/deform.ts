/**
 * From a motion frame to vertices: steps 1 to 3 of docs/package-format.md, and the strips of its part C.
 *
 * Runs once a frame on the CPU (about 0.1 ms); step 4, the head, is done by the vertex shader.
 */
import { CHANNELS, INDEX, type MotionVector } from "../motion";
import type { EyeMeta, FacePackage, MouthMeta } from "./package";

/** Share of the lid that follows a gaze downwards. */
const LID_FOLLOWS_GAZE = 0.28;

export interface Pose {
  /** Radians. */
  yaw: number;
  pitch: number;
  roll: number;
  tx: number;
  ty: number;
  breath: number;
  sway: number;
  lidR: number;
  lidL: number;
}

/** `v` pressed softly below `limit`. */
export function soft(v: number, limit: number): number {
  return limit * Math.tanh(v / limit);
}

export function saturate(x: number): number {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

export function smoothstep(a: number, b: number, x: number): number {
  const t = saturate((x - a) / (b - a));
  return t * t * (3 - 2 * t);
}

type Face = Pick<FacePackage, "rest" | "keys" | "limits">;

interface SparseKey {
  weight: (m: MotionVector, pose: Pose) => number;
  /** Positions in the coordinate list, and what is added there. */
  at: Uint16Array;
  delta: Float32Array;
}

/** Moves the mesh of one package. */
export class Deformer {
  /** Face units, 2 a vertex: the result of `apply`. */
  readonly positions: Float32Array;
  readonly pose: Pose = { yaw: 0, pitch: 0, roll: 0, tx: 0, ty: 0, breath: 0, sway: 0, lidR: 0, lidL: 0 };
  readonly #face: Face;
  readonly #keys: SparseKey[];

  /** Throws Error for a key shape with an unknown name. */
  constructor(face: Face) {
    this.#face = face;
    this.positions = new Float32Array(face.rest);
    this.#keys = face.keys.map(({ name, deltas }) => {
      const at: number[] = [];
      deltas.forEach((value, i) => {
        if (value !== 0) at.push(i);
      });
      return {
        weight: keyWeight(name),
        at: Uint16Array.from(at),
        delta: Float32Array.from(at, (i) => deltas[i]!),
      };
    });
  }

  apply(m: MotionVector): void {
    const { pose, positions } = this;
    const { limits, rest } = this.#face;
    const radians = Math.PI / 180;
    pose.yaw = soft(m[INDEX.yaw]!, limits.yaw) * radians;
    pose.pitch = soft(m[INDEX.pitch]!, limits.pitch) * radians;
    pose.roll = soft(m[INDEX.roll]!, limits.roll) * radians;
    pose.tx = soft(m[INDEX.tx]!, limits.tx);
    pose.ty = soft(m[INDEX.ty]!, limits.ty);
    pose.breath = m[INDEX.breath]!;
    pose.sway = m[INDEX.sway]!;
    const down = LID_FOLLOWS_GAZE * Math.max(m[INDEX.gaze_y]!, 0);
    pose.lidR = saturate(m[INDEX.blink_r]! + down * (1 - m[INDEX.blink_r]!));
    pose.lidL = saturate(m[INDEX.blink_l]! + down * (1 - m[INDEX.blink_l]!));

    positions.set(rest);
    for (const { weight, at, delta } of this.#keys) {
      const w = weight(m, pose);
      if (w === 0) continue;
      for (let i = 0; i < at.length; i++) {
        const j = at[i]!;
        positions[j] = positions[j]! + w * delta[i]!;
      }
    }
  }
}

function keyWeight(name: string): SparseKey["weight"] {
  switch (name) {
    case "blink_r":
      return (_, pose) => pose.lidR;
    case "blink_l":
      return (_, pose) => pose.lidL;
    case "brow_r":
    case "brow_l":
      return (m) => Math.max(m[INDEX[name]]!, 0);
    case "brow_r_down":
      return (m) => Math.max(-m[INDEX.brow_r]!, 0);
    case "brow_l_down":
      return (m) => Math.max(-m[INDEX.brow_l]!, 0);
    case "jaw_pucker":
      return (m) => m[INDEX.jaw]! * m[INDEX.pucker]!;
    case "jaw_wide":
      return (m) => m[INDEX.jaw]! * m[INDEX.wide]!;
    default: {
      const channel = (CHANNELS as readonly string[]).indexOf(name);
      if (channel < 0) throw new Error(`The digital human's package has an unknown key shape "${name}".`);
      return (m) => m[channel]!;
    }
  }
}

/** Floats of one strip vertex: q (2), weights (4), u, and two attributes (du and dl, or v and nothing). */
export const STRIP_FLOATS = 9;

/** A strip's place in the shared buffer. */
export interface StripRange {
  first: number;
  chain: number;
}

/**
 * Builds the strips of mouth and eyes into one vertex list.
 *
 * The two rows lie interleaved, so that each strip is one `TRIANGLE_STRIP` with the document's diagonals.
 */
export class Strips {
  readonly data: Float32Array;
  #used = 0;

  constructor(
    private readonly rest: Float32Array,
    private readonly weights: Float32Array,
    maxVertices: number,
  ) {
    this.data = new Float32Array(maxVertices * STRIP_FLOATS);
  }

  /** Vertices written since `reset`. */
  get vertices(): number {
    return this.#used;
  }

  reset(): void {
    this.#used = 0;
  }

  /** The opening between two chains, `e` wider on both sides; attributes: distance to the upper and lower line. */
  opening(positions: Float32Array, part: EyeMeta | MouthMeta, e: number): StripRange {
    return this.#strip(part.up.length, (i, u) => {
      const [up, lo] = [part.up[i]!, part.lo[i]!];
      const [upY, loY] = openingAt(positions, part, i);
      this.#push(up, positions[2 * up]!, upY - e, u, -e, loY - upY + e);
      this.#push(lo, positions[2 * lo]!, loY + e, u, loY - upY + e, -e);
    });
  }

  /**
   * From above the upper lid's rest position to where it is now, `lid_beside` longer at both ends; attribute: 0 above,
   * 1 below.
   */
  lid(positions: Float32Array, eye: EyeMeta): StripRange {
    const count = eye.up.length;
    const ends = eye.lid_beside > 0 ? 1 : 0;
    return this.#strip(count + 2 * ends, (k, u) => {
      const i = Math.min(Math.max(k - ends, 0), count - 1);
      const up = eye.up[i]!;
      const beyond = (k - ends - i) * eye.lid_beside;
      this.#push(up, this.rest[2 * up]! + beyond, this.rest[2 * up + 1]! - eye.lid_height, u, 0, 0);
      this.#push(up, positions[2 * up]! + beyond, openingAt(positions, eye, i)[0], u, 1, 0);
    });
  }

  /** Along the upper lid's edge; attribute as for the lid. */
  lash(positions: Float32Array, eye: EyeMeta): StripRange {
    return this.#strip(eye.up.length, (i, u) => {
      const up = eye.up[i]!;
      const y = openingAt(positions, eye, i)[0];
      this.#push(up, positions[2 * up]!, y - eye.lash_up, u, 0, 0);
      this.#push(up, positions[2 * up]!, y + eye.lash_down, u, 1, 0);
    });
  }

  /** Along the middle of the closed lips; attribute as for the lid. */
  lipLine(positions: Float32Array, mouth: MouthMeta, heights: readonly [number, number]): StripRange {
    return this.#strip(mouth.up.length, (i, u) => {
      const [up, lo] = [mouth.up[i]!, mouth.lo[i]!];
      const [upY, loY] = openingAt(positions, mouth, i);
      const x = (positions[2 * up]! + positions[2 * lo]!) / 2;
      const y = (upY + loY) / 2;
      this.#push(up, x, y - heights[0], u, 0, 0);
      this.#push(lo, x, y + heights[1], u, 1, 0);
    });
  }

  /**
   * A stroke of half width `e` along a chain of mouth or eye, `e` longer at both ends; attributes: distance from the
   * path across and, beyond its ends, along.
   */
  stroke(positions: Float32Array, part: EyeMeta | MouthMeta, row: "up" | "lo", e: number): StripRange {
    const chain = part[row];
    const count = chain.length;
    const at = (i: number): [number, number] => [positions[2 * chain[i]!]!, openingAt(positions, part, i)[row === "up" ? 0 : 1]];
    const tangent = (i: number): [number, number] => {
      const [[ax, ay], [bx, by]] = [at(Math.max(i - 1, 0)), at(Math.min(i + 1, count - 1))];
      const length = Math.hypot(bx - ax, by - ay) || 1;
      return [(bx - ax) / length, (by - ay) / length];
    };
    return this.#strip(count + 2, (k, u) => {
      const i = Math.min(Math.max(k - 1, 0), count - 1);
      const beyond = k === 0 ? -e : k === count + 1 ? e : 0;
      const [[x, y], [tx, ty]] = [at(i), tangent(i)];
      const [px, py] = [x + beyond * tx, y + beyond * ty];
      const s = Math.abs(beyond);
      this.#push(chain[i]!, px + e * ty, py - e * tx, u, -e, s);
      this.#push(chain[i]!, px - e * ty, py + e * tx, u, e, s);
    });
  }

  #strip(chain: number, push: (i: number, u: number) => void): StripRange {
    const first = this.#used;
    for (let i = 0; i < chain; i++) push(i, i / (chain - 1));
    return { first, chain };
  }

  #push(vertex: number, x: number, y: number, u: number, a: number, b: number): void {
    const { data, weights } = this;
    let at = this.#used++ * STRIP_FLOATS;
    data[at++] = x;
    data[at++] = y;
    for (let k = 0; k < 4; k++) data[at++] = weights[4 * vertex + k]!;
    data[at++] = u;
    data[at++] = a;
    data[at] = b;
  }
}

/** y of the upper and lower line at link `i`; crossed lines meet in their mean. */
function openingAt(positions: Float32Array, part: EyeMeta | MouthMeta, i: number): [number, number] {
  const up = positions[2 * part.up[i]! + 1]!;
  const lo = positions[2 * part.lo[i]! + 1]!;
  if (lo >= up) return [up, lo];
  const mean = (up + lo) / 2;
  return [mean, mean];
}

/** The widest opening, face units. */
export function widestGap(positions: Float32Array, part: EyeMeta | MouthMeta): number {
  let gap = 0;
  for (let i = 0; i < part.up.length; i++) {
    gap = Math.max(gap, positions[2 * part.lo[i]! + 1]! - positions[2 * part.up[i]! + 1]!);
  }
  return gap;
}
