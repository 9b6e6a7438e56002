"""Yuki, a young woman in soft anime colours: gradients under crisp hair, daylight from the window on the left.

python art/yuki.py yuki.svg yuki.png
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

LINE, LINE_SOFT = "#262c52", "#8f96c4"
HAIR_TOP, HAIR, HAIR_LOW = "#5b6aa0", "#424d80", "#343b68"
SHADE, DEEP, SHINE, GLOW = "#333a66", "#262b50", "#8fa4de", "#c6d6f7"
COAT_SHADE, COAT_DEEP = "#d3d8ef", "#b6bcdf"
WOOL, WOOL_SHADE, WOOL_LINE = "#6e83c4", "#55669f", "#46568f"
SKIN_LINE = "#a8655a"

_random = np.random.default_rng(4)


def strands(d: Drawing, first: list[Point], last: list[Point], count: int, colour: str, weight: float, span: tuple[float, float]) -> None:
    """Fine lines between two guide lines, each a random stretch of the line in between."""
    a, b = along(first, 60), along(last, 60)
    for i in range(count):
        k = (i + _random.uniform(0.15, 0.85)) / count
        line = a * (1 - k) + b * k
        length = _random.uniform(*span)
        start = _random.uniform(0, 1 - length)
        piece = line[int(start * 59) : int((start + length) * 59) + 1]
        if len(piece) > 6:
            d.pen([tuple(p) for p in piece[:: max(1, len(piece) // 7)]], colour, weight * _random.uniform(0.6, 1.3), start=0.05, end=0.05)


def room(d: Drawing) -> None:
    """A bright study, far out of focus."""
    wall = d.gradient([(0, "#dfe9f7"), (0.55, "#c9d3ee"), (1, "#b3b2dc")], (0, 0, 0.3, 1))
    d.raw(f'<rect width="1080" height="1920" fill="{wall}"/>')
    d.begin(filter=d.blur(16))
    d.raw('<rect x="60" y="90" width="330" height="900" rx="10" fill="#f6fbff"/><path d="M60 480H390M225 90V990" stroke="#c3cfe8" stroke-width="22"/>')
    d.raw('<path d="M400 60C470 300 440 700 470 1080L380 1080C400 700 380 300 380 60Z" fill="#eef0fb"/>')
    d.raw('<path d="M770 380H1100V406H770ZM770 760H1100V786H770Z" fill="#a89fca"/>')
    for x, y, w, h, colour in ((800, 230, 44, 150, "#8e9bd0"), (850, 250, 36, 130, "#e3b7bd"), (892, 215, 50, 165, "#7487bd"), (950, 260, 34, 120, "#f0dcc0"),
                               (800, 600, 90, 160, "#f1ece4"), (930, 620, 46, 140, "#9a8cc6"), (984, 640, 40, 120, "#c5d3ec")):
        d.raw(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{colour}"/>')
    for x, y, rx, ry, colour in ((845, 560, 80, 60, "#7fae93"), (800, 590, 50, 34, "#98c2a5"), (900, 585, 46, 36, "#6c9c84")):
        d.raw(f'<ellipse cx="{x}" cy="{y}" rx="{rx}" ry="{ry}" fill="{colour}"/>')
    d.raw('<rect y="1180" width="1080" height="740" fill="#a9a4d2"/>')
    d.end()
    light = d.gradient([(0, "#fffdf4", 0.5), (1, "#fffdf4", 0)], (0, 0, 1, 0.35))
    d.raw(f'<path d="M0 0H700L260 1920H0Z" fill="{light}"/>')


BACK: list[Point] = [
    (300, 520), (272, 660), (262, 820), (272, 960), (276, 1040), (302, 1092, 1), (308, 1060), (322, 1112), (356, 1150, 1), (400, 1150), (430, 1100),
    (540, 1040), (650, 1100), (680, 1150), (724, 1150, 1), (758, 1112), (772, 1060), (778, 1092, 1), (804, 1040), (808, 960), (818, 820), (808, 660), (780, 520), (540, 380),
]  # fmt: skip


def back_hair(d: Drawing) -> None:
    """The hair behind neck and shoulders, turned in at the ends."""
    path = smooth(BACK)
    d.fill(path, d.gradient([(0, "#353d6b"), (1, "#2a2f56")], (0, 0, 0, 1)))
    d.begin(clip_path=d.clip(path))
    strands(d, [(290, 560), (276, 760), (284, 940), (270, 1060)], [(420, 760), (420, 900), (400, 1010), (392, 1100)], 26, "#475089", 5, (0.3, 0.8))
    strands(d, [(660, 760), (660, 900), (680, 1010), (690, 1100)], [(790, 560), (804, 760), (796, 940), (812, 1060)], 26, "#3d4679", 5, (0.3, 0.8))
    strands(d, [(290, 560), (276, 760), (284, 940), (270, 1060)], [(420, 760), (420, 900), (400, 1010), (392, 1100)], 14, DEEP, 5, (0.3, 0.8))
    strands(d, [(660, 760), (660, 900), (680, 1010), (690, 1100)], [(790, 560), (804, 760), (796, 940), (812, 1060)], 16, DEEP, 5, (0.3, 0.8))
    d.end()


def neck(d: Drawing) -> None:
    """Neck, collar bones and the jaw's shadow."""
    path = "M466 850V1010C444 1050 380 1076 330 1090L540 1260L750 1090C700 1076 636 1050 614 1010V850Z"
    d.fill(path, d.gradient([(0, "#fdeadd"), (1, "#fbdccb")], (0, 0, 0, 1)))
    d.begin(clip_path=d.clip(path))
    d.shape([(440, 840, 1), (460, 920), (500, 968), (556, 984), (600, 960), (640, 900), (640, 840, 1)], "#eab09d")
    d.shape([(600, 880, 1), (590, 1000), (600, 1060), (690, 1090, 1), (690, 880, 1)], "#efbfac", opacity=0.7)
    d.end()
    d.pen([(466, 900), (466, 1008), (430, 1050)], "#d99c8a", 4)
    d.pen([(614, 900), (614, 1008), (650, 1050)], "#d99c8a", 4)


def clothes(d: Drawing) -> None:
    """A knitted top with a rolled collar under a white coat."""
    d.fill("M398 1062C440 1128 640 1128 682 1062L760 1110V1930H320V1110Z", d.gradient([(0, WOOL), (1, "#5567a8")], (0, 0, 0, 1)))
    for x in range(396, 700, 19):
        s = (x - 540) / 150
        d.pen([(540 + s * 150, 1150), (540 + s * 140, 1400), (540 + s * 132, 1920)], WOOL_LINE, 2.6, start=0.5, end=0.5)
    d.shape([(320, 1110, 1), (440, 1170), (462, 1300), (470, 1600), (480, 1940, 1), (320, 1940, 1)], WOOL_SHADE, opacity=0.6)
    d.shape([(400, 1110, 1), (470, 1160), (540, 1172), (612, 1160), (680, 1110, 1), (640, 1196), (540, 1216), (440, 1196)], WOOL_SHADE, opacity=0.75)
    roll = smooth([(390, 1046, 1), (440, 1100), (540, 1122), (640, 1100), (690, 1046, 1), (712, 1084), (650, 1150), (540, 1172), (430, 1150), (368, 1084)])
    d.fill(roll, d.gradient([(0, "#8fa2de"), (1, "#7083c8")], (0, 0, 1, 0.4)))
    d.begin(clip_path=d.clip(roll))
    top, low = along([(388, 1040), (440, 1094), (540, 1118), (640, 1094), (692, 1040)], 60), along([(364, 1090), (430, 1158), (540, 1180), (650, 1158), (716, 1090)], 60)
    for i in range(1, 59, 2):
        d.pen([tuple(top[i]), tuple((top[i] + low[i]) / 2), tuple(low[i])], "#5d6fb4", 4.2, start=0.4, end=0.6)
    d.end()
    d.pen([(366, 1086), (430, 1151), (540, 1173), (650, 1151), (714, 1086)], WOOL_LINE, 4.5, start=0.4, end=0.4)
    for flip in (False, True):
        _coat(d, flip)


def _coat(d: Drawing, flip: bool) -> None:
    def at(points: list[Point]) -> list[Point]:
        return mirror(points) if flip else points

    body = smooth(at([(388, 1042, 1), (330, 1084), (222, 1122), (136, 1170), (92, 1270), (70, 1460), (52, 1930, 1), (470, 1930, 1), (452, 1680), (426, 1360), (376, 1096)]))
    d.fill(body, d.gradient([(0, "#ffffff"), (0.6, "#f2f4fc"), (1, "#dfe3f3")], (0, 0, 0, 1)))
    d.begin(clip_path=d.clip(body))
    if flip:
        d.shape(at([(40, 1160, 1), (150, 1180), (120, 1290), (132, 1430), (104, 1560), (122, 1700), (96, 1940, 1), (20, 1940, 1)]), COAT_SHADE)
        d.shape(at([(214, 1330, 1), (244, 1450), (262, 1640), (256, 1940, 1), (320, 1940, 1), (300, 1640), (270, 1440)]), COAT_SHADE)
    d.shape(at([(206, 1310, 1), (226, 1420), (214, 1560), (196, 1730), (190, 1940, 1), (232, 1940, 1), (240, 1700), (244, 1500), (234, 1390)]), COAT_DEEP)
    for fold in (
        [(228, 1400, 1), (180, 1450), (116, 1466, 1), (176, 1472), (226, 1450, 1)],
        [(224, 1560, 1), (170, 1612), (100, 1620, 1), (170, 1636), (218, 1612, 1)],
        [(206, 1730, 1), (150, 1770), (86, 1776, 1), (150, 1794), (204, 1776, 1)],
        [(240, 1340, 1), (290, 1420), (370, 1450, 1), (300, 1446), (246, 1410, 1)],
        [(238, 1690, 1), (300, 1670), (380, 1600, 1), (330, 1690), (240, 1752, 1)],
        [(150, 1190, 1), (206, 1230), (232, 1310, 1), (190, 1260)],
    ):
        d.shape(at(fold), COAT_SHADE)
    d.end()
    d.pen(at([(388, 1044), (330, 1084), (222, 1122), (136, 1170), (92, 1270), (70, 1460), (54, 1930)]), LINE_SOFT, 5, start=0.3, end=0.6)
    d.pen(at([(232, 1330), (240, 1480), (230, 1700), (216, 1930)]), LINE_SOFT, 5)
    lapel = smooth(at([(388, 1044, 1), (352, 1082), (328, 1130), (318, 1192, 1), (388, 1242, 1), (362, 1294, 1), (440, 1560), (464, 1720, 1), (450, 1480), (424, 1230)]))
    d.fill(lapel, d.gradient([(0, "#ffffff"), (1, "#e8ebf8")], (0, 0, 0, 1)))
    d.begin(clip_path=d.clip(lapel))
    d.shape(at([(400, 1044, 1), (404, 1180), (430, 1400), (452, 1740, 1), (490, 1740, 1), (440, 1200)]), COAT_SHADE)
    d.end()
    d.fill(lapel, "none", stroke=LINE_SOFT, stroke_width=4.5, stroke_linejoin="round")
    d.pen(at([(388, 1242), (404, 1234), (416, 1222)]), LINE_SOFT, 4)
    d.pen(at([(466, 1730), (470, 1820), (472, 1930)]), LINE_SOFT, 5)
    if flip:
        d.raw('<g fill="none" stroke="#a9b2dc" stroke-width="4.5" stroke-linejoin="round"><path d="M690 1470H826V1620Q826 1636 810 1636H706Q690 1636 690 1620Z" fill="#f4f5fc"/><path d="M690 1500H826"/></g>')
        d.raw('<rect x="776" y="1432" width="13" height="74" rx="6" fill="#5b78c9"/><rect x="776" y="1432" width="13" height="16" rx="6" fill="#e6b9c0"/>')


FACE = "M332 560C330 660 342 742 384 812C424 874 490 918 540 922C590 918 656 874 696 812C738 742 750 660 748 560C746 400 650 340 540 340C430 340 334 400 332 560Z"


def face(d: Drawing) -> None:
    """Skin with the fringe's shadow, blush, nose and lips."""
    d.fill(FACE, d.gradient([(0, "#fdeadd"), (1, "#fbdccb")], (0, 0, 0, 1)))
    d.begin(clip_path=d.clip(FACE))
    soft = d.blur(7)
    d.fill("M760 500C752 700 700 840 560 940L780 940V500Z", "#f3b9a6", opacity=0.35, filter=soft)
    d.shape([(320, 320, 1), (320, 640), (352, 616), (420, 590), (470, 566), (512, 506), (540, 470, 1), (570, 520), (620, 566), (680, 592), (730, 620), (770, 640), (770, 320, 1)],
            "#efb8a5", opacity=0.75, filter=d.blur(3))
    blush = d.glow([(0, "#f4948c", 0.5), (1, "#f4948c", 0)])
    for x in (418, 662):
        d.raw(f'<ellipse cx="{x}" cy="752" rx="66" ry="38" fill="{blush}"/>')
    d.end()
    d.pen([(338, 690), (352, 752), (384, 812), (430, 868), (490, 908), (540, 922)], "#c98878", 4.5)
    d.pen([(742, 690), (728, 752), (696, 812), (650, 868), (590, 908), (540, 922)], "#c98878", 4.5)
    d.pen([(530, 764), (541, 772), (553, 765)], "#c97f6f", 5)
    d.fill("M549 690Q560 730 553 756Q546 762 541 763Q550 730 549 690Z", "#eeb3a0", opacity=0.55)
    d.raw('<ellipse cx="536" cy="744" rx="5" ry="8" fill="#fff" opacity="0.7"/>')
    # The mouth is one line, so that it can be drawn anew when it opens; the lip below is a breath of colour.
    d.raw(f'<ellipse cx="540" cy="846" rx="34" ry="10" fill="#f7cfc0" filter="{d.blur(4)}"/>')
    d.pen([(480, 819), (506, 827), (540, 829), (574, 827), (600, 819)], "#b0483f", 7, start=0.4, end=0.4)



WHITE: list[Point] = [(-62, 6, 1), (-46, -28), (-22, -43), (6, -45), (36, -38), (56, -18), (64, 10, 1), (34, 36), (4, 40), (-30, 34)]


def eyes(d: Drawing) -> None:
    """Large blue eyes; the lights in them lie on the window's side in both."""
    iris = d.gradient([(0, "#1f3263"), (0.5, "#3c6cb0"), (1, "#8fd2ee")], (0, 0, 0, 1))
    for flip in (False, True):
        cx, cy = (434, 672) if flip else (646, 672)
        k = -1 if flip else 1

        def at(points: list[Point], cx: int = cx, cy: int = cy, k: int = k) -> list[Point]:
            return [(cx + k * p[0], cy + p[1], *p[2:]) for p in points]

        white = smooth(at(WHITE))
        d.fill(white, "#fdfdfe")
        d.begin(clip_path=d.clip(white))
        x, y = cx + 3 * k, cy - 1
        d.raw(f'<ellipse cx="{x}" cy="{y}" rx="37" ry="45" fill="#1b2850"/><ellipse cx="{x}" cy="{y}" rx="32.5" ry="40.5" fill="{iris}"/>')
        for turn in np.linspace(0.15, np.pi - 0.15, 17):
            a, b = 17 + 3 * np.sin(turn * 9), 31
            d.raw(f'<path d="M{x + a * np.cos(turn):.1f} {y + 1.2 * a * np.sin(turn):.1f}L{x + b * np.cos(turn):.1f} {y + 1.22 * b * np.sin(turn):.1f}" stroke="#bfeaf8" stroke-width="2" opacity="0.45"/>')
        d.raw(f'<ellipse cx="{x}" cy="{y - 2}" rx="14" ry="18" fill="#131c3d"/>')
        d.fill(smooth([(x - 26, y + 17), (x, y + 31), (x + 26, y + 17), (x + 16, y + 35), (x, y + 40), (x - 16, y + 35)]), "#c9f0fa", opacity=0.8)
        d.shape(at([(-70, -50, 1), (74, -50, 1), (74, 6), (44, -24), (6, -32), (-30, -24), (-62, 8)]), "#6b74a8", opacity=0.4)
        d.end()
        d.raw(f'<ellipse cx="{x - 12}" cy="{y - 17}" rx="10.5" ry="12.5" fill="#fff"/><circle cx="{x + 14}" cy="{y + 18}" r="5" fill="#fff" opacity="0.9"/>')
        d.shape(at([(-67, 12, 1), (-52, -30), (-22, -51), (8, -52), (40, -44), (62, -22), (76, -8, 1), (65, 10, 1), (53, -14), (34, -32), (6, -38), (-24, -36), (-48, -18)]), LINE)
        d.pen(at([(-48, -46), (-20, -66), (22, -68), (58, -44)]), "#c98f80", 4.6)
        d.pen(at([(-26, 41), (6, 47), (36, 40), (54, 24)]), "#7d5560", 4.2, heavy=0.7)
        brow: list[Point] = [(594, 576, 1), (630, 564), (676, 566), (718, 594, 1), (678, 577), (634, 576), (594, 585, 1)]
        d.shape(mirror(brow) if flip else brow, "#39426d")


FRONT: list[Point] = [
    (316, 1000, 1), (290, 900), (278, 780), (282, 640), (280, 540), (300, 430), (352, 344), (430, 286), (500, 264), (534, 258), (556, 234, 1), (562, 258),
    (620, 268), (690, 304), (750, 366), (784, 450), (800, 560), (798, 660), (802, 780), (790, 900), (764, 1000, 1), (752, 930), (724, 870, 1), (738, 780), (740, 690), (728, 606, 1),
    (690, 580), (650, 530), (620, 470, 1), (628, 530), (640, 572, 1), (590, 540), (548, 490), (524, 430, 1), (508, 500), (470, 550), (416, 580, 1), (436, 540), (446, 480, 1),
    (420, 540), (384, 580), (352, 606, 1), (340, 690), (342, 780), (356, 870, 1), (328, 930),
]  # fmt: skip


def front_hair(d: Drawing) -> None:
    """Fringe and side locks: clumps in shade, a band of light, fine strands, a clip."""
    path = smooth(FRONT)
    d.fill(path, d.gradient([(0, HAIR_TOP), (0.3, HAIR), (1, HAIR_LOW)], (0, 0, 0, 1)))
    d.begin(clip_path=d.clip(path))
    for clump in (
        [(352, 612, 1), (372, 500), (430, 390), (522, 300, 1), (460, 400), (420, 500), (404, 566)],
        [(416, 586, 1), (450, 480), (486, 380), (534, 300, 1), (512, 400), (506, 500), (470, 552)],
        [(640, 578, 1), (600, 470), (560, 380), (548, 296, 1), (592, 380), (630, 460), (648, 530)],
        [(728, 612, 1), (700, 500), (640, 390), (560, 296, 1), (668, 370), (730, 470), (752, 580), (748, 700), (740, 690)],
        [(764, 1006, 1), (752, 930), (724, 874, 1), (744, 760), (746, 600), (772, 700), (782, 820), (778, 920)],
        [(316, 1006, 1), (328, 930), (356, 874, 1), (338, 760), (336, 640), (322, 760), (318, 880)],
    ):  # fmt: skip
        d.shape(clump, SHADE, opacity=0.85)
    ring: list[Point] = [
        (300, 486, 1), (336, 430), (392, 390, 1), (384, 412), (436, 378), (484, 362, 1), (470, 392), (520, 366), (548, 362, 1), (546, 394), (584, 370), (604, 370, 1),
        (602, 398), (648, 388, 1), (654, 412), (694, 414, 1), (716, 446), (748, 446, 1), (786, 520, 1), (756, 490), (742, 506, 1), (716, 470), (696, 478, 1), (664, 440),
        (646, 452, 1), (610, 424), (594, 444, 1), (556, 416), (538, 440, 1), (520, 412), (468, 446, 1), (470, 420), (414, 460, 1), (418, 436), (358, 492, 1), (362, 466), (314, 530, 1),
    ]  # fmt: skip
    d.shape(ring, SHINE, opacity=0.62)
    d.shape([(x, 0.5 * y + 0.5 * (430 + abs(x - 540) * 0.22) - 6, *r) for x, y, *r in ring], GLOW, opacity=0.42)
    left: tuple[list[Point], list[Point]] = ([(532, 262), (420, 300), (330, 420), (296, 600), (290, 800), (316, 990)], [(534, 270), (486, 350), (420, 470), (350, 600), (346, 760), (340, 900)])
    right: tuple[list[Point], list[Point]] = ([(562, 270), (600, 350), (670, 470), (730, 600), (736, 760), (740, 900)], [(566, 262), (670, 300), (760, 420), (790, 600), (796, 800), (766, 990)])
    middle: tuple[list[Point], list[Point]] = ([(530, 280), (490, 370), (450, 480), (420, 575)], [(560, 280), (590, 370), (620, 480), (638, 568)])
    for guides, count in ((left, 24), (right, 24), (middle, 18)):
        strands(d, *guides, count, "#2d3460", 3.6, (0.25, 0.7))
        strands(d, *guides, count // 2, "#7487c6", 3.2, (0.15, 0.4))
    d.end()
    d.fill(path, "none", stroke=LINE, stroke_width=4, stroke_linejoin="round", opacity=0.9)
    d.pen([(284, 560), (282, 660), (280, 780), (294, 900)], GLOW, 7)
    for line in ([(540, 262), (500, 340), (456, 430), (440, 500)], [(552, 262), (572, 340), (606, 420), (622, 480)], [(534, 262), (440, 320), (372, 430), (352, 590)], [(560, 262), (654, 320), (716, 430), (730, 590)]):
        d.pen(line, LINE, 5.5, start=0.15)
    d.pen([(540, 262), (520, 226), (476, 210)], HAIR, 8, start=0.8, end=0.02, heavy=0.1)
    # a snowflake clip
    d.begin(transform="translate(716 520) rotate(14)", stroke_linecap="round")
    for colour, width in (("#6f86c8", 15), ("#f7fbff", 8)):
        arms = "".join(f'<path transform="rotate({a})" d="M0 0V-30M-9 -24L0 -15L9 -24"/>' for a in range(0, 360, 60))
        d.raw(f'<g fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round">{arms}</g>')
    d.raw('<circle r="6" fill="#8fb4ef"/>')
    d.end()


def draw() -> str:
    """The whole picture as SVG."""
    d = Drawing("Yuki, an original illustrated person")
    room(d)
    back_hair(d)
    neck(d)
    clothes(d)
    face(d)
    eyes(d)
    front_hair(d)
    return d.text()


if __name__ == "__main__":
    svg = draw()
    Path(sys.argv[1]).write_text(svg, "utf-8")
    rasterise(svg, Path(sys.argv[2]))
