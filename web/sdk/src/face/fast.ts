/** Whether this browser draws a face fast enough, or should ask the server for a picture. */

/** A frame of the test may take this long; a real face costs less, and 60 a second must fit beside everything else. */
const MAX_FRAME_MS = 12;
const TEST_FRAMES = 4;
const TEST_SIZE = [1080, 1920] as const;
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render|mesa offscreen/i;

/** Why a face is better not drawn here; undefined when all is well. */
export type SlowReason = "no-webgl2" | "software" | "slow";

const VERTEX = `#version 300 es
void main() { gl_Position = vec4(float((gl_VertexID << 1) & 2) * 2.0 - 1.0, float(gl_VertexID & 2) * 2.0 - 1.0, 0, 1); }`;
const FRAGMENT = `#version 300 es
precision highp float; uniform float uSeed; out vec4 colour;
void main() { vec2 p = gl_FragCoord.xy; float s = uSeed;
  for (int i = 0; i < 12; i++) s += sin(p.x * 0.01 + s) * cos(p.y * 0.01 - s); colour = vec4(vec3(fract(s)), 1); }`;

/** Tries WebGL2 out on a canvas nobody sees. Takes about 50 ms. */
export function whySlow(): SlowReason | undefined {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = TEST_SIZE;
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false });
  if (!gl) return "no-webgl2";
  try {
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    if (SOFTWARE.test(name)) return "software";
    return frameTime(gl) > MAX_FRAME_MS ? "slow" : undefined;
  } finally {
    gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** True when `FaceRenderer` will do well here; false: create the instance with `ConfigId: "web"`. */
export function canRenderFast(): boolean {
  return whySlow() === undefined;
}

function frameTime(gl: WebGL2RenderingContext): number {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) return Infinity;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return Infinity;
  gl.useProgram(program);
  const seed = gl.getUniformLocation(program, "uSeed");
  const pixel = new Uint8Array(4);
  let best = Infinity;
  for (let i = 0; i < TEST_FRAMES; i++) {
    const start = performance.now();
    gl.uniform1f(seed, i);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    // Reading a pixel waits until the drawing is done.
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
