"""The four small TFLite networks that read a face: detector, 468-point mesh, iris, person segmentation.

Each is loaded once per process and guarded by a lock, because an interpreter is not re-entrant. They run only when
a package is made.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face.create.errors import PictureError
from mien.face.create.topology import OUTER_EYE_L, OUTER_EYE_R, Side, mirror_points

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

DETECTOR = "face/face_detection_short_range.tflite"
MESH = "face/face_landmark.tflite"
IRIS = "face/iris_landmark.tflite"
SEGMENTATION = "face/selfie_segmentation.tflite"

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Detection:
    """A face box in picture pixels (x, y, w, h) with its score and the two eye points."""

    score: float
    box: tuple[float, float, float, float]
    eyes: tuple[tuple[float, float], tuple[float, float]]

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    def moved(self, x: float, y: float) -> Detection:
        """The same face seen from a picture whose corner lies (x, y) further up and left."""
        (ax, ay), (bx, by) = self.eyes
        x0, y0, w, h = self.box
        return Detection(self.score, (x0 + x, y0 + y, w, h), ((ax + x, ay + y), (bx + x, by + y)))


class _Network:
    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if not path.is_file():
            raise PictureError(
                "models_missing", f"The model file {path} is missing. Run `make setup` (or `mien models fetch`) once."
            )
        self._interpreter: Interpreter = Interpreter(str(path), num_threads=2)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]
        self._lock = threading.Lock()

    def __call__(self, x: NDArray[np.floating]) -> list[Floats]:
        with self._lock:
            self._interpreter.set_tensor(self._input, x.astype(np.float32))
            self._interpreter.invoke()
            return [np.array(self._interpreter.get_tensor(i)) for i in self._outputs]


class FaceNetworks:
    """The networks in `models_dir`, loaded when first used. Raises PictureError("models_missing")."""

    def __init__(self, models_dir: Path) -> None:
        self._dir = models_dir

    @cached_property
    def _detector(self) -> _Network:
        return _Network(self._dir / DETECTOR)

    @cached_property
    def _mesh(self) -> _Network:
        return _Network(self._dir / MESH)

    @cached_property
    def _iris(self) -> _Network:
        return _Network(self._dir / IRIS)

    @cached_property
    def _segmentation(self) -> _Network:
        return _Network(self._dir / SEGMENTATION)

    def detect(self, rgb: Rgb, threshold: float = 0.5) -> list[Detection]:
        """Faces in the picture, largest first; also those too small for one look at the whole picture."""
        h, w = rgb.shape[:2]
        found = self._detect_once(rgb, threshold)
        side = max(h, w)
        if side >= 2 * 128:
            part = side // 2
            for y in _starts(h, part):
                for x in _starts(w, part):
                    inside = self._detect_once(rgb[y : y + part, x : x + part], max(threshold, 0.6))
                    found += [d.moved(x, y) for d in inside]
        if not found:
            return []
        boxes = [d.box for d in found]
        # A face near the border of a part is found whole in the picture or in the next part: the larger box wins.
        order = sorted(range(len(found)), key=lambda i: -found[i].area)
        kept: list[int] = []
        for i in order:
            if all(_overlap(boxes[i], boxes[k]) < 0.4 for k in kept):
                kept.append(i)
        return [found[i] for i in kept]

    def close_scores(self, rgb: Rgb, points: Doubles) -> list[float]:
        """The detector's certainty (0…1) of the face at `points` in upright close-ups of three sizes."""
        cx, cy, size, angle = _frame_of(points)
        scores = []
        for scale in (1.0, 1.4, 2.0):
            crop, _ = _upright_crop(rgb, cx, cy, size * scale, angle, 256)
            scores.append(max((d.score for d in self._detect_once(crop, 0.05)), default=0.0))
        return scores

    def _detect_once(self, rgb: Rgb, threshold: float) -> list[Detection]:
        h, w = rgb.shape[:2]
        side = max(h, w)
        oy, ox = (side - h) // 2, (side - w) // 2
        scale = 128 / side
        small = cv2.resize(rgb, (max(1, round(w * scale)), max(1, round(h * scale))), interpolation=cv2.INTER_AREA)
        square = np.zeros((128, 128, 3), np.uint8)
        y, x = round(oy * scale), round(ox * scale)
        small = small[: 128 - y, : 128 - x]
        square[y : y + small.shape[0], x : x + small.shape[1]] = small
        out = self._detector((square.astype(np.float32) / 127.5 - 1)[None])
        regressors, logits = sorted(out, key=lambda a: -a.shape[-1])
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        keep = scores > threshold
        if not keep.any():
            return []
        raw, scores, anchors = regressors[0][keep] / 128.0, scores[keep], _ANCHORS[keep]
        centre, size = raw[:, :2] + anchors, raw[:, 2:4]
        points = raw[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
        boxes = np.concatenate([centre - size / 2, size], 1)
        chosen = cv2.dnn.NMSBoxes((boxes * 1000).tolist(), scores.tolist(), threshold, 0.3)
        found = []
        for i in np.array(chosen).flatten():
            x0, y0, bw, bh = (boxes[i] * side).tolist()
            eyes = (points[i, :2] * side - [ox, oy]).tolist()
            found.append(Detection(float(scores[i]), (x0 - ox, y0 - oy, bw, bh), (tuple(eyes[0]), tuple(eyes[1]))))
        return sorted(found, key=lambda d: -d.area)

    def landmarks(self, rgb: Rgb, detection: Detection, passes: int = 3) -> tuple[Doubles, float]:
        """The 468 points (x, y in picture pixels, z in the same unit, towards the camera negative) and a face score
        0…1.

        Each pass crops again around the points of the one before, turned upright.
        """
        best: tuple[Doubles, float] | None = None
        for found in (detection, self._again(rgb, detection)):
            if found is None:
                continue
            (ax, ay), (bx, by) = found.eyes
            angle = float(np.arctan2(by - ay, bx - ax))
            x, y, w, h = found.box
            cx, cy, size = x + w / 2, y + h / 2, max(w, h) * 1.5
            points, score = self._mesh_once(rgb, cx, cy, size, angle, mirrored=False)
            for _ in range(passes - 1):
                points, score = self._mesh_once(rgb, *_frame_of(points), mirrored=False)
            if best is None or score > best[1]:
                best = points, score
            if score > 0.9:
                break
        assert best is not None
        return self.refine(rgb, best[0])[0], best[1]

    def _again(self, rgb: Rgb, detection: Detection) -> Detection | None:
        """A face that is small in its picture, found again in the part around it: its box there is far finer."""
        x, y, w, h = detection.box
        r = max(w, h) * 1.5
        x0, y0 = max(0, int(x + w / 2 - r)), max(0, int(y + h / 2 - r))
        part = rgb[y0 : int(y + h / 2 + r), x0 : int(x + w / 2 + r)]
        if min(part.shape[:2]) < 16:
            return None
        found = self._detect_once(part, 0.3)
        return max(found, key=lambda d: d.score).moved(x0, y0) if found else None

    def refine(self, rgb: Rgb, points: Doubles) -> tuple[Doubles, float]:
        """The 468 points found again in `rgb` from rough ones, with the face score."""
        _, score = self._mesh_once(rgb, *_frame_of(points), mirrored=False)
        # The mean over slightly different crops, half of them mirrored, is steadier than any one of them.
        return np.asarray(self.shifted_meshes(rgb, points).mean(0)), score

    def shifted_meshes(self, rgb: Rgb, points: Doubles) -> Doubles:
        """The 468 points found in slightly different crops around rough ones, (crops, 468, 3)."""
        cx, cy, size, angle = _frame_of(points)
        return np.stack(
            [
                self._mesh_once(rgb, cx, cy, size * scale, angle + turn, mirrored=mirrored)[0]
                for scale, turn in _JITTER
                for mirrored in (False, True)
            ]
        )

    def _mesh_once(
        self, rgb: Rgb, cx: float, cy: float, size: float, angle: float, *, mirrored: bool
    ) -> tuple[Doubles, float]:
        crop, to_picture = _upright_crop(rgb, cx, cy, size, angle, 192)
        out = self._mesh(((crop[:, ::-1] if mirrored else crop).astype(np.float32) / 255)[None])
        flat = next(a for a in out if a.size == 468 * 3).reshape(468, 3).astype(np.float64)
        if mirrored:
            flat[:, 0] = 192 - flat[:, 0]
            flat = flat[mirror_points()]
        score = 1 / (1 + float(np.exp(-next(a for a in out if a.size == 1).item())))
        return np.c_[np.c_[flat[:, :2], np.ones(468)] @ to_picture.T, flat[:, 2] * size / 192], score

    def iris(self, rgb: Rgb, points: Doubles) -> dict[Side, tuple[Doubles, Doubles]]:
        """For each eye the 71 contour points (first 16: the lids) and the 5 iris points (centre, then 4 on the rim),
        pixels."""
        ex, ey = points[OUTER_EYE_L, :2] - points[OUTER_EYE_R, :2]
        angle = float(np.arctan2(ey, ex))
        result: dict[Side, tuple[Doubles, Doubles]] = {}
        corners: dict[Side, tuple[int, int]] = {"r": (33, 133), "l": (362, 263)}
        for side, (a, b) in corners.items():
            cx, cy = ((points[a, :2] + points[b, :2]) / 2).tolist()
            size = float(np.linalg.norm(points[a, :2] - points[b, :2])) * 2.3
            crop, to_picture = _upright_crop(rgb, cx, cy, size, angle, 64)
            mirrored = side == "r"
            out = self._iris((crop[:, ::-1] if mirrored else crop).astype(np.float32)[None] / 255)
            pair = []
            for count in (71, 5):
                flat = next(a for a in out if a.size == count * 3).reshape(count, 3)[:, :2].astype(np.float64)
                if mirrored:
                    flat[:, 0] = 64 - flat[:, 0]
                pair.append(np.c_[flat, np.ones(count)] @ to_picture.T)
            result[side] = (pair[0], pair[1])
        return result

    def segment(self, rgb: Rgb) -> Floats:
        """How likely each pixel shows the person, 256 x 256, 0…1, stretched over the picture."""
        small = cv2.resize(rgb, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return self._segmentation(small[None])[0][0, :, :, 0]


def _starts(length: int, part: int) -> list[int]:
    """Where parts begin that overlap by half and cover `length`."""
    if length <= part:
        return [0]
    count = -(-(length - part) // max(1, part // 2)) + 1
    return [round(k * (length - part) / (count - 1)) for k in range(count)]


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Common area of two boxes (x, y, w, h) as a share of the smaller one."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, w) * max(0.0, h) / max(min(a[2] * a[3], b[2] * b[3]), 1e-9)


def _anchors() -> Floats:
    """Anchor centres of the short-range detector: a 16 x 16 grid twice, then an 8 x 8 grid six times."""
    found = []
    for stride, repeat in ((8, 2), (16, 6)):
        cells = 128 // stride
        for y in range(cells):
            for x in range(cells):
                found += [((x + 0.5) / cells, (y + 0.5) / cells)] * repeat
    return np.array(found, np.float32)


_ANCHORS = _anchors()


_JITTER = ((1.0, 0.0), (0.92, 0.05), (1.1, -0.05), (1.03, 0.1), (0.97, -0.1))
"""Crop scale and turn (radians) of the crops whose points are averaged."""


def _frame_of(points: Doubles) -> tuple[float, float, float, float]:
    """Centre, side and angle of the next crop."""
    ex, ey = points[OUTER_EYE_L, :2] - points[OUTER_EYE_R, :2]
    angle = float(np.arctan2(ey, ex))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = points[:, :2] @ turn.T
    low, high = upright.min(0), upright.max(0)
    cx, cy = (turn.T @ ((low + high) / 2)).tolist()
    return cx, cy, float((high - low).max()) * 1.5, angle


def _upright_crop(rgb: Rgb, cx: float, cy: float, size: float, angle: float, n: int) -> tuple[Rgb, Doubles]:
    """An n x n crop around (cx, cy) turned by `angle`, and the 2 x 3 matrix from crop to picture pixels."""
    c, s, k = np.cos(angle), np.sin(angle), size / n
    matrix = np.array([[c * k, -s * k, cx - (c - s) * size / 2], [s * k, c * k, cy - (s + c) * size / 2]])
    blur = max(1, int(size / n / 1.5))
    source = rgb
    if blur > 1:  # warpAffine samples points: without this a large face aliases
        r = int(size * 0.75) + 2
        x0, y0 = max(0, int(cx) - r), max(0, int(cy) - r)
        source = np.asarray(cv2.blur(rgb[y0 : int(cy) + r, x0 : int(cx) + r], (blur, blur)), np.uint8)
        if source.size == 0:
            source, x0, y0 = rgb, 0, 0
        shift = matrix.copy()
        shift[:, 2] -= [x0, y0]
    else:
        shift = matrix
    crop = cv2.warpAffine(
        source, shift, (n, n), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, np.uint8), matrix
