"""Every constant of how a face moves, in seconds unless said otherwise, each with its reason."""

from __future__ import annotations

from typing import Final

# Speech curves

CURVE_RATE: Final = 100
"""Hz at which the curves of a clip are computed; four points per motion frame, so that interpolation loses nothing."""

FRAME: Final = 0.04
"""One motion frame. Anything that must be seen has to last at least this long."""

CLOSURE_HOLD: Final = 0.044
"""Shortest time lips stay fully closed for m, b, p (and lip on teeth for f, v). Just over one frame, so that one frame
always falls inside, however fast the speech; a natural closure lasts 50 to 120 ms."""

CLOSURE_RAMP: Final = 0.055
"""Lips close and part over this time where there is room: the 50 to 80 ms of measured lip kinematics."""

CLOSURE_RAMP_SHORTEST: Final = 0.03
"""Between two closures close together the ramps shrink down to this, so that the vowel between them is seen."""

CLOSURES_JOIN: Final = 0.06
"""Two closures of one kind closer together than this are one: the mouth could not show an opening between them."""

STOP_CLOSED: Final = (-0.25, 0.30)
"""When the lips are closed for p and b, in shares of the sound's time. A voice's timing puts the burst about the middle
of the sound; lips touch before it and part on it (`mien bench lipsync`, onset)."""

NASAL_CLOSED: Final = (0.0, 0.75)
TEETH_CLOSED: Final = (0.05, 0.8)
"""The same for m, and for the lip on the teeth in f and v: these sound while closed."""

STOP_SETTLES_AHEAD: Final = 0.12
"""A closure whose burst is found in the sound moves there only if it is still this far ahead: a curve that is being
shown must not jump."""

SMOOTHING: Final = 0.05
"""Width of the symmetric (Hann) window over the blended curves. Removes corners, shifts nothing."""

REACH_BEFORE: Final = 0.05
REACH_AFTER: Final = 0.06
"""How far a sound's shape reaches into its neighbours (decay of its dominance). After TalkingHead's envelope, whose
onset lies at most 60 ms before a sound and whose release at most 60 ms after."""

ROUNDING_BEFORE: Final = 0.11
"""Lips round for "oo" well before it, through the consonants in front: 100 to 200 ms in speech studies."""

SHORT_PAUSE: Final = 0.10
"""A pause shorter than this between words is no pause to the mouth, it moves on to the next sound."""

REST_PAUSE: Final = 0.16
"""From this length on a pause closes the mouth completely."""

OPEN_EARLY: Final = 0.08
"""The mouth prepares this long before the first sound after a pause; lips lead the voice in natural speech."""

CLOSE_LATE: Final = 0.10
"""And takes this long to come to rest after the last one."""

# Estimating from the sound alone

AUDIO_HOP: Final = 0.01
AUDIO_WINDOW: Final = 0.025
"""Analysis step and window, as in speech recognition."""

AUDIO_CLOSE: Final = 0.05
AUDIO_PART: Final = 0.04
"""Shortest times in which an estimated closure closes the lips and opens them: a stray guess may not make them tremble.
They part faster, on the burst."""

AUDIO_SETTLE: Final = 0.08
"""Time in which the mouth wakes at the start of speech and goes to sleep after its end."""

AUDIO_QUIET: Final = 0.06
"""Digital silence longer than this is a pause whatever the estimate says; closures of stops are not silent so long in
most voices, and where they are the mouth is closed anyway."""

# What happens at the seams

CANCEL: Final = 0.10
"""An interrupted mouth is closed after this long. The promise is 120 ms; 25 frames a second round it up."""

HOLD: Final = 0.08
"""When the voice runs dry the pose is held this long, two frames, before it falls to rest: most gaps are shorter."""

DECAY: Final = 0.18
"""How long the fall to rest takes after the hold."""

RECOVER: Final = 0.08
"""How long the mouth takes to be back in step when the voice goes on."""

# Life

BLINK_CLOSE: Final = 0.08
BLINK_SHUT: Final = 0.045
BLINK_OPEN: Final = 0.17
"""A human blink takes 200 to 400 ms: quick down, slow up. Shut for just over a frame, so that one frame shows it."""

BLINK_MEAN: Final = {"idle": 4.2, "listening": 4.6, "thinking": 5.5, "speaking": 3.4}
"""Mean time between blinks. People blink 10 to 20 times a minute, more while talking, less while concentrating."""

BLINK_SHORTEST: Final = 0.9
BLINK_DOUBLE: Final = 0.13
"""Share of blinks that come in pairs."""

BLINK_AT_PAUSE: Final = 0.35
"""Chance of a blink at the end of a phrase."""

POSTURE_SETTLE: Final = 0.55
"""Time constant of moving into another posture: about a second and a half until it looks settled."""

EXPRESSION_SETTLE: Final = 0.28
"""Time constant of an expression's coming and going: about two thirds of a second until it is there."""

EXPRESSION_STAYS: Final = 1.2
"""Seconds an expression guessed from words outlasts them."""

SMILE_YIELDS: Final = 0.09
"""Time constant with which a smile makes room for rounded and pressed lips: a syllable, not a single closure."""

NOD_SETTLE: Final = 0.11
"""Time constant of the head's answer to stress; a beat nod lasts about 300 ms."""

GAZE_SETTLE: Final = 0.022
"""Time constant of a saccade: done in 50 to 80 ms."""
