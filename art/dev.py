"""Dev, an elderly man in ink: a pen line of varying weight and a handful of flat colours, as from a print shop.

python art/dev.py dev.svg dev.png
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

PAPER, SUN, LEAF = "#f4e6cf", "#e8825a", "#6f9a86"
INK = "#1f2330"
SKIN, SKIN_PEN = "#d9a57e", "#8a4a35"
SILVER, SILVER_SHADE = "#efeae2", "#c9c3bf"
VEST, VEST_SHADE = "#2f6b78", "#24535f"
KURTA, KURTA_SHADE, MARIGOLD = "#fffaf0", "#e3d3bd", "#f3b23c"

_random = np.random.default_rng(12)


def flow(
    d: Drawing,
    first: list[Point],
    last: list[Point],
    count: int,
    weight: float,
    colour: str = INK,
    span: tuple[float, float] = (0.35, 0.9),
) -> None:
    """Pen strokes between two guide lines, each a random stretch of the line in between."""
    a, b = along(first, 60), along(last, 60)
    for i in range(count):
        k = (i + _random.uniform(0.2, 0.8)) / count
        line = a * (1 - k) + b * k
        length = _random.uniform(*span)
        start = _random.uniform(0, 1 - length)
        piece = line[int(start * 59) : int((start + length) * 59) + 1]
        if len(piece) > 6:
            d.pen([tuple(p) for p in piece[:: max(1, len(piece) // 7)]], colour, weight * _random.uniform(0.6, 1.15), heavy=_random.uniform(0.3, 0.6))


def hatch(d: Drawing, x: float, y: float, count: int, step: float, length: float, colour: str, weight: float, lean: float = 0.5) -> None:
    """A row of short slanted strokes."""
    for i in range(count):
        s = length * (1 - 0.5 * abs(i / max(1, count - 1) * 2 - 1)) * _random.uniform(0.9, 1.1)
        px, py = x + i * step, y + _random.uniform(-2, 2)
        d.pen([(px - lean * s / 2, py + s / 2), (px + 1, py), (px + lean * s / 2, py - s / 2)], colour, weight, start=0.4)


def ground(d: Drawing) -> None:
    """Paper, a sun disc, two sprays of leaves."""
    d.raw(f'<rect width="1080" height="1920" fill="{PAPER}"/>')
    d.raw(f'<circle cx="540" cy="640" r="452" fill="{SUN}"/>')
    d.raw(f'<circle cx="528" cy="630" r="452" fill="none" stroke="{INK}" stroke-width="3.5"/>')
    for flip, base, lean in ((False, (40, 1500), 1.0), (True, (30, 1420), 0.85)):
        stem = along([base, (70, 1240), (90 * lean + 6, 1040), (70, 820), (110, 640)], 80)
        line = [tuple(p) for p in stem[::8]]
        d.pen(mirror(line) if flip else line, INK, 8, start=0.9, heavy=0.1)
        for i in range(9, 78, 8):
            x, y = stem[i]
            for side in (-1, 1):
                size = 120 * (1 - i / 130)
                tip = (x + side * size * 0.82, y - size * 0.75)
                out = (x + side * size * 0.62, y - size * 0.1)
                low = (x + side * size * 0.14, y - size * 0.62)
                leaf: list[Point] = [(x, y, 1), out, (*tip, 1), low]
                vein: list[Point] = [(x, y), (x + side * size * 0.36, y - size * 0.36), tip]
                moved: list[Point] = [(p[0] + 7, p[1] + 6, *p[2:]) for p in leaf]
                d.shape(mirror(moved) if flip else moved, LEAF)
                d.fill(smooth(mirror(leaf) if flip else leaf), "none", stroke=INK, stroke_width=3.5, stroke_linejoin="round")
                d.pen(mirror(vein) if flip else vein, INK, 4)


NECK: list[Point] = [(446, 860, 1), (448, 960), (440, 1020), (404, 1060, 1), (540, 1170, 1), (676, 1060, 1), (640, 1020), (632, 960), (634, 860, 1)]
FACE: list[Point] = [
    (360, 500), (352, 590), (356, 680), (364, 752), (376, 806), (400, 856), (442, 902), (496, 934), (540, 940), (584, 934), (638, 902),
    (680, 856), (704, 806), (716, 752), (724, 680), (728, 590), (720, 500), (640, 380), (440, 380),
]  # fmt: skip


def neck(d: Drawing) -> None:
    """Neck and its shadow, hatched."""
    path = smooth(NECK)
    d.fill(path, SKIN)
    d.begin(clip_path=d.clip(path))
    d.shape([(430, 850, 1), (446, 930), (500, 972), (560, 980), (616, 950), (650, 850, 1)], "#bd8260")
    d.end()
    d.pen([(446, 884), (449, 960), (440, 1022), (402, 1064)], INK, 8, start=0.3)
    d.pen([(634, 884), (631, 960), (640, 1022), (678, 1064)], INK, 8, start=0.3)
    d.pen([(524, 1000), (536, 1026), (530, 1046)], SKIN_PEN, 5)
    d.pen([(474, 990), (492, 1050), (512, 1096)], SKIN_PEN, 4.5)
    d.pen([(604, 992), (586, 1050), (566, 1096)], SKIN_PEN, 4.5)


def ears(d: Drawing) -> None:
    """Both ears."""
    ear: list[Point] = [(364, 640), (338, 622), (318, 640), (318, 690), (330, 742), (346, 778), (366, 776), (376, 740)]
    rim: list[Point] = [(358, 634), (336, 621), (317, 642), (318, 692), (330, 744), (345, 778), (366, 782)]
    fold: list[Point] = [(350, 660), (334, 656), (334, 690), (346, 716), (342, 744)]
    for flip in (False, True):
        d.shape(mirror(ear) if flip else ear, SKIN)
        d.pen(mirror(rim) if flip else rim, INK, 7, start=0.4)
        d.pen(mirror(fold) if flip else fold, SKIN_PEN, 5)


def face(d: Drawing) -> None:
    """Flat skin, its contour, nose and the lines of a long life."""
    d.shape(FACE, SKIN)
    d.pen([(354, 566), (354, 680), (364, 752), (376, 806), (400, 856), (442, 902), (496, 934), (546, 941)], INK, 9, start=0.35, end=0.3)
    d.pen([(726, 566), (726, 680), (716, 752), (704, 806), (680, 856), (638, 902), (584, 934), (534, 941)], INK, 7, start=0.35, end=0.3)
    # nose
    d.pen([(520, 672), (516, 716), (506, 752), (499, 772), (506, 790), (522, 790)], INK, 6.5, start=0.05, end=0.3, heavy=0.75)
    d.pen([(520, 796), (540, 804), (560, 796)], INK, 6)
    d.pen([(574, 756), (582, 772), (576, 789), (560, 791)], INK, 5.5, start=0.1)
    hatch(d, 556, 738, 4, 8, 26, SKIN_PEN, 3)
    # smile folds, chin, forehead, under the eyes, at their corners
    d.pen([(484, 780), (464, 812), (452, 846)], SKIN_PEN, 5.5)
    d.pen([(596, 780), (616, 812), (628, 846)], SKIN_PEN, 5.5)
    d.pen([(508, 902), (540, 908), (574, 901)], SKIN_PEN, 5)
    d.pen([(452, 532), (500, 522), (560, 526), (618, 520)], SKIN_PEN, 4.5)
    d.pen([(470, 562), (520, 555), (570, 557), (606, 553)], SKIN_PEN, 4.5)
    for flip in (False, True):
        for line in ([(596, 706), (628, 720), (664, 712)], [(700, 652), (712, 646), (718, 638)], [(702, 668), (714, 670), (720, 668)], [(698, 684), (708, 692), (714, 700)]):
            d.pen(mirror(line) if flip else line, SKIN_PEN, 4.2)
    hatch(d, 398, 764, 6, 13, 34, "#c0684a", 4)
    hatch(d, 618, 764, 6, 13, 34, "#c0684a", 4)


def eyes(d: Drawing) -> None:
    """Kind eyes under heavy brows."""
    white: list[Point] = [(580, 668, 1), (600, 646), (630, 634), (662, 642), (686, 664, 1), (662, 680), (630, 686), (602, 682)]
    upper: list[Point] = [(576, 671), (600, 646), (630, 633), (662, 641), (690, 666)]
    lower: list[Point] = [(584, 672), (604, 683), (632, 688), (662, 681), (682, 668)]
    fold: list[Point] = [(578, 640), (602, 621), (634, 612), (672, 621), (698, 642)]
    for flip in (False, True):
        def at(points: list[Point], flip: bool = flip) -> list[Point]:
            return mirror(points) if flip else points

        path = smooth(at(white))
        d.fill(path, "#fffaf2")
        d.begin(clip_path=d.clip(path))
        x = 448 if flip else 632
        d.raw(f'<circle cx="{x}" cy="658" r="26" fill="#3a2015"/><circle cx="{x}" cy="660" r="20" fill="#6b3e22"/>')
        d.raw(f'<circle cx="{x}" cy="658" r="10.5" fill="#120c0c"/>')
        d.end()
        d.raw(f'<circle cx="{x - 8}" cy="649" r="6.5" fill="#fff"/>')
        d.pen(at(upper), INK, 11, start=0.35, end=0.3, heavy=0.6)
        d.pen(at(lower), INK, 4.5, start=0.2, end=0.5, heavy=0.7)
        d.pen(at(fold), SKIN_PEN, 5)
        brow: list[Point] = [(570, 600, 1), (596, 578), (640, 566), (688, 574), (716, 600, 1), (684, 590), (640, 586), (600, 594), (574, 612, 1)]
        d.shape(at(brow), "#a29da0")
        top = along([(574, 600), (600, 578), (640, 566), (690, 576), (716, 600)], 26)
        for i, (px, py) in enumerate(top):
            lean = 4 + 12 * i / 26
            d.pen(at([(px - 5, py + 16), (px, py + 4), (px + lean, py - 7)]), INK, 3.2, start=0.6, end=0.05)


def mouth(d: Drawing) -> None:
    """A closed mouth about to smile."""
    d.pen([(476, 836), (506, 846), (540, 849), (574, 846), (604, 836)], "#5b2a26", 8, start=0.45, end=0.45)


HAIR: list[Point] = [
    (352, 650, 1), (332, 600), (318, 540), (306, 470), (330, 390), (372, 322), (440, 268), (536, 246), (628, 262), (700, 306), (752, 376),
    (770, 460), (762, 540), (748, 600), (728, 650, 1), (722, 610), (716, 560), (712, 516, 1), (690, 478), (650, 446), (620, 424, 1),
    (560, 432), (480, 452), (412, 486), (374, 528, 1), (366, 580), (358, 620),
]  # fmt: skip


def hair(d: Drawing) -> None:
    """Silver hair, parted and combed across, drawn strand by strand."""
    moved: list[Point] = [(p[0] + 5, p[1] + 3, *p[2:]) for p in HAIR]
    d.shape(moved, SILVER)
    path = smooth(HAIR)
    d.begin(clip_path=d.clip(path))
    d.shape([(300, 680, 1), (300, 440), (372, 352), (356, 470), (362, 560), (372, 640), (350, 690, 1)], SILVER_SHADE)
    d.shape([(780, 680, 1), (784, 440), (712, 330), (722, 440), (722, 540), (716, 600), (730, 690, 1)], SILVER_SHADE)
    d.shape([(376, 530, 1), (440, 452), (540, 412), (622, 424, 1), (540, 444), (440, 480)], SILVER_SHADE)
    sweep = (
        [(626, 426), (566, 404), (480, 414), (406, 466), (372, 540)],
        [(630, 420), (570, 318), (466, 316), (368, 410), (348, 570)],
        [(634, 408), (574, 272), (430, 290), (332, 430), (336, 650)],
    )
    side = (
        [(628, 424), (684, 448), (714, 506), (724, 580), (732, 664)],
        [(636, 396), (694, 326), (750, 430), (756, 540), (738, 660)],
    )
    for a, b, count in ((sweep[0], sweep[1], 26), (sweep[1], sweep[2], 22), (*side, 22)):
        flow(d, a, b, count, 3.2, "#8b8788", (0.3, 0.7))
    for a, b, count in ((sweep[0], sweep[1], 9), (sweep[1], sweep[2], 7), (*side, 7)):
        flow(d, a, b, count, 4.4, INK, (0.4, 0.75))
    d.end()
    d.pen([(352, 652), (332, 600), (318, 540), (306, 470), (330, 390), (372, 322), (440, 268), (548, 246)], INK, 10, start=0.2, end=0.7)
    d.pen([(536, 246), (628, 262), (700, 306), (752, 376), (770, 460), (762, 540), (748, 600), (728, 652)], INK, 9, start=0.7, end=0.2)
    d.pen([(622, 426), (560, 433), (480, 453), (412, 487), (376, 530), (366, 580), (352, 668)], INK, 5.5, start=0.1, end=0.2)
    d.pen([(618, 422), (650, 446), (690, 478), (712, 516), (720, 580), (730, 668)], INK, 5.5, start=0.1, end=0.2)
    d.pen([(620, 426), (622, 380), (642, 322)], INK, 5, start=0.6)
    for line in ([(404, 288), (366, 300), (334, 336)], [(742, 356), (776, 386), (790, 424)], [(548, 246), (600, 230), (652, 248)]):
        d.pen(line, INK, 4, start=0.6)


def clothes(d: Drawing) -> None:
    """A white kurta with a band collar under a waistcoat."""
    shoulders: list[Point] = [
        (430, 1034, 1), (330, 1090), (226, 1130), (142, 1182), (100, 1270), (72, 1430), (50, 1660), (34, 1980, 1), (1046, 1980, 1), (1030, 1660),
        (1008, 1430), (980, 1270), (938, 1182), (854, 1130), (750, 1090), (650, 1034, 1), (540, 1120),
    ]  # fmt: skip
    d.shape([(p[0] + 4, p[1] + 6, *p[2:]) for p in shoulders], KURTA)
    d.begin(clip_path=d.clip(smooth(shoulders)))
    for shade in (
        [(20, 1200, 1), (130, 1230), (110, 1400), (140, 1560), (100, 1720), (120, 1980, 1), (20, 1980, 1)],
        [(262, 1400, 1), (230, 1500), (216, 1700), (200, 1980, 1), (290, 1980, 1)],
        [(818, 1400, 1), (850, 1500), (862, 1700), (880, 1980, 1), (790, 1980, 1)],
    ):
        d.shape(shade, KURTA_SHADE)
    d.end()
    d.pen([(404, 1050), (330, 1090), (226, 1130), (142, 1182), (100, 1270), (72, 1430), (50, 1660), (34, 1980)], INK, 10, start=0.3, end=0.8)
    d.pen([(676, 1050), (750, 1090), (854, 1130), (938, 1182), (980, 1270), (1008, 1430), (1030, 1660), (1046, 1980)], INK, 8, start=0.3, end=0.8)
    for flip in (False, True):
        for line, weight in (
            ([(246, 1400), (222, 1560), (206, 1740), (196, 1980)], 9),
            ([(236, 1470), (190, 1500), (140, 1508)], 6),
            ([(222, 1600), (176, 1644), (120, 1660)], 6),
            ([(214, 1720), (160, 1750), (96, 1754)], 5),
            ([(96, 1560), (128, 1580), (160, 1584)], 4.5),
            ([(148, 1220), (170, 1270), (176, 1330)], 5),
        ):
            d.pen(mirror(line) if flip else line, INK, weight)
    vest: list[Point] = [
        (398, 1046, 1), (330, 1088), (272, 1112, 1), (304, 1200), (310, 1300), (284, 1390), (246, 1424, 1), (234, 1640), (232, 1980, 1), (848, 1980, 1),
        (846, 1640), (834, 1424, 1), (796, 1390), (770, 1300), (776, 1200), (808, 1112, 1), (750, 1088), (682, 1046, 1), (620, 1130), (544, 1180, 1), (460, 1130),
    ]  # fmt: skip
    d.shape([(p[0] + 5, p[1] + 5, *p[2:]) for p in vest], VEST)
    path = smooth(vest)
    d.begin(clip_path=d.clip(path))
    d.shape([(230, 1100, 1), (330, 1200), (350, 1330), (300, 1480), (310, 1700), (280, 1980, 1), (200, 1980, 1)], VEST_SHADE)
    d.shape([(546, 1180, 1), (512, 1300), (516, 1980, 1), (548, 1980, 1)], VEST_SHADE)
    for i in range(22):
        y = 1470 + i * 24
        size = 46 * np.sin(np.pi * (i + 0.6) / 22) + 14
        d.pen([(850 - size * 1.5, y + size * 0.8), (850 - size * 0.6, y + size * 0.2), (856, y - size * 0.4)], "#183d48", 3.6)
    d.end()
    d.pen([(398, 1048), (330, 1090), (272, 1114)], INK, 6)
    d.pen([(682, 1048), (750, 1090), (808, 1114)], INK, 6)
    for flip in (False, True):
        hole: list[Point] = [(272, 1110), (304, 1200), (310, 1300), (284, 1390), (244, 1426), (234, 1640), (230, 1980)]
        edge: list[Point] = [(398, 1046), (460, 1130), (544, 1182)]
        d.pen(mirror(hole) if flip else hole, INK, 8, start=0.6, end=0.8)
        d.pen(mirror(edge, 542) if flip else edge, INK, 7, start=0.6, end=0.6)
    d.pen([(544, 1180), (548, 1450), (546, 1980)], INK, 7, start=0.6, end=0.8)
    for y in (1262, 1402, 1542, 1682, 1822):
        d.raw(f'<circle cx="576" cy="{y}" r="14" fill="{MARIGOLD}" stroke="{INK}" stroke-width="4"/><path d="M571 {y - 2}h10M571 {y + 4}h10" stroke="{INK}" stroke-width="2.5"/>')
    for flip, y in ((False, 1660), (True, 1660)):
        pocket: list[Point] = [(300, y, 1), (440, y + 22, 1), (438, y + 46, 1), (298, y + 24, 1)]
        d.shape(mirror(pocket, 542) if flip else pocket, VEST_SHADE, stroke=INK, stroke_width=4.5, stroke_linejoin="round")
    # breast pocket with a folded cloth
    cloth: list[Point] = [(664, 1372, 1), (668, 1322), (690, 1300, 1), (706, 1330, 1), (730, 1294), (748, 1290, 1), (750, 1326, 1), (768, 1322), (772, 1362, 1)]
    d.shape(cloth, MARIGOLD, stroke=INK, stroke_width=4.5, stroke_linejoin="round")
    d.pen([(706, 1330), (702, 1350), (706, 1364)], INK, 4)
    d.pen([(750, 1326), (742, 1344), (744, 1358)], INK, 4)
    d.shape([(656, 1372, 1), (776, 1356, 1), (778, 1382, 1), (658, 1398, 1)], VEST_SHADE, stroke=INK, stroke_width=4.5, stroke_linejoin="round")
    # band collar of the kurta
    for flip in (False, True):
        band: list[Point] = [(436, 1006, 1), (400, 1040), (392, 1058, 1), (452, 1124), (540, 1176, 1), (540, 1128, 1), (470, 1084), (434, 1032)]
        d.shape(mirror(band) if flip else band, KURTA, stroke=INK, stroke_width=5, stroke_linejoin="round")
        stitch: list[Point] = [(410, 1050), (462, 1110), (534, 1156)]
        d.pen(mirror(stitch) if flip else stitch, INK, 2.6, start=0.8, end=0.8)
    d.raw(f'<circle cx="541" cy="1152" r="8" fill="{MARIGOLD}" stroke="{INK}" stroke-width="3"/>')


def draw() -> str:
    """The whole picture as SVG."""
    d = Drawing("Dev, an original illustrated person")
    ground(d)
    neck(d)
    clothes(d)
    ears(d)
    face(d)
    eyes(d)
    mouth(d)
    hair(d)
    return d.text()


if __name__ == "__main__":
    svg = draw()
    Path(sys.argv[1]).write_text(svg, "utf-8")
    rasterise(svg, Path(sys.argv[2]))
