"""Which face of a picture to use, and whether it can be used at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face.create import topology as topo
from mien.face.create.decode import Picture
from mien.face.create.errors import PictureError
from mien.face.create.networks import FaceNetworks

Doubles = NDArray[np.float64]

MIN_EYE_DISTANCE = 26.0
"""Outer-eye distance in picture pixels below which there are too few pixels for a mouth."""
SMALL_EYE_DISTANCE = 70.0
MAX_YAW = 42.0
MAX_PITCH = 40.0
MAX_ROLL = 50.0
MIN_SCORE = 0.60
"""Of the mesh network: below it, what was found is no face seen from the front."""


@dataclass(frozen=True, slots=True)
class ChosenFace:
    """The face to use: 468 points in picture pixels, and sentences worth telling."""

    points: Doubles
    notes: tuple[str, ...]


def head_angles(points: Doubles) -> tuple[float, float, float]:
    """Rough yaw, pitch, roll of the photographed head in degrees from landmarks with depth."""
    e = points[topo.OUTER_EYE_L] - points[topo.OUTER_EYE_R]
    v = points[topo.CHIN] - points[topo.FOREHEAD]
    yaw = float(np.degrees(np.arctan2(e[2], np.hypot(e[0], e[1]))))
    pitch = float(np.degrees(np.arctan2(v[2], np.hypot(v[0], v[1])))) - 10.0  # a straight face measures about 10
    roll = float(np.degrees(np.arctan2(e[1], e[0])))
    return yaw, pitch, roll


def choose_face(nets: FaceNetworks, picture: Picture) -> ChosenFace:
    """The largest face. Raises PictureError when there is none or it cannot carry a rig."""
    h, w = picture.rgb.shape[:2]
    found = nets.detect(picture.rgb)
    if not found:
        raise PictureError(
            "no_face",
            "No face was found in the picture. Use one that shows a single person from the front, face clearly visible "
            "and at least 200 pixels high.",
        )
    notes = []
    largest = found[0]
    others = [d for d in found[1:] if d.area > 0.15 * largest.area]
    if others:
        notes.append(f"The picture shows {len(others) + 1} faces; the largest was taken.")
    points, score = nets.landmarks(picture.rgb, largest)
    sc = float(np.linalg.norm(points[topo.OUTER_EYE_L, :2] - points[topo.OUTER_EYE_R, :2]))
    scale = max(picture.original_size) / max(w, h)
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
    if sc < SMALL_EYE_DISTANCE:
        notes.append(
            f"The face is small ({sc * scale:.0f} pixels between the outer eye corners); it will look soft. "
            "150 or more look good."
        )
    return ChosenFace(points, tuple(notes))
