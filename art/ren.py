"""Ren, a young man in a cel-shaded anime style: flat colours, crisp shadows, an evening sky.

    python art/ren.py ren.svg ren.png

The light comes from the right, where the sun is; every shadow shape lies to the left of what casts it.
"""

# A drawing reads better with the points of a line on one line.
# fmt: off
# ruff: noqa: E501
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from drawing import Drawing, Point, along, mirror, rasterise, smooth

SKIN, SKIN_SHADE, SKIN_DEEP, BLUSH = "#fbdcc6", "#eaa991", "#d98a76", "#f6a99a"
LINE, SKIN_LINE = "#2a1f38", "#a5584e"
HAIR, HAIR_SHADE, HAIR_SHINE, HAIR_RIM = "#3a3157", "#262040", "#7f73b4", "#ffb98d"
TEAL, TEAL_SHADE, TEAL_DEEP = "#2f7f8b", "#1f5c6e", "#16455a"
CREAM, CREAM_SHADE, CREAM_DEEP = "#f7ead6", "#dcbfae", "#bd9796"
SHIRT, SHIRT_SHADE = "#fbfaf8", "#cfc7dc"
SUN = "#ffd7a3"


def sky(d: Drawing) -> None:
    """Evening sky, clouds in three flat tones, a skyline."""
    d.raw(
        f'<rect width="1080" height="1920" fill="{d.gradient([(0, "#6aa7d8"), (0.3, "#a9c9e6"), (0.55, "#f7d3bd"), (0.72, "#fbb594"), (1, "#ef8f86")], (0, 0, 0, 1))}"/>'
    )
    sun = d.glow([(0, "#fff3d2", 0.95), (0.25, "#ffe2ae", 0.6), (1, "#ffd39a", 0)])
    d.raw(f'<circle cx="930" cy="930" r="520" fill="{sun}"/>')
    random = np.random.default_rng(5)

    def cloud(cx: float, base: float, wide: float, tall: float, puffs: int) -> None:
        bumps = []
        for i in range(puffs):
            s = (i + 0.5) / puffs * 2 - 1
            bumps.append(
                (cx + s * wide, base - 8 - tall * (1 - s * s) * random.uniform(0.3, 0.62), wide / puffs * random.uniform(1.2, 2.0) * (1 - 0.45 * s * s))
            )
        outline = "".join(
            f"M{x - r:.0f} {y:.0f}a{r:.0f} {r * 0.84:.0f} 0 1 1 {2 * r:.0f} 0a{r:.0f} {r * 0.84:.0f} 0 1 1 {-2 * r:.0f} 0Z"
            for x, y, r in bumps
        )
        outline += f"M{cx - wide * 1.1:.0f} {base:.0f}q{wide * 0.1:.0f} -70 {wide * 0.5:.0f} -{tall * 0.45:.0f}H{cx + wide * 0.6:.0f}q{wide * 0.4:.0f} 10 {wide * 0.5:.0f} {tall * 0.45:.0f}Z"
        d.begin(clip_path=d.clip(f"M-100 {base - 900}H1200V{base}H-100Z"))
        d.fill(outline, "#e9b9bd")
        d.begin(clip_path=d.clip(outline))
        d.fill(outline, "#fbe6db", transform="translate(14 -20)")
        d.fill(outline, "#fffaf2", transform="translate(34 -52)")
        d.end()
        d.end()

    d.begin(filter=d.blur(2.2), opacity=0.92)
    cloud(170, 520, 240, 190, 7)
    cloud(930, 330, 210, 120, 6)
    cloud(960, 800, 230, 150, 7)
    cloud(60, 900, 190, 100, 6)
    d.end()
    d.begin(filter=d.blur(3))
    for colour, low, high, seed in (("#d98f9d", 1090, 1230, 2), ("#a9718f", 1180, 1340, 3)):
        r = np.random.default_rng(seed)
        x, path = -20.0, "M-20 1930"
        while x < 1100:
            w, top = r.uniform(38, 96), r.uniform(low, high)
            path += f"V{top:.0f}H{x + w:.0f}"
            x += w
        d.fill(path + "V1930Z", colour)
    r = np.random.default_rng(9)
    for _ in range(70):
        d.raw(f'<rect x="{r.uniform(0, 1080):.0f}" y="{r.uniform(1360, 1800):.0f}" width="9" height="14" fill="#ffdca6" opacity="{r.uniform(0.3, 0.8):.2f}"/>')
    d.end()


FACE: list[Point] = [
    (352, 540), (349, 620), (354, 700), (368, 772), (388, 826), (428, 876), (482, 922), (520, 943), (540, 946),
    (560, 943), (598, 922), (652, 876), (692, 826), (712, 772), (726, 700), (731, 620), (728, 540), (650, 400), (430, 400),
]  # fmt: skip
NECK: list[Point] = [
    (452, 850, 1), (456, 960), (448, 1030), (400, 1072), (330, 1100, 1), (540, 1250, 1), (750, 1100, 1), (680, 1072),
    (632, 1030), (624, 960), (628, 850, 1),
]  # fmt: skip


def back_hair(d: Drawing) -> None:
    """What shows behind ears and neck."""
    d.shape(
        [(330, 520), (318, 680), (336, 800), (372, 880, 1), (392, 850, 1), (420, 930, 1), (452, 880, 1), (540, 900), (628, 880, 1),
         (664, 928, 1), (690, 848, 1), (712, 876, 1), (744, 800), (762, 680), (750, 520), (540, 360)],
        HAIR_SHADE,
    )  # fmt: skip


def neck(d: Drawing) -> None:
    """Neck with the jaw's shadow."""
    path = smooth(NECK)
    d.fill(path, SKIN)
    d.begin(clip_path=d.clip(path))
    d.shape([(440, 840, 1), (440, 1020), (486, 1010), (540, 1016), (600, 985), (636, 935), (640, 840, 1)], SKIN_SHADE)
    d.shape([(330, 1000, 1), (470, 1000), (486, 1060), (520, 1120), (480, 1160), (330, 1160, 1)], SKIN_SHADE)
    d.end()
    d.pen([(452, 880), (456, 960), (447, 1030), (404, 1070)], LINE, 5)
    d.pen([(628, 880), (624, 960), (633, 1030), (676, 1070)], LINE, 5)
    d.pen([(500, 1058), (516, 1086), (522, 1110)], SKIN_LINE, 4)
    d.pen([(592, 1064), (572, 1090), (566, 1112)], SKIN_LINE, 3.4)


def face(d: Drawing) -> None:
    """Skin, shadow shapes, nose; no eyes or mouth."""
    path = smooth(FACE)
    d.fill(path, SKIN)
    d.begin(clip_path=d.clip(path))
    # shade of the turning cheek, left
    d.shape([(330, 560, 1), (366, 560), (364, 700), (384, 780), (420, 846), (486, 908), (536, 932), (590, 934, 1), (590, 970, 1), (330, 970, 1)], SKIN_SHADE)
    # cast by the fringe
    d.shape(
        [(330, 380, 1), (330, 660), (362, 640), (368, 576, 1), (386, 628, 1), (404, 560, 1), (436, 602, 1), (468, 556, 1),
         (512, 614, 1), (566, 556, 1), (602, 600, 1), (640, 552, 1), (668, 590, 1), (700, 560), (712, 590, 1), (718, 640), (760, 560), (760, 380, 1)],
        SKIN_SHADE,
    )  # fmt: skip
    d.end()
    blush = d.glow([(0, BLUSH, 0.55), (0.55, BLUSH, 0.28), (1, BLUSH, 0)])
    for x in (436, 646):
        d.raw(f'<ellipse cx="{x}" cy="782" rx="62" ry="30" fill="{blush}"/>')
    # nose: bridge shade, tip
    d.shape([(531, 742, 1), (524, 776), (519, 796), (530, 803), (541, 802, 1), (535, 780)], SKIN_SHADE)
    d.pen([(521, 797), (532, 804), (546, 802)], SKIN_LINE, 5, start=0.3)
    d.shape([(549, 752), (553, 780), (548, 788), (545, 774)], "#fff3e2")
    d.pen([(349, 600), (354, 700), (368, 772), (388, 826), (428, 876), (482, 922), (520, 943), (544, 946)], LINE, 6, start=0.4, end=0.5)
    d.pen([(731, 600), (726, 700), (712, 772), (692, 826), (652, 876), (598, 922), (560, 943), (536, 946)], LINE, 5, start=0.4, end=0.5)


WHITE: list[Point] = [
    (-60, 12, 1), (-46, -16), (-14, -37), (22, -36), (48, -20), (62, 4, 1), (54, 24), (26, 40), (-8, 40), (-40, 30),
]  # fmt: skip


def _eye(d: Drawing, cx: float, cy: float, flip: bool) -> None:
    """One eye, drawn for the viewer's right; the iris and its lights are not mirrored."""
    k = -1 if flip else 1

    def at(points: list[Point]) -> list[Point]:
        return [(cx + k * p[0], cy + p[1], *p[2:]) for p in points]

    white = smooth(at(WHITE))
    d.fill(white, "#fffdfa")
    d.begin(clip_path=d.clip(white))
    ix, iy = cx + k * 1, cy - 1
    iris = d.gradient([(0, "#5a2413"), (0.42, "#a4501c"), (0.75, "#e29a3a"), (1, "#ffd97a")], (0, 0, 0, 1))
    d.raw(f'<ellipse cx="{ix}" cy="{iy}" rx="34" ry="42" fill="#3a1714"/>')
    d.raw(f'<ellipse cx="{ix}" cy="{iy}" rx="29.5" ry="37.5" fill="{iris}"/>')
    d.raw(f'<ellipse cx="{ix}" cy="{iy - 3}" rx="13" ry="17" fill="#2a0f12"/>')
    d.fill(smooth([(ix - 22, iy + 14), (ix, iy + 26), (ix + 22, iy + 14), (ix + 14, iy + 31), (ix, iy + 36), (ix - 14, iy + 31)]), "#ffeaa6", opacity=0.85)
    d.shape(at([(-70, -50, 1), (70, -50, 1), (70, 6), (40, -20), (16, -26), (-14, -26), (-44, -6), (-62, 14)]), "#5b4470", opacity=0.34)
    d.end()
    d.raw(f'<ellipse cx="{ix + 11}" cy="{iy - 17}" rx="10" ry="12" fill="#fff"/><circle cx="{ix - 12}" cy="{iy + 15}" r="5" fill="#fff"/>')
    # upper lash line, heavy at the outer end, with two lashes
    d.shape(
        at([(-66, 16, 1), (-50, -18), (-16, -43), (24, -43), (54, -27), (76, -10, 1), (64, 8, 1), (48, -14), (22, -30),
            (-14, -31), (-44, -10), (-60, 13)]),
        LINE,
    )  # fmt: skip
    d.pen(at([(-44, -38), (-14, -59), (26, -58), (56, -40)]), SKIN_LINE, 4.6, start=0.1)
    d.pen(at([(-24, 39), (4, 46), (34, 40), (54, 25)]), LINE, 5, start=0.05, end=0.5, heavy=0.8)


def eyes(d: Drawing) -> None:
    """Eyes and brows."""
    _eye(d, 446, 692, True)
    _eye(d, 634, 692, False)
    brow: list[Point] = [(576, 632, 1), (600, 611), (640, 602), (682, 612), (706, 632, 1), (676, 624), (640, 617), (604, 624), (580, 642, 1)]
    d.shape(brow, HAIR_SHADE)
    d.shape(mirror(brow), HAIR_SHADE)


def mouth(d: Drawing) -> None:
    """A closed, faintly smiling line and the shade below the lip."""
    d.pen([(486, 855), (506, 861), (540, 863), (574, 861), (594, 855)], "#7d3034", 7.5, start=0.45, end=0.45)
    d.pen([(518, 888), (540, 892), (562, 888)], "#f3cdb7", 7)


HAIR_FRONT: list[Point] = [
    (350, 776, 1), (320, 716), (304, 652), (266, 676, 1), (290, 604), (256, 592, 1), (286, 520), (300, 450), (338, 382), (396, 330),
    (470, 296), (524, 286), (566, 250, 1), (574, 286), (640, 298), (700, 338), (748, 398), (778, 470), (826, 530, 1), (792, 544),
    (786, 594), (820, 660, 1), (776, 654), (764, 710), (734, 780, 1), (732, 690), (722, 610), (708, 560, 1),
    (694, 584), (676, 606, 1), (668, 560), (646, 516, 1), (640, 560), (608, 612, 1), (606, 560), (588, 514, 1),
    (570, 572), (514, 622, 1), (524, 566), (520, 510, 1), (488, 566), (440, 606, 1), (448, 560), (446, 520, 1),
    (424, 570), (390, 630, 1), (388, 590), (382, 560, 1), (366, 620), (360, 700),
]  # fmt: skip


def front_hair(d: Drawing) -> None:
    """The fringe and crown: one mass, shadow clumps, a zigzag shine, light along the right edge."""
    path = smooth(HAIR_FRONT)
    d.fill(path, HAIR)
    d.begin(clip_path=d.clip(path))
    for clump in (
        [(346, 780, 1), (318, 700), (300, 560), (322, 460), (372, 400, 1), (352, 500), (352, 600), (366, 700)],
        [(382, 556, 1), (400, 486), (440, 410), (500, 350, 1), (440, 440), (424, 510), (420, 560), (390, 636, 1), (392, 590)],
        [(446, 516, 1), (470, 440), (520, 370), (560, 330, 1), (520, 410), (500, 470), (496, 530), (440, 610, 1)],
        [(520, 506, 1), (540, 440), (570, 380), (588, 330, 1), (578, 420), (574, 500), (556, 580), (510, 626, 1), (526, 570)],
        [(588, 510, 1), (600, 450), (600, 380), (604, 320, 1), (628, 400), (630, 490), (628, 570), (606, 616, 1), (608, 560)],
        [(646, 512, 1), (650, 440), (632, 370), (620, 318, 1), (676, 400), (692, 500), (692, 570), (674, 610, 1), (668, 560)],
        [(708, 556, 1), (704, 470), (676, 390), (650, 330, 1), (716, 410), (738, 520), (742, 640), (738, 780, 1), (726, 640)],
    ):  # fmt: skip
        d.shape(clump, HAIR_SHADE)
    # shine: a band broken into clumps
    shine: list[Point] = [
        (348, 486, 1), (372, 436), (412, 398, 1), (404, 428), (440, 394), (476, 372, 1), (462, 412), (508, 380), (540, 366, 1), (532, 408),
        (566, 376), (586, 364, 1), (584, 412), (608, 380, 1), (622, 420), (640, 388, 1), (662, 436), (676, 408, 1), (700, 476), (708, 440, 1),
        (726, 520, 1), (712, 500), (704, 520, 1), (690, 476), (676, 500, 1), (660, 456), (638, 486, 1), (624, 446), (602, 478, 1), (586, 440),
        (560, 482, 1), (548, 442), (510, 486, 1), (508, 442), (466, 486, 1), (464, 444), (420, 500, 1), (420, 452), (380, 516, 1), (378, 476),
    ]  # fmt: skip
    d.shape(shine, HAIR_SHINE, opacity=0.75)
    d.fill(path, "none", stroke=HAIR_RIM, stroke_width=16, clip_path=d.clip("M640 250H900V800H754V600L762 500Z"))
    d.end()
    d.fill(path, "none", stroke=LINE, stroke_width=4.5, stroke_linejoin="round")
    for strand in (
        [(372, 400), (352, 500), (352, 610)],
        [(506, 345), (446, 430), (424, 510), (416, 560)],
        [(566, 325), (520, 410), (500, 470), (492, 535)],
        [(590, 325), (580, 420), (572, 510), (552, 580)],
        [(604, 318), (630, 400), (632, 490), (624, 570)],
        [(622, 315), (680, 400), (694, 500), (690, 570)],
        [(650, 325), (718, 410), (740, 520), (744, 640)],
    ):
        d.pen(strand, LINE, 5, start=0.1)


def jacket(d: Drawing) -> None:
    """A varsity jacket over a white shirt."""
    shirt = smooth([(400, 1060, 1), (452, 1112), (540, 1132), (628, 1112), (680, 1060, 1), (700, 1990, 1), (380, 1990, 1)])
    d.fill(shirt, SHIRT)
    d.begin(clip_path=d.clip(shirt))
    d.shape([(380, 1040, 1), (430, 1110), (470, 1240), (462, 1420), (486, 1600), (470, 1760), (480, 1990, 1), (360, 1990, 1)], SHIRT_SHADE)
    d.shape([(640, 1200, 1), (606, 1260), (560, 1290, 1), (606, 1286), (650, 1250, 1)], SHIRT_SHADE)
    d.shape([(660, 1420, 1), (590, 1500), (500, 1540, 1), (590, 1528), (660, 1480, 1)], SHIRT_SHADE)
    d.shape([(650, 1700, 1), (580, 1740), (520, 1800, 1), (600, 1766), (660, 1740, 1)], SHIRT_SHADE)
    d.end()
    d.pen([(400, 1060), (452, 1114), (540, 1134), (628, 1114), (680, 1060)], LINE, 5, start=0.5, end=0.5)
    d.pen([(396, 1078), (450, 1134), (540, 1156), (630, 1134), (684, 1078)], "#9d93b5", 4, start=0.5, end=0.5)
    for flip in (False, True):
        _half(d, flip)


def _half(d: Drawing, flip: bool) -> None:
    def at(points: list[Point]) -> list[Point]:
        return mirror(points) if flip else points

    sleeve = smooth(at([(250, 1128, 1), (150, 1186), (100, 1280), (76, 1430), (54, 1650), (38, 1990, 1), (250, 1990, 1), (262, 1700), (286, 1470), (296, 1330), (284, 1210)]))
    d.fill(sleeve, CREAM)
    d.begin(clip_path=d.clip(sleeve))
    if flip:  # lit side: shade only under the arm and in folds
        d.shape(at([(300, 1300, 1), (262, 1450), (226, 1640), (214, 1990, 1), (320, 1990, 1)]), CREAM_SHADE)
        d.shape(at([(290, 1420, 1), (220, 1480), (150, 1500, 1), (210, 1510), (270, 1490, 1)]), CREAM_SHADE)
        d.shape(at([(262, 1640, 1), (180, 1700), (90, 1712, 1), (170, 1736), (250, 1720, 1)]), CREAM_SHADE)
        d.shape(at([(240, 1800, 1), (160, 1850), (100, 1862, 1), (160, 1880), (236, 1862, 1)]), CREAM_SHADE)
        d.fill(sleeve, "none", stroke=SUN, stroke_width=18, clip_path=d.clip("M800 1100H1100V1990H930V1400Z"))
    else:
        d.shape(at([(30, 1100, 1), (190, 1150), (150, 1230), (140, 1330), (176, 1420), (140, 1500, 1), (150, 1600), (120, 1700), (150, 1760), (110, 1990, 1), (20, 1990, 1)]), CREAM_SHADE)
        d.shape(at([(300, 1280, 1), (270, 1440), (236, 1640), (230, 1990, 1), (320, 1990, 1)]), CREAM_DEEP)
        d.shape(at([(296, 1400, 1), (230, 1460), (170, 1480, 1), (230, 1492), (280, 1480, 1)]), CREAM_DEEP)
        d.shape(at([(262, 1640, 1), (190, 1690), (120, 1700, 1), (180, 1724), (250, 1716, 1)]), CREAM_DEEP)
    d.end()
    d.fill(sleeve, "none", stroke=LINE, stroke_width=5, stroke_linejoin="round")

    panel = smooth(at([(404, 1040, 1), (330, 1096), (244, 1130, 1), (286, 1210), (298, 1330), (288, 1470), (266, 1700), (256, 1990, 1), (446, 1990, 1), (444, 1700), (452, 1500), (440, 1290), (410, 1150)]))
    d.fill(panel, TEAL)
    d.begin(clip_path=d.clip(panel))
    if flip:
        d.shape(at([(400, 1080, 1), (424, 1200), (430, 1400), (420, 1600), (424, 1990, 1), (480, 1990, 1), (480, 1080, 1)]), TEAL_SHADE)
        d.shape(at([(296, 1330, 1), (326, 1420), (390, 1470, 1), (330, 1450), (280, 1470, 1)]), TEAL_SHADE)
        d.shape(at([(270, 1640, 1), (310, 1620), (350, 1640), (390, 1700, 1), (330, 1668), (262, 1700, 1)]), TEAL_SHADE)
        d.shape(at([(250, 1990, 1), (256, 1780), (300, 1830), (330, 1990, 1)]), TEAL_SHADE)
    else:
        d.shape(at([(240, 1120, 1), (320, 1150), (350, 1260), (336, 1400), (352, 1500), (330, 1640), (346, 1800), (330, 1990, 1), (230, 1990, 1)]), TEAL_SHADE)
        d.shape(at([(430, 1080, 1), (414, 1220), (424, 1420), (416, 1640), (420, 1990, 1), (470, 1990, 1), (470, 1080, 1)]), TEAL_SHADE)
        d.shape(at([(300, 1300, 1), (310, 1430), (288, 1600), (290, 1990, 1), (240, 1990, 1)]), TEAL_DEEP)
    d.end()
    d.fill(panel, "none", stroke=LINE, stroke_width=5, stroke_linejoin="round")
    # placket with snaps, welt pocket
    edge = along(at([(418, 1160), (446, 1290), (458, 1500), (450, 1700), (452, 1930)]), 60)
    out = 1 if flip else -1
    d.pen(at([(396, 1180), (414, 1290), (424, 1500), (416, 1700), (416, 1935)]), TEAL_DEEP, 4, start=0.8, end=0.8)
    for i in (9, 24, 39, 54):
        x, y = edge[i] + np.array([out * 17, 0])
        d.raw(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="11" fill="{CREAM_SHADE}" stroke="{LINE}" stroke-width="3.5"/><circle cx="{x + 2:.0f}" cy="{y - 2:.0f}" r="5" fill="#fff6e8"/>')
    pocket: list[Point] = [(330, 1600, 1), (366, 1780, 1), (346, 1786, 1), (310, 1608, 1)]
    d.shape(at(pocket), CREAM_SHADE if not flip else CREAM, stroke=LINE, stroke_width=4, stroke_linejoin="round")
    # ribbed collar
    collar = smooth(at([(424, 996, 1), (392, 1034), (352, 1076), (346, 1096, 1), (372, 1130), (412, 1196), (440, 1262, 1), (450, 1200), (436, 1120), (440, 1060), (452, 1012, 1)]))
    d.fill(collar, TEAL_SHADE)
    d.begin(clip_path=d.clip(collar))
    d.pen(at([(412, 1008), (376, 1074), (404, 1140), (442, 1240)]), CREAM if flip else CREAM_SHADE, 13, start=1, end=1)
    d.pen(at([(434, 1010), (406, 1074), (426, 1140), (450, 1220)]), CREAM if flip else CREAM_SHADE, 11, start=1, end=1)
    for t in np.linspace(0, 1, 16):
        a = along(at([(420, 998), (348, 1090), (440, 1262)]), 60)[int(t * 59)]
        b = along(at([(452, 1012), (438, 1100), (450, 1230)]), 60)[int(t * 59)]
        d.raw(f'<path d="M{a[0]:.0f} {a[1]:.0f}L{b[0]:.0f} {b[1]:.0f}" stroke="{LINE}" stroke-width="2" opacity="0.16"/>')
    d.end()
    d.fill(collar, "none", stroke=LINE, stroke_width=5, stroke_linejoin="round")
    if flip:  # the patch
        d.raw(
            f'<g transform="translate(742 1372) rotate(3)"><path d="M-44 -44H44V10Q44 40 0 56Q-44 40 -44 10Z" fill="{CREAM}" stroke="{LINE}" stroke-width="4.5" stroke-linejoin="round"/>'
            f'<path d="M-24 22V-24L0 6L24 -24V22" fill="none" stroke="#d9694f" stroke-width="12" stroke-linejoin="round" stroke-linecap="round"/></g>'
        )


def draw() -> str:
    """The whole picture as SVG."""
    d = Drawing("Ren, an original illustrated person")
    sky(d)
    back_hair(d)
    neck(d)
    d.begin(transform="translate(0 -22)")
    jacket(d)
    d.end()
    face(d)
    eyes(d)
    mouth(d)
    front_hair(d)
    return d.text()


if __name__ == "__main__":
    svg = draw()
    Path(sys.argv[1]).write_text(svg, "utf-8")
    rasterise(svg, Path(sys.argv[2]))
