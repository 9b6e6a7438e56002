/** The four kinds of fragments of docs/package-format.md, and the vertex functions that move the head. */

const HEAD = `#version 300 es
precision highp float;
uniform vec2 uCanvas, uOrigin, uUx, uUy;
uniform float uScale;
uniform vec3 uPivot, uCos, uSin;   // yaw, pitch, roll
uniform vec4 uShift;               // tx, ty, gains.sway * sway, gains.breath * breath

vec4 place(vec2 q, vec4 w) {
  vec3 p = vec3(q, w.x) - uPivot;
  float x1 = uCos.x * p.x + uSin.x * p.z, z1 = -uSin.x * p.x + uCos.x * p.z;
  float y1 = uCos.y * p.y + uSin.y * z1, z2 = -uSin.y * p.y + uCos.y * z1;
  float f = 1.0 / (1.0 - 0.06 * (z2 - p.z));
  float x2 = f * x1, y2 = f * y1;
  float x3 = uCos.z * x2 - uSin.z * y2, y3 = uSin.z * x2 + uCos.z * y2;
  vec2 head = q + vec2((x3 - p.x + uShift.x) * w.y + uShift.z * w.w, (y3 - p.y + uShift.y) * w.y - uShift.w * w.z);
  vec2 px = uOrigin + uScale * (head.x * uUx + head.y * uUy);
  return vec4(px.x / uCanvas.x * 2.0 - 1.0, 1.0 - px.y / uCanvas.y * 2.0, 0.0, 1.0);
}
`;

export const SURFACE_VERTEX = `${HEAD}
in vec2 aQ; in vec4 aWeights; in vec2 aSource;
out vec2 vUv;
void main() { gl_Position = place(aQ, aWeights); vUv = aSource / uCanvas; }
`;

/** The bias keeps the picture sharp where the warp squeezes it a little; real shrinking still gets its mipmaps. */
export const SURFACE_FRAGMENT = `#version 300 es
precision highp float;
in vec2 vUv;
uniform sampler2D uPicture, uPlate, uMatte;
uniform bool uLayered, uTransparent;
uniform vec2 uView;
out vec4 colour;
void main() {
  vec3 rgb = texture(uPicture, vUv, -0.5).rgb;
  if (uLayered) {
    vec2 at = vec2(gl_FragCoord.x, uView.y - gl_FragCoord.y) / uView;
    float person = texture(uMatte, vUv).r;
    if (uTransparent) {
      colour = vec4(rgb * person, person);
      return;
    }
    rgb = mix(texture(uPlate, at, -0.5).rgb, rgb, person);
  }
  colour = vec4(rgb, 1.0);
}
`;

export const STRIP_VERTEX = `${HEAD}
in vec2 aQ; in vec4 aWeights; in vec3 aStrip;
out vec2 vQ; out vec3 vStrip;   // u, then du and dl, or v
void main() { gl_Position = place(aQ, aWeights); vQ = aQ; vStrip = aStrip; }
`;

const ATLAS = `#version 300 es
precision highp float;
in vec2 vQ; in vec3 vStrip;
uniform sampler2D uAtlas;
uniform vec2 uAtlasSize;
out vec4 colour;

float ss(float a, float b, float x) { float t = clamp((x - a) / (b - a), 0.0, 1.0); return t * t * (3.0 - 2.0 * t); }

// A region of the atlas at s in 0..1; a region without area is empty.
vec4 region(vec4 box, vec2 s) {
  if (box.z <= box.x || any(lessThan(s, vec2(0))) || any(greaterThan(s, vec2(1)))) return vec4(0);
  vec2 px = clamp(mix(box.xy, box.zw, s), box.xy + 0.5, box.zw - 0.5);
  return textureLod(uAtlas, px / uAtlasSize, 0.0);
}

vec2 rect(vec4 box, vec2 q) { return (q - box.xy) / (box.zw - box.xy); }
`;

export const EYE_FRAGMENT = `${ATLAS}
uniform vec4 uEye, uIris, uEyeRect, uIrisRect;
uniform vec2 uGaze;
uniform float uFeather;
void main() {
  float du = vStrip.y, dl = vStrip.z;
  vec3 rgb = region(uEye, clamp(rect(uEyeRect, vQ), 0.0, 1.0)).rgb;
  vec4 k = region(uIris, rect(uIrisRect, vQ - uGaze));
  rgb = mix(rgb, k.rgb, k.a);
  colour = vec4(rgb, ss(-uFeather, 0.0, min(du, dl)) * ss(0.0, uFeather, du + dl));
}
`;

/** Lid, lash and lip line: a region stretched along the strip. */
export const RIBBON_FRAGMENT = `${ATLAS}
uniform vec4 uRegion;
uniform float uAlpha;
void main() {
  vec4 k = region(uRegion, clamp(vStrip.xy, 0.0, 1.0));
  colour = vec4(k.rgb, k.a * uAlpha);
}
`;

const MOUTH = `${ATLAS}
uniform vec2 uCentre, uJaw;       // uJaw: of the mouth, times the channel
uniform float uWidth, uGap, uFeather, uTongue, uRound;
uniform vec3 uCavityTone, uTongueTone;
`;

export const PHOTO_MOUTH_FRAGMENT = `${MOUTH}
uniform vec4 uUpper, uLower, uUpperRect, uLowerRect;
void main() {
  float du = vStrip.y, dl = vStrip.z;
  vec2 p = (vQ - uCentre) / uWidth, j = p - uJaw / uWidth;
  float v = du / max(du + dl, 1e-4);
  vec3 rgb = uCavityTone * mix(0.30, 1.0, ss(0.45, 1.1, v));

  vec2 t = (j - vec2(0.0, 0.11)) / vec2(0.33, 0.225);
  float r = dot(t, t), groove = j.x / 0.018;
  vec3 body = uTongueTone * (0.60 + 0.42 * clamp(1.0 - r, 0.0, 1.0)) * (1.0 - 0.12 * exp(-groove * groove));
  rgb = mix(rgb, body * mix(0.70, 1.0, ss(0.35, 0.90, v)), 0.92 * ss(1.0, 0.60, r));

  vec4 k = region(uLower, rect(uLowerRect, j));
  rgb = mix(rgb, k.rgb * mix(0.58, 0.80, ss(0.08, 0.35, uGap / uWidth)), k.a * (1.0 - 0.95 * uRound));

  vec2 tip = vec2(p.x, p.y - mix(p.y - j.y + 0.15, 0.122, uTongue)) / vec2(0.21, 0.075);
  r = dot(tip, tip);
  rgb = mix(rgb, uTongueTone * (0.80 + 0.32 * clamp(1.0 - r, 0.0, 1.0)), ss(1.0, 0.75, r) * ss(0.05, 0.40, uTongue));

  k = region(uUpper, rect(uUpperRect, p));
  rgb = mix(rgb, k.rgb * (1.0 - vec3(0.50, 0.62, 0.64) * uRound), k.a * (1.0 - ss(0.50, 1.0, uRound)));

  float s = mix(0.72, 1.0, ss(0.0, 0.08, du / uWidth)) * mix(0.86, 1.0, ss(0.0, 0.04, dl / uWidth))
          * (1.0 - 0.60 * ss(0.24, 0.50, abs(p.x))) * mix(0.88, 1.0, ss(0.0, 0.12, uGap / uWidth));
  rgb *= vec3(pow(s, 0.8), s, pow(s, 1.08));
  colour = vec4(rgb, ss(-uFeather, 0.0, min(du, dl)) * ss(0.0, uFeather, du + dl));
}
`;

/** Inside of a drawn mouth; its outline is two strokes. */
export const DRAWN_MOUTH_FRAGMENT = `${MOUTH}
uniform vec3 uTeethTone;
void main() {
  float du = vStrip.y;
  vec2 j = (vQ - uCentre - uJaw) / uWidth;
  vec3 rgb = uCavityTone;
  vec2 t = (j - vec2(0.0, 0.10)) / vec2(0.34, 0.24 + 0.05 * uTongue);
  rgb = mix(rgb, uTongueTone, ss(1.04, 0.96, dot(t, t)));
  float band = 0.15 * uWidth * ss(0.10, 0.22, uGap / uWidth) * (1.0 - uRound);
  rgb = mix(rgb, uTeethTone, ss(band + 0.012 * uWidth, band, du) * step(1e-4, band));
  colour = vec4(rgb, 1.0);
}
`;

/** A line with round ends. */
export const STROKE_FRAGMENT = `${ATLAS}
uniform vec3 uLineColour;
uniform float uLineWidth, uFeather;
void main() {
  colour = vec4(uLineColour, 1.0 - ss(uLineWidth, uLineWidth + uFeather, length(vStrip.yz)));
}
`;
