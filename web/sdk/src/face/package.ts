/**
 * A digital-human package (docs/package-format.md): download, unzip, check.
 *
 * A package may come from a stranger, so everything is checked before anything is drawn with it.
 */
import { unzipSync } from "fflate";
import { MienError } from "../errors";

export type Vec2 = readonly [number, number];
export type Rect = readonly [number, number, number, number];
export type Colour = readonly [number, number, number];

export interface EyeMeta {
  up: number[];
  lo: number[];
  feather: number;
  rect: Rect | null;
  iris_rect: Rect | null;
  gaze: Vec2;
  lid_height: number;
  lid_beside: number;
  lash_up: number;
  lash_down: number;
}

export interface MouthMeta {
  style: "photo" | "drawn";
  up: number[];
  lo: number[];
  feather: number;
  centre: Vec2;
  width: number;
  jaw: Vec2;
  upper_rect: Rect | null;
  lower_rect: Rect | null;
  tones: { cavity: Colour; tongue: Colour; teeth: Colour };
  line: { width: number; colour: Colour } | null;
  lip_line: Vec2 | null;
}

export interface FacePackage {
  name: string;
  style: string;
  /** Width and height of the canvas, px. */
  canvas: Vec2;
  frame: { o: Vec2; ux: Vec2; uy: Vec2; sc: number };
  pivot: readonly [number, number, number];
  limits: { yaw: number; pitch: number; roll: number; tx: number; ty: number };
  gains: { breath: number; sway: number };
  /** Face units, 2 a vertex. */
  rest: Float32Array;
  /** Canvas px, 2 a vertex. */
  source: Float32Array;
  triangles: Uint16Array;
  /** Depth, head, breath, sway: 4 a vertex. */
  weights: Float32Array;
  grid: { step: number; cols: number; rows: number; weights: Float32Array };
  keys: { name: string; deltas: Float32Array }[];
  mouth: MouthMeta;
  eyes: { r: EyeMeta; l: EyeMeta };
  atlas: { size: Vec2; regions: Record<string, Rect | undefined> };
  /** Whether the page may show through where there is no person. */
  transparent: boolean;
  images: { picture: ImageBitmap; atlas: ImageBitmap; plate: ImageBitmap | undefined; matte: ImageBitmap | undefined };
}

/** The newest version this page reads; older ones are drawn as they are. */
export const PACKAGE_VERSION = 2;

const MAX_ENTRIES = 16;
const MAX_BYTES = 32 << 20;
const MAX_VERTICES = 20_000;
const MAX_TRIANGLES = 40_000;
const MAX_ATLAS = 4096;
const NAMES = /^(meta\.json|mesh\.bin|rig\.json|(picture|plate)\.(webp|jpg|jpeg|png)|(atlas|matte)\.(png|webp))$/;

/** Downloads a package. Throws `connection-lost` or `package-unreadable`. */
export async function fetchPackage(url: string): Promise<FacePackage> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new MienError("connection-lost", "The digital human's package cannot be downloaded.");
  }
  if (!response.ok) {
    throw new MienError("package-unreadable", `The digital human's package is not there (HTTP ${response.status}).`);
  }
  return readPackage(new Uint8Array(await response.arrayBuffer()));
}

/** Unpacks and checks a package. Throws `package-unreadable`. */
export async function readPackage(zip: Uint8Array): Promise<FacePackage> {
  const files = unpack(zip);
  const meta = parseMeta(files);
  const arrays = readArrays(meta, need(files, "mesh.bin"));
  const pictureFile = text(object(meta["picture"], "picture")["file"], "picture.file");
  const plateFile = meta["plate"] === undefined ? undefined : text(object(meta["plate"], "plate")["file"], "plate.file");
  const matteFile = meta["matte"] === undefined ? undefined : text(object(meta["matte"], "matte")["file"], "matte.file");
  const layered = plateFile !== undefined && matteFile !== undefined;
  const [picture, atlas, plate, matte] = await Promise.all([
    image(files, pictureFile),
    image(files, "atlas.png"),
    layered ? image(files, plateFile) : undefined,
    layered ? image(files, matteFile) : undefined,
  ]);
  const face = describe(meta, arrays);
  if (picture.width !== face.canvas[0] || picture.height !== face.canvas[1]) fail("the picture has another size");
  return { ...face, images: { picture, atlas, plate, matte } };
}

/** Everything but the pictures; separate so that it can be tested without a browser. */
export function describePackage(zip: Uint8Array): Omit<FacePackage, "images"> {
  const files = unpack(zip);
  const meta = parseMeta(files);
  return describe(meta, readArrays(meta, need(files, "mesh.bin")));
}

type Files = Record<string, Uint8Array>;
type Json = Record<string, unknown>;

function fail(what: string): never {
  throw new MienError("package-unreadable", `The digital human's package cannot be used: ${what}.`);
}

function unpack(zip: Uint8Array): Files {
  let entries = 0;
  let bytes = 0;
  let files: Files;
  try {
    files = unzipSync(zip, {
      filter: ({ name, originalSize }) => {
        if (++entries > MAX_ENTRIES) fail("too many files");
        if (!NAMES.test(name)) fail(`unexpected file ${JSON.stringify(name.slice(0, 40))}`);
        if ((bytes += originalSize) > MAX_BYTES) fail("unpacked it is too large");
        return true;
      },
    });
  } catch (error) {
    if (error instanceof MienError) throw error;
    return fail("it is not a zip file, or damaged");
  }
  return files;
}

function need(files: Files, name: string): Uint8Array {
  return files[name] ?? fail(`${name} is missing`);
}

async function image(files: Files, name: string): Promise<ImageBitmap> {
  const bytes = need(files, name);
  const type = name.endsWith(".png") ? "image/png" : name.endsWith(".webp") ? "image/webp" : "image/jpeg";
  try {
    return await createImageBitmap(new Blob([bytes.slice()], { type }), {
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    return fail(`${name} cannot be decoded`);
  }
}

function parseMeta(files: Files): Json {
  let meta: unknown;
  try {
    meta = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(need(files, "meta.json")));
  } catch (error) {
    if (error instanceof MienError) throw error;
    fail("meta.json is not JSON");
  }
  const found = object(meta, "meta.json");
  if (found["format"] !== "mien-face") fail("it is not a face package");
  if (found["version"] !== 1 && found["version"] !== PACKAGE_VERSION) {
    fail(`it has version ${String(found["version"])}, this page reads 1 to ${PACKAGE_VERSION}; update the older of the two`);
  }
  return found;
}

interface Arrays {
  rest: Float32Array;
  source: Float32Array;
  triangles: Uint16Array;
  weights: Float32Array;
  grid: Float32Array;
  keys: Float32Array;
  shapes: { grid: number[]; keys: number[] };
}

function readArrays(meta: Json, bin: Uint8Array): Arrays {
  const described = object(meta["arrays"], "arrays");
  const view = new DataView(bin.buffer, bin.byteOffset, bin.byteLength);
  const read = (name: string, rank: number, scaled: "first" | "last" | "none") => {
    const array = object(described[name], `arrays.${name}`);
    const shape = list(array["shape"], `arrays.${name}.shape`).map((side) => whole(side, "a shape", MAX_BYTES));
    if (shape.length !== rank) fail(`arrays.${name} has ${shape.length} dimensions instead of ${rank}`);
    const count = shape.reduce((product, side) => product * side, 1);
    const dtype = array["dtype"];
    const size = dtype === "f32" ? 4 : dtype === "i16" || dtype === "u16" ? 2 : fail(`arrays.${name} has an unknown dtype`);
    const offset = whole(array["offset"], `arrays.${name}.offset`, MAX_BYTES);
    if (offset + count * size > bin.byteLength) fail(`arrays.${name} reaches beyond mesh.bin`);
    const values = new Float32Array(count);
    for (let i = 0, at = offset; i < count; i++, at += size) {
      values[i] =
        dtype === "f32" ? view.getFloat32(at, true) : dtype === "i16" ? view.getInt16(at, true) : view.getUint16(at, true);
    }
    const scale = array["scale"];
    if (typeof scale === "number") {
      for (let i = 0; i < count; i++) values[i] = values[i]! * scale;
    } else if (scale !== undefined) {
      const scales = list(scale, `arrays.${name}.scale`).map((each) => finite(each, `arrays.${name}.scale`));
      const along = scaled === "first" ? shape[0]! : shape[rank - 1]!;
      if (scaled === "none" || scales.length !== along) fail(`arrays.${name}.scale does not fit its shape`);
      const inner = scaled === "first" ? count / along : 1;
      for (let i = 0; i < count; i++) values[i] = values[i]! * scales[Math.floor(i / inner) % along]!;
    }
    if (!values.every(Number.isFinite)) fail(`arrays.${name} holds a number that is not finite`);
    return { values, shape };
  };
  const rest = read("rest", 2, "none");
  const source = read("source", 2, "none");
  const triangles = read("triangles", 2, "none");
  const weights = read("weights", 2, "last");
  const grid = read("grid", 3, "last");
  const keys = read("keys", 3, "first");
  const n = rest.shape[0]!;
  if (n < 3 || n > MAX_VERTICES) fail("too many vertices");
  if (triangles.shape[0]! > MAX_TRIANGLES) fail("too many triangles");
  for (const [name, shape, wanted] of [
    ["rest", rest.shape, [n, 2]],
    ["source", source.shape, [n, 2]],
    ["triangles", triangles.shape, [triangles.shape[0]!, 3]],
    ["weights", weights.shape, [n, 4]],
    ["grid", grid.shape, [grid.shape[0]!, grid.shape[1]!, 4]],
    ["keys", keys.shape, [keys.shape[0]!, n, 2]],
  ] as const) {
    if (shape.some((side, i) => side !== wanted[i])) fail(`arrays.${name} has an unexpected shape`);
  }
  if (!triangles.values.every((index) => index < n)) fail("a triangle names a vertex that is not there");
  return {
    rest: rest.values,
    source: source.values,
    triangles: Uint16Array.from(triangles.values),
    weights: weights.values,
    grid: grid.values,
    keys: keys.values,
    shapes: { grid: grid.shape, keys: keys.shape },
  };
}

function describe(meta: Json, arrays: Arrays): Omit<FacePackage, "images"> {
  const canvas = numbers(meta["canvas"], 2, "canvas") as unknown as Vec2;
  if (canvas.some((side) => !Number.isInteger(side) || side < 64 || side > 4096)) fail("the canvas has an impossible size");
  const frame = object(meta["frame"], "frame");
  const limits = object(meta["limits"], "limits");
  const gains = object(meta["gains"], "gains");
  const grid = object(meta["grid"], "grid");
  const step = whole(grid["step"], "grid.step", 4096);
  const cols = whole(grid["cols"], "grid.cols", 4096);
  const rows = whole(grid["rows"], "grid.rows", 4096);
  if (step < 1 || arrays.shapes.grid[0] !== rows || arrays.shapes.grid[1] !== cols || cols * rows > 65_535) {
    fail("the grid does not fit its weights");
  }
  const vertices = arrays.rest.length / 2;
  const names = list(meta["keys"], "keys").map((name) => text(name, "keys"));
  if (names.length !== arrays.shapes.keys[0]) fail("the key shapes do not fit their names");
  const atlas = object(meta["atlas"], "atlas");
  const eyes = object(meta["eyes"], "eyes");
  const positive = (value: unknown, what: string) => {
    const number = finite(value, what);
    return number > 0 ? number : fail(`${what} must be above 0`);
  };
  return {
    name: text(meta["name"] ?? "", "name"),
    style: text(meta["style"] ?? "", "style"),
    canvas,
    frame: {
      o: vec2(frame["o"], "frame.o"),
      ux: vec2(frame["ux"], "frame.ux"),
      uy: vec2(frame["uy"], "frame.uy"),
      sc: positive(frame["sc"], "frame.sc"),
    },
    pivot: numbers(meta["pivot"], 3, "pivot") as unknown as FacePackage["pivot"],
    limits: {
      yaw: positive(limits["yaw"], "limits.yaw"),
      pitch: positive(limits["pitch"], "limits.pitch"),
      roll: positive(limits["roll"], "limits.roll"),
      tx: positive(limits["tx"], "limits.tx"),
      ty: positive(limits["ty"], "limits.ty"),
    },
    gains: { breath: finite(gains["breath"], "gains.breath"), sway: finite(gains["sway"], "gains.sway") },
    transparent: meta["transparent"] === true && meta["plate"] !== undefined && meta["matte"] !== undefined,
    rest: arrays.rest,
    source: arrays.source,
    triangles: arrays.triangles,
    weights: arrays.weights,
    grid: { step, cols, rows, weights: arrays.grid },
    keys: names.map((name, k) => ({ name, deltas: arrays.keys.subarray(k * vertices * 2, (k + 1) * vertices * 2) })),
    mouth: mouthMeta(object(meta["mouth"], "mouth"), vertices),
    eyes: { r: eyeMeta(object(eyes["r"], "eyes.r"), vertices), l: eyeMeta(object(eyes["l"], "eyes.l"), vertices) },
    atlas: {
      size: vec2(atlas["size"], "atlas.size").map((side) => (side > MAX_ATLAS ? fail("the atlas is too large") : side)) as unknown as Vec2,
      regions: Object.fromEntries(
        Object.entries(object(atlas["regions"], "atlas.regions")).map(([name, rect]) => [name, rectOf(rect, `region ${name}`)]),
      ),
    },
  };
}

function eyeMeta(eye: Json, vertices: number): EyeMeta {
  const [up, lo] = chains(eye, vertices);
  return {
    up,
    lo,
    feather: finite(eye["feather"], "eye.feather"),
    rect: optionalRect(eye["rect"], "eye.rect"),
    iris_rect: optionalRect(eye["iris_rect"], "eye.iris_rect"),
    gaze: vec2(eye["gaze"], "eye.gaze"),
    lid_height: finite(eye["lid_height"], "eye.lid_height"),
    lid_beside: finite(eye["lid_beside"] ?? 0, "eye.lid_beside"),
    lash_up: finite(eye["lash_up"], "eye.lash_up"),
    lash_down: finite(eye["lash_down"], "eye.lash_down"),
  };
}

function mouthMeta(mouth: Json, vertices: number): MouthMeta {
  const [up, lo] = chains(mouth, vertices);
  const style = mouth["style"];
  if (style !== "photo" && style !== "drawn") fail(`unknown mouth style ${String(style)}`);
  const tones = object(mouth["tones"], "mouth.tones");
  const line = mouth["line"] === undefined || mouth["line"] === null ? null : object(mouth["line"], "mouth.line");
  if (style === "drawn" && !line) fail("a drawn mouth has no line");
  const lipLine = mouth["lip_line"];
  return {
    style,
    up,
    lo,
    feather: finite(mouth["feather"], "mouth.feather"),
    centre: vec2(mouth["centre"], "mouth.centre"),
    width: finite(mouth["width"], "mouth.width"),
    jaw: vec2(mouth["jaw"], "mouth.jaw"),
    upper_rect: optionalRect(mouth["upper_rect"], "mouth.upper_rect"),
    lower_rect: optionalRect(mouth["lower_rect"], "mouth.lower_rect"),
    tones: {
      cavity: colour(tones["cavity"], "tones.cavity"),
      tongue: colour(tones["tongue"], "tones.tongue"),
      teeth: tones["teeth"] === undefined ? [1, 1, 1] : colour(tones["teeth"], "tones.teeth"),
    },
    line: line && { width: finite(line["width"], "line.width"), colour: colour(line["colour"], "line.colour") },
    lip_line: lipLine === undefined || lipLine === null ? null : vec2(lipLine, "mouth.lip_line"),
  };
}

function chains(part: Json, vertices: number): [number[], number[]] {
  const chain = (name: string) => list(part[name], name).map((index) => whole(index, name, vertices - 1));
  const [up, lo] = [chain("up"), chain("lo")];
  if (up.length !== lo.length || up.length < 2 || up.length > 256) fail("a mouth or eye has chains of unequal length");
  return [up, lo];
}

function object(value: unknown, what: string): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : fail(`${what} is missing`);
}

function list(value: unknown, what: string): unknown[] {
  return Array.isArray(value) && value.length <= MAX_VERTICES ? value : fail(`${what} is not a list`);
}

function text(value: unknown, what: string): string {
  return typeof value === "string" ? value : fail(`${what} is not a text`);
}

function finite(value: unknown, what: string): number {
  return typeof value === "number" && Number.isFinite(value) ? value : fail(`${what} is not a number`);
}

function whole(value: unknown, what: string, most: number): number {
  const number = finite(value, what);
  return Number.isInteger(number) && number >= 0 && number <= most ? number : fail(`${what} is out of range`);
}

function numbers(value: unknown, count: number, what: string): number[] {
  const found = list(value, what).map((each) => finite(each, what));
  return found.length === count ? found : fail(`${what} needs ${count} numbers`);
}

const vec2 = (value: unknown, what: string) => numbers(value, 2, what) as unknown as Vec2;
const colour = (value: unknown, what: string) => numbers(value, 3, what) as unknown as Colour;
const rectOf = (value: unknown, what: string) => numbers(value, 4, what) as unknown as Rect;
const optionalRect = (value: unknown, what: string) =>
  value === undefined || value === null ? null : rectOf(value, what);
