"""Pixel loops of the software renderer: triangles, strip shaders, blending. All release the GIL.

Compiled once per machine and kept on disk (`cache=True`). Parameters are typed Any: numba compiles each function for
the arrays it is called with, which the docstrings describe. Coordinates are pixels with (0, 0) at the corner of the
first pixel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mien.face.compiled import kernel

F = np.float32


@kernel
def raster_map(dst: Any, src: Any, tri: Any, map_x: Any, map_y: Any, x0: Any, y0: Any, step: Any) -> None:
    """Fills map_x, map_y (h, w) at pixels covered by triangles `tri` (t, 3) of `dst` (n, 2) with interpolated `src`
    (n, 2), both in OpenCV's convention (pixel centres at whole numbers). The maps' corner lies at pixel (x0, y0), their
    places are `step` pixels apart."""
    h, w = map_x.shape
    ox, oy, per = F(x0) + F(0.5), F(y0) + F(0.5), F(1) / F(step)
    for k in range(tri.shape[0]):
        a, b, c = tri[k, 0], tri[k, 1], tri[k, 2]
        ax, ay = (dst[a, 0] - ox) * per, (dst[a, 1] - oy) * per
        bx, by = (dst[b, 0] - ox) * per, (dst[b, 1] - oy) * per
        cx, cy = (dst[c, 0] - ox) * per, (dst[c, 1] - oy) * per
        den = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if abs(den) < F(1e-6):
            continue
        i1, i2, i3, i4 = (by - cy) / den, (cx - bx) / den, (cy - ay) / den, (ax - cx) / den
        sxa, sxb = src[a, 0] - src[c, 0], src[b, 0] - src[c, 0]
        sya, syb = src[a, 1] - src[c, 1], src[b, 1] - src[c, 1]
        gxx, gxy = i1 * sxa + i3 * sxb, i2 * sxa + i4 * sxb
        gyx, gyy = i1 * sya + i3 * syb, i2 * sya + i4 * syb
        sx0, sy0 = src[c, 0] - F(0.5), src[c, 1] - F(0.5)
        y_lo = max(0, math.ceil(min(ay, by, cy) - F(0.01)))
        y_hi = min(h - 1, math.floor(max(ay, by, cy) + F(0.01)))
        for y in range(y_lo, y_hi + 1):
            lo, hi = F(1e9), F(-1e9)
            fy = F(y)
            for e in range(3):
                if e == 0:
                    px, py, qx, qy = ax, ay, bx, by
                elif e == 1:
                    px, py, qx, qy = bx, by, cx, cy
                else:
                    px, py, qx, qy = cx, cy, ax, ay
                if (py <= fy + F(0.01) and qy >= fy - F(0.01)) or (qy <= fy + F(0.01) and py >= fy - F(0.01)):
                    if abs(qy - py) < F(1e-6):
                        lo, hi = min(lo, px, qx), max(hi, px, qx)
                    else:
                        t = min(F(1.0), max(F(0.0), (fy - py) / (qy - py)))
                        xx = px + t * (qx - px)
                        lo, hi = min(lo, xx), max(hi, xx)
            xl = max(0, math.ceil(lo - F(0.01)))
            xh = min(w - 1, math.floor(hi + F(0.01)))
            if xl > xh:
                continue
            vx = sx0 + gxx * (F(xl) - cx) + gxy * (fy - cy)
            vy = sy0 + gyx * (F(xl) - cx) + gyy * (fy - cy)
            for x in range(xl, xh + 1):
                map_x[y, x] = vx
                map_y[y, x] = vy
                vx += gxx
                vy += gyx


@kernel
def raster_attributes(dst: Any, values: Any, tri: Any, out: Any, cover: Any, x0: Any, y0: Any) -> None:
    """Like `raster_map` for any number of attributes: fills out (h, w, a) and cover (h, w) where triangles lie."""
    h, w = cover.shape
    n = values.shape[1]
    ox, oy = F(x0) + F(0.5), F(y0) + F(0.5)
    for k in range(tri.shape[0]):
        a, b, c = tri[k, 0], tri[k, 1], tri[k, 2]
        ax, ay = dst[a, 0] - ox, dst[a, 1] - oy
        bx, by = dst[b, 0] - ox, dst[b, 1] - oy
        cx, cy = dst[c, 0] - ox, dst[c, 1] - oy
        den = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if abs(den) < F(1e-6):
            continue
        i1, i2, i3, i4 = (by - cy) / den, (cx - bx) / den, (cy - ay) / den, (ax - cx) / den
        x_lo, x_hi = max(0, math.floor(min(ax, bx, cx))), min(w - 1, math.ceil(max(ax, bx, cx)))
        y_lo, y_hi = max(0, math.floor(min(ay, by, cy))), min(h - 1, math.ceil(max(ay, by, cy)))
        for y in range(y_lo, y_hi + 1):
            for x in range(x_lo, x_hi + 1):
                u = i1 * (F(x) - cx) + i2 * (F(y) - cy)
                v = i3 * (F(x) - cx) + i4 * (F(y) - cy)
                q = F(1) - u - v
                if u >= F(-1e-3) and v >= F(-1e-3) and q >= F(-1e-3):
                    cover[y, x] = 1
                    for i in range(n):
                        out[y, x, i] = u * values[a, i] + v * values[b, i] + q * values[c, i]


@kernel
def _sat(x: Any) -> Any:
    return min(max(x, F(0)), F(1))


@kernel
def _ss(a: Any, b: Any, x: Any) -> Any:
    t = min(max((x - a) / (b - a), F(0)), F(1))
    return t * t * (F(3) - F(2) * t)


@kernel
def _region(atlas: Any, r: Any, sx: Any, sy: Any, out: Any) -> None:
    """Samples atlas region r = x0, y0, x1, y1 at (sx, sy) in 0…1 into out[0:4] (rgb 0…255, alpha 0…1); outside:
    alpha 0."""
    w, h = F(r[2] - r[0]), F(r[3] - r[1])
    tx = min(max(sx * w - F(0.5), F(0)), w - F(1.001))
    ty = min(max(sy * h - F(0.5), F(0)), h - F(1.001))
    ix, iy = int(tx), int(ty)
    fx, fy = tx - F(ix), ty - F(iy)
    ix += r[0]
    iy += r[1]
    for c in range(4):
        top = F(atlas[iy, ix, c]) * (F(1) - fx) + F(atlas[iy, ix + 1, c]) * fx
        low = F(atlas[iy + 1, ix, c]) * (F(1) - fx) + F(atlas[iy + 1, ix + 1, c]) * fx
        out[c] = top * (F(1) - fy) + low * fy
    out[3] *= F(1 / 255)
    if sx < F(0) or sy < F(0) or sx > F(1) or sy > F(1):
        out[3] = F(0)


@kernel
def _over(acc: Any, y: Any, x: Any, r: Any, g: Any, b: Any, a: Any) -> None:
    """Blends a colour (0…255) over the premultiplied layer `acc`."""
    k = F(1) - a
    acc[y, x, 0] = acc[y, x, 0] * k + r * a
    acc[y, x, 1] = acc[y, x, 1] * k + g * a
    acc[y, x, 2] = acc[y, x, 2] * k + b * a
    acc[y, x, 3] = acc[y, x, 3] * k + a


@kernel
def shade_strip(acc: Any, attr: Any, cover: Any, atlas: Any, region: Any, gain: Any) -> None:
    """Lid, lash and lip line: the region at (u, v). attr = u, v."""
    s = np.empty(4, np.float32)
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            if cover[y, x]:
                _region(atlas, region, attr[y, x, 0], attr[y, x, 1], s)
                a = s[3] * gain
                if a > F(0.002):
                    _over(acc, y, x, s[0], s[1], s[2], a)


@kernel
def shade_eye(
    acc: Any,
    attr: Any,
    cover: Any,
    atlas: Any,
    region: Any,
    rect: Any,
    iris_region: Any,
    iris_rect: Any,
    gx: Any,
    gy: Any,
    feather: Any,
) -> None:
    """The eyeball seen between the lids. attr = q.x, q.y, u, du, dl."""
    s, k = np.empty(4, np.float32), np.empty(4, np.float32)
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            if not cover[y, x]:
                continue
            qx, qy, du, dl = attr[y, x, 0], attr[y, x, 1], attr[y, x, 3], attr[y, x, 4]
            a = _ss(-feather, F(0), min(du, dl)) * _ss(F(0), feather, du + dl)
            if a <= F(0.002):
                continue
            _region(atlas, region, (qx - rect[0]) / (rect[2] - rect[0]), (qy - rect[1]) / (rect[3] - rect[1]), s)
            px, py = qx - gx - iris_rect[0], qy - gy - iris_rect[1]
            _region(atlas, iris_region, px / (iris_rect[2] - iris_rect[0]), py / (iris_rect[3] - iris_rect[1]), k)
            m = k[3]
            for c in range(3):
                s[c] = s[c] * (F(1) - m) + k[c] * m
            _over(acc, y, x, s[0], s[1], s[2], a)


@kernel
def shade_mouth(
    acc: Any,
    attr: Any,
    cover: Any,
    atlas: Any,
    upper: Any,
    upper_rect: Any,
    lower: Any,
    lower_rect: Any,
    tones: Any,
    p: Any,
) -> None:
    """Inside of a photographed mouth. attr = q.x, q.y, u, du, dl; tones (3, 3) cavity, tongue, teeth in 0…255;
    p = centre x, y, width, jaw x, y (face units, already times the channel), gap / width, round, tongue, feather."""
    s = np.empty(4, np.float32)
    one = F(1)
    mw, g, rnd, tongue, feather = p[2], p[5], p[6], p[7], p[8]
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            if not cover[y, x]:
                continue
            du, dl = attr[y, x, 3], attr[y, x, 4]
            a = _ss(-feather, F(0), min(du, dl)) * _ss(F(0), feather, du + dl)
            if a <= F(0.002):
                continue
            px, py = (attr[y, x, 0] - p[0]) / mw, (attr[y, x, 1] - p[1]) / mw
            jx, jy = px - p[3] / mw, py - p[4] / mw
            v = du / max(du + dl, F(1e-4))
            k = F(0.30) + F(0.70) * _ss(F(0.45), F(1.1), v)
            r0, g0, b0 = tones[0, 0] * k, tones[0, 1] * k, tones[0, 2] * k
            tx, ty = jx / F(0.33), (jy - F(0.11)) / F(0.225)
            r = tx * tx + ty * ty
            m = F(0.92) * _ss(one, F(0.60), r)
            gx = jx / F(0.018)
            k = (F(0.60) + F(0.42) * _sat(one - r)) * (one - F(0.12) * math.exp(-gx * gx))
            k *= F(0.70) + F(0.30) * _ss(F(0.35), F(0.90), v)
            r0 += (tones[1, 0] * k - r0) * m
            g0 += (tones[1, 1] * k - g0) * m
            b0 += (tones[1, 2] * k - b0) * m
            _region(
                atlas,
                lower,
                (jx - lower_rect[0]) / (lower_rect[2] - lower_rect[0]),
                (jy - lower_rect[1]) / (lower_rect[3] - lower_rect[1]),
                s,
            )
            k, m = F(0.58) + F(0.22) * _ss(F(0.08), F(0.35), g), s[3] * (F(1) - F(0.95) * rnd)
            r0 += (s[0] * k - r0) * m
            g0 += (s[1] * k - g0) * m
            b0 += (s[2] * k - b0) * m
            if tongue > F(0.05):
                low = py - jy + F(0.15)
                tx, ty = px / F(0.21), (py - (low + (F(0.122) - low) * tongue)) / F(0.075)
                r = tx * tx + ty * ty
                m = _ss(one, F(0.75), r) * _ss(F(0.05), F(0.40), tongue)
                k = F(0.80) + F(0.32) * _sat(one - r)
                r0 += (tones[1, 0] * k - r0) * m
                g0 += (tones[1, 1] * k - g0) * m
                b0 += (tones[1, 2] * k - b0) * m
            _region(
                atlas,
                upper,
                (px - upper_rect[0]) / (upper_rect[2] - upper_rect[0]),
                (py - upper_rect[1]) / (upper_rect[3] - upper_rect[1]),
                s,
            )
            m = s[3] * (one - _ss(F(0.50), one, rnd))
            r0 += (s[0] * (one - F(0.50) * rnd) - r0) * m
            g0 += (s[1] * (one - F(0.62) * rnd) - g0) * m
            b0 += (s[2] * (one - F(0.64) * rnd) - b0) * m
            sh = (F(0.72) + F(0.28) * _ss(F(0), F(0.08), du / mw)) * (F(0.86) + F(0.14) * _ss(F(0), F(0.04), dl / mw))
            sh *= (one - F(0.60) * _ss(F(0.24), F(0.50), abs(px))) * (F(0.88) + F(0.12) * _ss(F(0), F(0.12), g))
            _over(acc, y, x, r0 * sh ** F(0.8), g0 * sh, b0 * sh ** F(1.08), a)


@kernel
def shade_drawn_mouth(acc: Any, attr: Any, cover: Any, tones: Any, p: Any) -> None:
    """Inside of an illustration's open mouth. attr, tones and p as in `shade_mouth`."""
    one = F(1)
    mw, g, rnd, tongue = p[2], p[5], p[6], p[7]
    col = np.empty(3, np.float32)
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            if not cover[y, x]:
                continue
            du = attr[y, x, 3]
            px, py = (attr[y, x, 0] - p[0]) / mw, (attr[y, x, 1] - p[1]) / mw
            jx, jy = px - p[3] / mw, py - p[4] / mw
            tx, ty = jx / F(0.34), (jy - F(0.10)) / (F(0.24) + F(0.05) * tongue)
            m = _ss(F(1.04), F(0.96), tx * tx + ty * ty)
            band = F(0.15) * mw * _ss(F(0.10), F(0.22), g) * (one - rnd)
            t = _ss(band + F(0.012) * mw, band, du) if band >= F(1e-4) else F(0)
            for c in range(3):
                z = tones[0, c] + (tones[1, c] - tones[0, c]) * m
                col[c] = z + (tones[2, c] - z) * t
            _over(acc, y, x, col[0], col[1], col[2], one)


@kernel
def shade_stroke(acc: Any, attr: Any, cover: Any, ink: Any, width: Any, feather: Any) -> None:
    """A line with round ends. attr = distance across the line, distance beyond its end; `width` is half the line's."""
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            if cover[y, x]:
                t, s = attr[y, x, 0], attr[y, x, 1]
                a = F(1) - _ss(width, width + feather, math.sqrt(t * t + s * s))
                if a > F(0.002):
                    _over(acc, y, x, ink[0], ink[1], ink[2], a)


@kernel
def blend_yuv(acc: Any, x0: Any, y0: Any, plane_y: Any, plane_u: Any, plane_v: Any) -> None:
    """Puts the premultiplied RGB layer on the I420 planes (BT.601, limited range). x0 and y0 are even, as are the
    layer's sides."""
    h, w = acc.shape[0], acc.shape[1]
    for y in range(0, h, 2):
        for x in range(0, w, 2):
            any_a = F(0)
            u = v = F(0)
            for j in range(2):
                for i in range(2):
                    a = acc[y + j, x + i, 3]
                    if a > F(0.002):
                        any_a += a
                        r, g, b = acc[y + j, x + i, 0], acc[y + j, x + i, 1], acc[y + j, x + i, 2]
                        luma = F(0.256788) * r + F(0.504129) * g + F(0.097906) * b + F(16) * a
                        old = F(plane_y[y0 + y + j, x0 + x + i])
                        plane_y[y0 + y + j, x0 + x + i] = np.uint8(old * (F(1) - a) + luma + F(0.5))
                        u += F(-0.148223) * r - F(0.290993) * g + F(0.439216) * b + F(128) * a
                        v += F(0.439216) * r - F(0.367788) * g - F(0.071427) * b + F(128) * a
            if any_a > F(0):
                cy, cx = (y0 + y) // 2, (x0 + x) // 2
                k = F(1) - any_a * F(0.25)
                plane_u[cy, cx] = np.uint8(F(plane_u[cy, cx]) * k + u * F(0.25) + F(0.5))
                plane_v[cy, cx] = np.uint8(F(plane_v[cy, cx]) * k + v * F(0.25) + F(0.5))


@kernel
def blend_rgb(acc: Any, x0: Any, y0: Any, picture: Any) -> None:
    """Puts the premultiplied layer on an RGB picture."""
    for y in range(acc.shape[0]):
        for x in range(acc.shape[1]):
            a = acc[y, x, 3]
            if a > F(0.002):
                for c in range(3):
                    old = F(picture[y0 + y, x0 + x, c])
                    picture[y0 + y, x0 + x, c] = np.uint8(min(old * (F(1) - a) + acc[y, x, c] + F(0.5), F(255)))


@kernel
def mix_plane(person: Any, plate: Any, matte: Any, out: Any) -> None:
    """out = plate where matte is 0, person where it is 255; planes of one size, uint8."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            m = np.int32(matte[y, x])
            p = np.int32(plate[y, x])
            out[y, x] = np.uint8(p + ((np.int32(person[y, x]) - p) * m + 127) // 255)
