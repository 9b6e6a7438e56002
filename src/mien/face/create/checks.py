"""Which face of a picture to use, and whether it can be used at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.create import evidence
from mien.face.create import topology as topo
from mien.face.create.decode import Picture
from mien.face.create.drawn import FLAT_SHARE, flat_share
from mien.face.create.errors import PictureError
from mien.face.create.networks import Detection, FaceNetworks

Doubles = NDArray[np.float64]

MIN_EYE_DISTANCE = 26.0
"""Outer-eye distance in picture pixels below which there are too few pixels for a mouth."""
SMALL_EYE_DISTANCE = 70.0
MAX_YAW = 42.0
TURNED_YAW = 25.0
"""Sideways turn from which on quality suffers visibly."""
MAX_PITCH = 40.0
MAX_ROLL = 50.0
MOST_FACES = 4
"""Looked at closely, largest first."""
MIN_SCORE = 0.60
"""Of the mesh network: below it, what was found is no face seen from the front."""


_TURNED = {
    1: "The picture was lying on its side and was turned to the left.",
    2: "The picture was upside down and was turned.",
    3: "The picture was lying on its side and was turned to the right.",
}


@dataclass(frozen=True, slots=True)
class ChosenFace:
    """The face to use: 468 points in picture pixels, and sentences worth telling."""

    points: Doubles
    notes: tuple[str, ...]
    turns: int = 0
    """Quarter turns to the left that make the picture upright; the points are those of the turned picture."""


def head_angles(points: Doubles) -> tuple[float, float, float]:
    """Rough yaw, pitch, roll of the photographed head in degrees from landmarks with depth."""
    e = points[topo.OUTER_EYE_L] - points[topo.OUTER_EYE_R]
    v = points[topo.CHIN] - points[topo.FOREHEAD]
    yaw = float(np.degrees(np.arctan2(e[2], np.hypot(e[0], e[1]))))
    pitch = float(np.degrees(np.arctan2(v[2], np.hypot(v[0], v[1])))) - 10.0  # a straight face measures about 10
    roll = float(np.degrees(np.arctan2(e[1], e[0])))
    return yaw, pitch, roll


def choose_face(nets: FaceNetworks, picture: Picture) -> ChosenFace:
    """The largest face. Raises PictureError when there is none or it cannot carry a rig.

    A picture that lies on its side is turned; `ChosenFace.turns` says how often.
    """
    problem: PictureError | None = None
    for turns in (0, 1, 3, 2):
        turned = picture if turns == 0 else picture.turned(turns)
        found = nets.detect(turned.rgb)
        if not found:
            continue
        try:
            chosen = _examine(nets, turned, found)
        except PictureError as error:
            # What is wrong with the picture as it lies is worth more than what a turned one would say.
            if problem is None or (problem.reason in ("no_face", "not_human") and error.reason == "mouth_hidden"):
                problem = error
            if turns == 0 and error.reason in ("face_too_small", "mouth_hidden"):
                raise
            continue
        if turns == 0:
            return chosen
        return ChosenFace(chosen.points, (_TURNED[turns], *chosen.notes), turns)
    raise problem or PictureError(
        "no_face",
        "No face was found in the picture. Use one that shows a single person from the front, face clearly visible and "
        "at least 200 pixels high.",
    )


def _examine(nets: FaceNetworks, picture: Picture, found: list[Detection]) -> ChosenFace:
    h, w = picture.rgb.shape[:2]
    scale = max(picture.original_size) / max(w, h)
    best: ChosenFace | None = None
    problem: PictureError | None = None
    usable = 0
    for detection in found[:MOST_FACES]:
        if best is not None and detection.area < 0.15 * found[0].area:
            break
        try:
            chosen = _check(nets, picture, detection, scale)
        except PictureError as error:
            problem = problem or error
            # Another, smaller face counts as one more only when it is a face.
            usable += error.reason not in ("no_face", "not_human")
            continue
        usable += 1
        if best is None:
            best = chosen
    if best is None:
        assert problem is not None
        raise problem
    if usable > 1:
        note = f"The picture shows {usable} faces; the largest one that can be used was taken."
        return ChosenFace(best.points, (note, *best.notes))
    return best


def _check(nets: FaceNetworks, picture: Picture, detection: Detection, scale: float) -> ChosenFace:
    """One face. `scale`: pixels of the file a pixel of the picture stands for."""
    points, score = nets.landmarks(picture.rgb, detection)
    sc = float(np.linalg.norm(points[topo.OUTER_EYE_L, :2] - points[topo.OUTER_EYE_R, :2]))
    if score < MIN_SCORE:
        raise PictureError(
            "no_face",
            f"What was found does not look like a face from the front (score {score:.2f}, at least {MIN_SCORE:.2f} "
            "needed). Use a picture of one person who looks at the camera.",
        )
    if sc < MIN_EYE_DISTANCE:
        raise PictureError(
            "face_too_small",
            f"The face is too small: {sc * scale:.0f} pixels between the outer corners of the eyes, at least "
            f"{MIN_EYE_DISTANCE * scale:.0f} are needed and 150 look good. Use a closer or larger picture.",
        )
    yaw, pitch, roll = head_angles(points)
    if abs(yaw) > MAX_YAW or abs(pitch) > MAX_PITCH or abs(roll) > MAX_ROLL:
        raise PictureError(
            "face_turned",
            f"The head is turned too far: sideways {abs(yaw):.0f}° (up to {MAX_YAW:.0f}° can be used), up or down "
            f"{abs(pitch):.0f}° ({MAX_PITCH:.0f}°), tilted {abs(roll):.0f}° ({MAX_ROLL:.0f}°). Use a picture that "
            "looks at the camera.",
        )
    _believe(nets, picture, points)
    notes = []
    if sc < SMALL_EYE_DISTANCE:
        notes.append(
            f"The face is small ({sc * scale:.0f} pixels between the outer eye corners); it will look soft. "
            "150 or more look good."
        )
    if abs(yaw) > TURNED_YAW:
        notes.append(
            f"The head is turned {abs(yaw):.0f}° to the side; mouth, blinks and gaze look best below {TURNED_YAW:.0f}°."
        )
    return ChosenFace(points, tuple(notes))


def _believe(nets: FaceNetworks, picture: Picture, points: Doubles) -> None:
    """Raises PictureError unless this is a human face with a mouth that shows."""
    likeness = evidence.measure_likeness(nets, picture.rgb, points)
    if likeness.doubt <= evidence.MAX_DOUBT:
        return
    mouth = evidence.mouth_evidence(picture.rgb, points)
    drawn = mouth >= evidence.DRAWN_MOUTH and flat_share(picture.rgb, points) > FLAT_SHARE
    if drawn and likeness.doubt <= evidence.MAX_DRAWN_DOUBT:
        return
    hidden = mouth < evidence.MIN_MOUTH
    if likeness.certainty >= (evidence.HALF_PERSON if hidden else evidence.PERSON):
        raise PictureError(
            "mouth_hidden",
            f"The mouth is covered or hardly visible (lips {mouth:.1f}, at least {evidence.MIN_MOUTH:.1f} needed; "
            f"doubt {likeness.doubt:.1f}, at most {evidence.MAX_DOUBT:.2f}). Use a picture without a mask, hand, "
            "microphone or scarf before the mouth.",
        )
    raise PictureError(
        "not_human",
        f"What was found is not a human face, or too little of one: certainty {likeness.certainty:.2f} (people "
        f"measure 0.85 and more), landmarks wander by {100 * likeness.wander:.1f} % (below 1.8 %). Use a picture of "
        "one person, photographed, painted or drawn, who looks at the camera.",
    )
