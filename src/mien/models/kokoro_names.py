"""Tensors at which the Kokoro graph is cut; shared by the split at set-up and the voice at run time."""

from __future__ import annotations

FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"
"""float32 [1, 512, t]: acoustic features, one column each 300 samples."""
HARMONICS = "/decoder/decoder/generator/Concat_3_output_0"
"""float32 [1, 22, 60 t + 1]: spectrum of the harmonic source, one column each 5 samples."""
STYLE = "/decoder/Slice_output_0"
"""float32 [1, 128]: the part of the voice's style the generator takes."""
DURATIONS = "durations"
"""float32: length of each token in frames of 600 samples."""
ENERGY = "energy"
"""float32 [1, t]: predicted loudness (log scale) of each column, known before the sound is made."""
