/** Draws a digital human's package with WebGL2, pixel-close to the software renderer. */
import { asMienError, MienError } from "../errors";
import { INDEX, type MotionVector } from "../motion";
import { Deformer, smoothstep, STRIP_FLOATS, Strips, widestGap, type StripRange } from "./deform";
import { attributes, compile, indices, texture, type Program } from "./gl";
import { fetchPackage, type EyeMeta, type FacePackage, type MouthMeta, type Rect } from "./package";
import * as shaders from "./shaders";

export interface FaceRendererOptions {
  /** Keep the drawn picture readable (`toDataURL`, `readPixels`) between frames; costs a copy a frame. */
  preserveDrawingBuffer?: boolean;
  /** Pixels of the drawing, instead of following the canvas' size on the page. */
  size?: readonly [width: number, height: number];
  /** Told when the GPU took the context away (false) and when drawing goes on (true). */
  onContext?: (alive: boolean) => void;
}

/** Texture units. */
const PICTURE = 0;
const ATLAS = 1;
const PLATE = 2;
const MATTE = 3;

/** Below this a lid is open: nothing of it is drawn. */
const LID_VISIBLE = 0.02;
const EMPTY: Rect = [0, 0, 0, 0];

/** What lives on the GPU for one package; all of it goes when the context is lost. */
interface Gpu {
  surface: Program;
  eye: Program;
  ribbon: Program;
  mouth: Program;
  stroke: Program;
  grid: { vao: WebGLVertexArrayObject; count: number };
  mesh: { vao: WebGLVertexArrayObject; count: number; positions: WebGLBuffer };
  strips: { vao: WebGLVertexArrayObject; vertices: WebGLBuffer };
  textures: WebGLTexture[];
}

export class FaceRenderer {
  readonly #canvas: HTMLCanvasElement;
  readonly #gl: WebGL2RenderingContext;
  readonly #options: FaceRendererOptions;
  readonly #observer: ResizeObserver | undefined;
  #face: FacePackage | undefined;
  #deformer: Deformer | undefined;
  #strips: Strips | undefined;
  #gpu: Gpu | undefined;
  #box: readonly [number, number] = [0, 0];
  #boxChanged = true;
  #lost = false;
  #disposed = false;
  #frames = 0;

  /** Throws `webgl-unavailable` when the canvas gives no WebGL2 context. */
  constructor(canvas: HTMLCanvasElement, options: FaceRendererOptions = {}) {
    const gl = canvas.getContext("webgl2", {
      alpha: true, // a package may let the page show through behind its person
      antialias: false,
      depth: false,
      stencil: false,
      powerPreference: "high-performance",
      preserveDrawingBuffer: options.preserveDrawingBuffer ?? false,
    });
    if (!gl) throw new MienError("webgl-unavailable", "This browser gives no WebGL2; ask for the server-drawn picture.");
    this.#canvas = canvas;
    this.#gl = gl;
    this.#options = options;
    canvas.addEventListener("webglcontextlost", this.#onLost);
    canvas.addEventListener("webglcontextrestored", this.#onRestored);
    if (!options.size) {
      this.#observer = new ResizeObserver(() => (this.#boxChanged = true));
      this.#observer.observe(canvas);
    }
  }

  /** Frames drawn so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Width and height of the loaded picture, px. */
  get size(): readonly [number, number] | undefined {
    return this.#face?.canvas;
  }

  /** Downloads and prepares a package. Throws `connection-lost`, `package-unreadable` or `webgl-unavailable`. */
  async load(packageUrl: string): Promise<void> {
    this.use(await fetchPackage(packageUrl));
  }

  /** Prepares a package that is already there. */
  use(face: FacePackage): void {
    try {
      this.#deformer = new Deformer(face);
    } catch (error) {
      throw asMienError(error, "package-unreadable");
    }
    this.#releaseImages();
    this.#releaseGpu();
    this.#face = face;
    const { mouth, eyes } = face;
    // The mouth has up to four strips, each eye three; each has two rows, and is up to two points longer than its chain.
    const most = 2 * (4 * (mouth.up.length + 2) + 3 * (eyes.r.up.length + 2) + 3 * (eyes.l.up.length + 2));
    this.#strips = new Strips(face.rest, face.weights, most);
    this.#boxChanged = true;
    if (!this.#lost) this.#build();
  }

  /** Draws one frame; false when there is nothing to draw with (no package, context lost). */
  draw(motion: MotionVector): boolean {
    const [face, gpu, deformer, strips] = [this.#face, this.#gpu, this.#deformer, this.#strips];
    if (!face || !gpu || !deformer || !strips || this.#lost || this.#disposed) return false;
    const gl = this.#gl;
    this.#fit(face);
    deformer.apply(motion);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);

    gl.disable(gl.BLEND);
    this.#begin(gpu.surface, face, deformer);
    gl.uniform2f(gpu.surface.uniforms["uView"] ?? null, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.bindVertexArray(gpu.grid.vao);
    gl.drawElements(gl.TRIANGLES, gpu.grid.count, gl.UNSIGNED_SHORT, 0);
    gl.bindVertexArray(gpu.mesh.vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, gpu.mesh.positions);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, deformer.positions);
    gl.drawElements(gl.TRIANGLES, gpu.mesh.count, gl.UNSIGNED_SHORT, 0);

    this.#drawStrips(face, gpu, deformer, strips, motion);
    this.#frames++;
    return true;
  }

  /** Frees everything, the context included. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#observer?.disconnect();
    this.#canvas.removeEventListener("webglcontextlost", this.#onLost);
    this.#canvas.removeEventListener("webglcontextrestored", this.#onRestored);
    this.#releaseImages();
    this.#gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  readonly #onLost = (event: Event) => {
    // Without this the browser never gives the context back.
    event.preventDefault();
    this.#lost = true;
    this.#gpu = undefined;
    this.#options.onContext?.(false);
  };

  readonly #onRestored = () => {
    this.#lost = false;
    if (this.#face) this.#build();
    this.#options.onContext?.(true);
  };

  #releaseImages(): void {
    for (const image of Object.values(this.#face?.images ?? {})) image?.close();
  }

  #releaseGpu(): void {
    const gl = this.#gl;
    const gpu = this.#gpu;
    this.#gpu = undefined;
    if (!gpu) return;
    for (const { program } of [gpu.surface, gpu.eye, gpu.ribbon, gpu.mouth, gpu.stroke]) gl.deleteProgram(program);
    for (const { vao } of [gpu.grid, gpu.mesh, gpu.strips]) gl.deleteVertexArray(vao);
    for (const made of gpu.textures) gl.deleteTexture(made);
  }

  /** Makes the drawing as large as the page shows it, never larger than the picture is. */
  #fit(face: FacePackage): void {
    if (!this.#boxChanged) return;
    this.#boxChanged = false;
    const [width, height] = face.canvas;
    const canvas = this.#canvas;
    if (this.#options.size) {
      this.#box = this.#options.size;
    } else {
      const ratio = window.devicePixelRatio || 1;
      const [boxWidth, boxHeight] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
      const cover = getComputedStyle(canvas).objectFit === "cover";
      const wanted = (cover ? Math.max : Math.min)(boxWidth / width, boxHeight / height);
      const scale = wanted > 0 ? Math.min(1, wanted) : 1;
      this.#box = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    }
    if (canvas.width !== this.#box[0]) canvas.width = this.#box[0];
    if (canvas.height !== this.#box[1]) canvas.height = this.#box[1];
  }

  #build(): void {
    const gl = this.#gl;
    const face = this.#face!;
    const { images } = face;
    const programs = {
      surface: compile(gl, shaders.SURFACE_VERTEX, shaders.SURFACE_FRAGMENT),
      eye: compile(gl, shaders.STRIP_VERTEX, shaders.EYE_FRAGMENT),
      ribbon: compile(gl, shaders.STRIP_VERTEX, shaders.RIBBON_FRAGMENT),
      mouth: compile(
        gl,
        shaders.STRIP_VERTEX,
        face.mouth.style === "photo" ? shaders.PHOTO_MOUTH_FRAGMENT : shaders.DRAWN_MOUTH_FRAGMENT,
      ),
      stroke: compile(gl, shaders.STRIP_VERTEX, shaders.STROKE_FRAGMENT),
    };
    const textures = [texture(gl, PICTURE, images.picture, true), texture(gl, ATLAS, images.atlas, false)];
    if (images.plate && images.matte) {
      textures.push(texture(gl, PLATE, images.plate, true), texture(gl, MATTE, images.matte, false));
    }
    const [grid, mesh, strips] = [this.#buildGrid(face), this.#buildMesh(face), this.#buildStrips()];
    this.#gpu = { ...programs, grid, mesh, strips, textures };
    this.#setConstants(face, this.#gpu);
  }

  #buildGrid(face: FacePackage): Gpu["grid"] {
    const gl = this.#gl;
    const { step, cols, rows, weights } = face.grid;
    const { o, ux, uy, sc } = face.frame;
    const [width, height] = face.canvas;
    const data = new Float32Array(rows * cols * 8);
    const triangles: number[] = [];
    const determinant = ux[0] * uy[1] - ux[1] * uy[0];
    for (let j = 0, at = 0; j < rows; j++) {
      for (let i = 0; i < cols; i++, at += 8) {
        const [x, y] = [Math.min(i * step, width), Math.min(j * step, height)];
        const [dx, dy] = [(x - o[0]) / sc, (y - o[1]) / sc];
        data[at] = (dx * uy[1] - dy * uy[0]) / determinant;
        data[at + 1] = (dy * ux[0] - dx * ux[1]) / determinant;
        for (let k = 0; k < 4; k++) data[at + 2 + k] = weights[4 * (j * cols + i) + k]!;
        data[at + 6] = x;
        data[at + 7] = y;
        if (i + 1 < cols && j + 1 < rows) {
          const here = j * cols + i;
          triangles.push(here, here + 1, here + cols, here + 1, here + cols + 1, here + cols);
        }
      }
    }
    const vao = gl.createVertexArray();
    gl.bindVertexArray(vao);
    attributes(gl, data, [[0, 2], [1, 4], [2, 2]]);
    indices(gl, Uint16Array.from(triangles));
    gl.bindVertexArray(null);
    return { vao, count: triangles.length };
  }

  #buildMesh(face: FacePackage): Gpu["mesh"] {
    const gl = this.#gl;
    const vao = gl.createVertexArray();
    gl.bindVertexArray(vao);
    const positions = attributes(gl, face.rest.length, [[0, 2]]);
    attributes(gl, face.weights, [[1, 4]]);
    attributes(gl, face.source, [[2, 2]]);
    indices(gl, face.triangles);
    gl.bindVertexArray(null);
    return { vao, positions, count: face.triangles.length };
  }

  #buildStrips(): Gpu["strips"] {
    const gl = this.#gl;
    const vao = gl.createVertexArray();
    gl.bindVertexArray(vao);
    const vertices = attributes(gl, this.#strips!.data.length, [[0, 2], [1, 4], [2, 3]]);
    gl.bindVertexArray(null);
    return { vao, vertices };
  }

  /** Uniforms that never change while a package is shown. */
  #setConstants(face: FacePackage, gpu: Gpu): void {
    const gl = this.#gl;
    const { frame, canvas, pivot, mouth, atlas } = face;
    for (const { program, uniforms } of [gpu.surface, gpu.eye, gpu.ribbon, gpu.mouth, gpu.stroke]) {
      const u = (name: string) => uniforms[name] ?? null;
      gl.useProgram(program);
      gl.uniform2f(u("uCanvas"), ...canvas);
      gl.uniform2f(u("uOrigin"), ...frame.o);
      gl.uniform2f(u("uUx"), ...frame.ux);
      gl.uniform2f(u("uUy"), ...frame.uy);
      gl.uniform1f(u("uScale"), frame.sc);
      gl.uniform3f(u("uPivot"), ...pivot);
      gl.uniform1i(u("uPicture"), PICTURE);
      gl.uniform1i(u("uAtlas"), ATLAS);
      gl.uniform2f(u("uAtlasSize"), ...atlas.size);
    }
    gl.useProgram(gpu.surface.program);
    const surface = (name: string) => gpu.surface.uniforms[name] ?? null;
    const layered = Boolean(face.images.plate && face.images.matte);
    gl.uniform1i(surface("uLayered"), layered ? 1 : 0);
    gl.uniform1i(surface("uTransparent"), layered && face.transparent ? 1 : 0);
    gl.uniform1i(surface("uPlate"), layered ? PLATE : PICTURE);
    gl.uniform1i(surface("uMatte"), layered ? MATTE : PICTURE);

    gl.useProgram(gpu.mouth.program);
    const m = (name: string) => gpu.mouth.uniforms[name] ?? null;
    gl.uniform2f(m("uCentre"), ...mouth.centre);
    gl.uniform1f(m("uWidth"), mouth.width);
    gl.uniform1f(m("uFeather"), mouth.feather);
    gl.uniform3f(m("uCavityTone"), ...mouth.tones.cavity);
    gl.uniform3f(m("uTongueTone"), ...mouth.tones.tongue);
    gl.uniform3f(m("uTeethTone"), ...mouth.tones.teeth);
    gl.uniform4f(m("uUpper"), ...(mouth.upper_rect ? this.#region("upper") : EMPTY));
    gl.uniform4f(m("uLower"), ...(mouth.lower_rect ? this.#region("lower") : EMPTY));
    gl.uniform4f(m("uUpperRect"), ...(mouth.upper_rect ?? EMPTY));
    gl.uniform4f(m("uLowerRect"), ...(mouth.lower_rect ?? EMPTY));
    if (mouth.line) {
      const s = (name: string) => gpu.stroke.uniforms[name] ?? null;
      gl.useProgram(gpu.stroke.program);
      gl.uniform1f(s("uLineWidth"), mouth.line.width);
      gl.uniform3f(s("uLineColour"), ...mouth.line.colour);
      gl.uniform1f(s("uFeather"), mouth.feather);
    }
  }

  #region(name: string): Rect {
    return this.#face?.atlas.regions[name] ?? EMPTY;
  }

  /** Uses a program and sets the head's pose. */
  #begin({ program, uniforms }: Program, face: FacePackage, { pose }: Deformer): void {
    const gl = this.#gl;
    gl.useProgram(program);
    gl.uniform3f(uniforms["uCos"] ?? null, Math.cos(pose.yaw), Math.cos(pose.pitch), Math.cos(pose.roll));
    gl.uniform3f(uniforms["uSin"] ?? null, Math.sin(pose.yaw), Math.sin(pose.pitch), Math.sin(pose.roll));
    const { sway, breath } = face.gains;
    gl.uniform4f(uniforms["uShift"] ?? null, pose.tx, pose.ty, sway * pose.sway, breath * pose.breath);
  }

  #drawStrips(face: FacePackage, gpu: Gpu, deformer: Deformer, strips: Strips, motion: MotionVector): void {
    const gl = this.#gl;
    const { positions, pose } = deformer;
    const { mouth } = face;
    const steps: (() => void)[] = [];
    strips.reset();
    for (const side of ["r", "l"] as const) {
      const eye = face.eyes[side];
      const lid = side === "r" ? pose.lidR : pose.lidL;
      if (eye.rect) {
        const range = strips.opening(positions, eye, eye.feather);
        steps.push(() => this.#drawEye(face, gpu, deformer, motion, side, eye, range));
      }
      if (lid > LID_VISIBLE) {
        const alpha = smoothstep(LID_VISIBLE, 0.25, lid);
        const lidRange = strips.lid(positions, eye);
        const lashRange = strips.lash(positions, eye);
        steps.push(() => {
          this.#begin(gpu.ribbon, face, deformer);
          this.#drawRibbon(gpu, `lid_${side}`, alpha, lidRange);
          this.#drawRibbon(gpu, `lash_${side}`, alpha, lashRange);
        });
      }
    }
    const gap = widestGap(positions, mouth);
    const drawnStyle = mouth.style === "drawn";
    if (!drawnStyle || gap > 0) {
      const range = strips.opening(positions, mouth, drawnStyle ? 0 : mouth.feather);
      steps.push(() => this.#drawMouth(face, gpu, deformer, motion, mouth, gap, range));
    }
    if (drawnStyle && mouth.line) {
      const e = mouth.line.width + mouth.feather;
      const strokes = [strips.stroke(positions, mouth, "up", e), strips.stroke(positions, mouth, "lo", e)];
      steps.push(() => {
        this.#begin(gpu.stroke, face, deformer);
        for (const range of strokes) this.#drawStrip(range);
      });
    }
    const line = mouth.lip_line ? 1 - smoothstep(0.15, 1, gap / (2.5 * mouth.feather)) : 0;
    if (mouth.lip_line && line > 0) {
      const range = strips.lipLine(positions, mouth, mouth.lip_line);
      steps.push(() => {
        this.#begin(gpu.ribbon, face, deformer);
        this.#drawRibbon(gpu, "lip_line", line, range);
      });
    }

    gl.bindVertexArray(gpu.strips.vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, gpu.strips.vertices);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, strips.data, 0, strips.vertices * STRIP_FLOATS);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ZERO, gl.ONE);
    for (const step of steps) step();
    gl.bindVertexArray(null);
  }

  #drawEye(
    face: FacePackage,
    gpu: Gpu,
    deformer: Deformer,
    motion: MotionVector,
    side: "r" | "l",
    eye: EyeMeta,
    range: StripRange,
  ): void {
    const gl = this.#gl;
    const u = (name: string) => gpu.eye.uniforms[name] ?? null;
    this.#begin(gpu.eye, face, deformer);
    gl.uniform4f(u("uEye"), ...this.#region(`eye_${side}`));
    gl.uniform4f(u("uIris"), ...(eye.iris_rect ? this.#region(`iris_${side}`) : EMPTY));
    gl.uniform4f(u("uEyeRect"), ...(eye.rect ?? EMPTY));
    gl.uniform4f(u("uIrisRect"), ...(eye.iris_rect ?? EMPTY));
    gl.uniform2f(u("uGaze"), motion[INDEX.gaze_x]! * eye.gaze[0], motion[INDEX.gaze_y]! * eye.gaze[1]);
    gl.uniform1f(u("uFeather"), eye.feather);
    this.#drawStrip(range);
  }

  #drawMouth(
    face: FacePackage,
    gpu: Gpu,
    deformer: Deformer,
    motion: MotionVector,
    mouth: MouthMeta,
    gap: number,
    range: StripRange,
  ): void {
    const gl = this.#gl;
    const u = (name: string) => gpu.mouth.uniforms[name] ?? null;
    const jaw = motion[INDEX.jaw]!;
    this.#begin(gpu.mouth, face, deformer);
    gl.uniform2f(u("uJaw"), mouth.jaw[0] * jaw, mouth.jaw[1] * jaw);
    gl.uniform1f(u("uGap"), gap);
    gl.uniform1f(u("uTongue"), motion[INDEX.tongue]!);
    gl.uniform1f(u("uRound"), smoothstep(0.3, 0.75, motion[INDEX.pucker]!));
    this.#drawStrip(range);
  }

  #drawRibbon(gpu: Gpu, region: string, alpha: number, range: StripRange): void {
    const gl = this.#gl;
    gl.uniform4f(gpu.ribbon.uniforms["uRegion"] ?? null, ...this.#region(region));
    gl.uniform1f(gpu.ribbon.uniforms["uAlpha"] ?? null, alpha);
    this.#drawStrip(range);
  }

  #drawStrip({ first, chain }: StripRange): void {
    this.#gl.drawArrays(this.#gl.TRIANGLE_STRIP, first, 2 * chain);
  }
}
