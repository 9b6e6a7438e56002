"""What a face does besides talking: blinks, looks, breathes, moves its head, and listens or thinks visibly.

Everything is slight and seeded. Slow movements are sums of sines whose periods have no common measure, so nothing
repeats within minutes; postures and nods run through critically damped springs, so nothing jerks whatever the frame
rate; blinks and saccades are drawn from the rates people have. Advance it in time order, once per frame.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Final, Literal, NamedTuple

from mien.face.motion import timing
from mien.face.motion.emotion import FEATURES, NEUTRAL, Features, Feeling
from mien.face.motion.gestures import GestureName, Gestures
from mien.face.motion.visemes import Accent

StatusName = Literal["idle", "listening", "thinking", "speaking"]


class Posture(NamedTuple):
    """Where a status brings head, brows and eyes; units of `frame.CHANNELS`."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    ty: float = 0.0
    sway: float = 0.0
    brow: float = 0.0
    smile: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    drift: float = 1.0
    """How much of the slow head movement is left."""


POSTURES: Final[dict[StatusName, Posture]] = {
    "idle": Posture(smile=0.16),
    "listening": Posture(yaw=1.2, pitch=1.0, roll=2.2, ty=0.01, brow=0.10, smile=0.20, drift=0.6),
    "thinking": Posture(yaw=-2.5, pitch=-1.6, roll=-1.4, brow=0.16, smile=0.06, gaze_x=-0.28, gaze_y=-0.24, drift=0.8),
    "speaking": Posture(pitch=0.3, brow=0.04, smile=0.14, drift=1.3),
}

_YAW_TO_GAZE: Final = 0.022
"""Eyes stay with the viewer when the head turns: per degree, in gaze units (1 is about 30
degrees; a third of the turn is not made up for)."""


class _Spring:
    """Critically damped: goes to its target without overshoot. Exact for any step."""

    __slots__ = ("speed", "tau", "value")

    def __init__(self, tau: float, value: float = 0.0) -> None:
        self.tau, self.value, self.speed = tau, value, 0.0

    def step(self, target: float, dt: float) -> float:
        rate = 1 / self.tau
        offset = self.value - target
        fade = math.exp(-rate * dt)
        push = (self.speed + rate * offset) * dt
        self.value = target + (offset + push) * fade
        self.speed = (self.speed - rate * push) * fade
        return self.value


class _Drift:
    """A slow wander between -1 and 1: three sines of incommensurable periods."""

    __slots__ = ("_phases", "_rates")

    def __init__(self, rng: random.Random, slowest: float) -> None:
        self._rates = [2 * math.pi / (slowest / ratio * rng.uniform(0.9, 1.1)) for ratio in (1.0, 1.618, 2.414)]
        self._phases = [rng.uniform(0, 2 * math.pi) for _ in self._rates]

    def at(self, t: float) -> float:
        waves = zip(self._rates, self._phases, (0.5, 0.32, 0.18), strict=True)
        return sum(size * math.sin(rate * t + phase) for rate, phase, size in waves)


class LifeFrame(NamedTuple):
    """The channels life writes; units of `frame.CHANNELS`."""

    smile: float
    frown: float
    cheek: float
    blink: float
    brow_l: float
    brow_r: float
    gaze_x: float
    gaze_y: float
    yaw: float
    pitch: float
    roll: float
    tx: float
    ty: float
    breath: float
    sway: float


class Life:
    """The life of one face, from time 0 on."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        rng = self._rng
        self._time = 0.0
        self._status: StatusName = "idle"
        self._yaw, self._pitch, self._roll = (_Drift(rng, period) for period in (13.0, 11.0, 17.0))
        self._tx, self._ty, self._sway = (_Drift(rng, period) for period in (15.0, 12.0, 19.0))
        self._posture = {name: _Spring(timing.POSTURE_SETTLE) for name in Posture._fields}
        self._posture["drift"].value = 1.0
        self._posture["smile"].value = POSTURES["idle"].smile
        self._nod, self._turn = _Spring(timing.NOD_SETTLE), _Spring(timing.NOD_SETTLE * 2)
        self._lift = _Spring(timing.NOD_SETTLE)
        self._gaze_x, self._gaze_y = _Spring(timing.GAZE_SETTLE), _Spring(timing.GAZE_SETTLE)
        self._fix_x = self._fix_y = 0.0
        self._next_look = rng.uniform(0.4, 1.2)
        self._away_until = 0.0
        self._blinks: deque[float] = deque([rng.uniform(0.8, 2.5)])
        self._breath_phase = rng.uniform(0, 2 * math.pi)
        self._breath_rate = 2 * math.pi / 4.2
        self._accents: deque[Accent] = deque()
        self._turn_to = 0.0
        self._feeling = NEUTRAL
        self._features = {name: _Spring(timing.EXPRESSION_SETTLE) for name in Features._fields}
        # Of its own, so that a gesture does not change what the face does afterwards.
        self._gestures = Gestures(random.Random(rng.getrandbits(32)))

    def gesture(self, name: GestureName, at: float, strength: float = 1.0) -> float:
        """A named movement begins at `at`; returns how many seconds it takes. Raises ValueError for an unknown one."""
        return self._gestures.begin(name, at, strength)

    def feel(self, feeling: Feeling) -> None:
        """Takes on an expression, from now on, smoothly; it stays until another one comes."""
        self._feeling = feeling

    def set_status(self, status: StatusName) -> None:
        """Takes on another posture, from now on, smoothly."""
        if status == self._status:
            return
        self._status = status
        self._next_look = min(self._next_look, self._time + 0.15)
        if self._rng.random() < 0.5:
            self._blink_soon(0.05)

    def stress(self, accent: Accent) -> None:
        """A stressed sound is due at `accent.time` (in this clock): the head beats with some of them."""
        chance = 0.25 + 0.45 * accent.strength
        if self._rng.random() < chance and (not self._accents or accent.time - self._accents[-1].time > 0.45):
            self._accents.append(Accent(accent.time, accent.strength * self._rng.uniform(0.5, 1.0)))

    def phrase_end(self) -> None:
        """A phrase ends about now: the moment people blink and settle."""
        if self._rng.random() < timing.BLINK_AT_PAUSE:
            self._blink_soon(self._rng.uniform(0.0, 0.12))
        self._turn_to = self._rng.uniform(-1.6, 1.6)

    def hush(self) -> None:
        """Speech was cut off: beats that are still due do not happen."""
        self._accents.clear()

    def advance(self, t: float) -> LifeFrame:
        """The frame at `t` seconds. `t` must not go back; a long step ends where many short ones would."""
        while t - self._time > 0.1:
            self._step(self._time + 0.1)
        return self._step(t)

    def _step(self, t: float) -> LifeFrame:
        dt = max(t - self._time, 0.0)
        self._time = t
        posture = POSTURES[self._status]
        now = Posture(*(self._posture[name].step(getattr(posture, name), dt) for name in Posture._fields))
        nod, lift, turn = self._beats(t, dt)
        gaze_x, gaze_y = self._look(t, dt, posture)
        wanted = FEATURES[self._feeling.name]
        felt = Features(
            *(self._features[f].step(getattr(wanted, f) * self._feeling.intensity, dt) for f in Features._fields)
        )
        shown = self._gestures.at(t)
        self._breath_phase += self._breath_rate * dt
        breath = 0.55 * math.sin(self._breath_phase) + 0.06 * math.sin(2 * self._breath_phase + 0.6)
        yaw = now.yaw + 1.5 * now.drift * self._yaw.at(t) + turn + shown.yaw
        pitch = now.pitch + 1.0 * now.drift * self._pitch.at(t) + nod + felt.pitch + shown.pitch
        brow = now.brow + lift + felt.brow + shown.brow
        return LifeFrame(
            smile=max(now.smile + felt.smile + shown.smile, 0.0),
            frown=felt.frown,
            cheek=felt.cheek,
            blink=self._blink(t),
            brow_l=brow + 0.02 * self._tx.at(t * 0.7),
            brow_r=brow + 0.02 * self._ty.at(t * 0.7),
            gaze_x=gaze_x + shown.gaze_x - _YAW_TO_GAZE * yaw,
            gaze_y=gaze_y + felt.gaze_y + shown.gaze_y - _YAW_TO_GAZE * pitch,
            yaw=yaw,
            pitch=pitch,
            roll=now.roll + 0.9 * now.drift * self._roll.at(t) + felt.roll + shown.roll,
            tx=0.018 * now.drift * self._tx.at(t) + 0.004 * yaw,
            ty=now.ty + 0.010 * now.drift * self._ty.at(t) + 0.004 * nod - 0.004 * breath,
            breath=breath,
            sway=now.sway + 0.14 * now.drift * self._sway.at(t),
        )

    def _beats(self, t: float, dt: float) -> tuple[float, float, float]:
        """Head pitch, brow lift and head turn that go with stressed sounds and phrases."""
        # The head starts down before the sound and is lowest on it.
        nod = lift = 0.0
        while self._accents and t > self._accents[0].time + 0.10:
            self._accents.popleft()
        if self._accents and t > self._accents[0].time - 0.16:
            nod, lift = 3.2 * self._accents[0].strength, 0.22 * self._accents[0].strength
        turn_to = self._turn_to if self._status == "speaking" else 0.0
        return self._nod.step(nod, dt), self._lift.step(lift, dt), self._turn.step(turn_to, dt)

    def _look(self, t: float, dt: float, posture: Posture) -> tuple[float, float]:
        rng = self._rng
        if t >= self._next_look:
            away = {"idle": 0.10, "listening": 0.04, "thinking": 0.75, "speaking": 0.12}[self._status]
            if rng.random() < away:
                side = rng.choice((-1.0, 1.0)) if self._status != "thinking" else math.copysign(1.0, posture.gaze_x)
                self._fix_x = side * rng.uniform(0.16, 0.34)
                self._fix_y = rng.uniform(-0.24, 0.10) if self._status != "thinking" else rng.uniform(-0.30, -0.14)
                self._next_look = t + rng.uniform(0.5, 1.6)
                if rng.random() < 0.35:
                    self._blink_soon(0.0)
            else:
                # Back to the viewer: small steps between the eyes and mouth of whoever looks.
                self._fix_x, self._fix_y = rng.gauss(0, 0.028), rng.gauss(0, 0.02)
                self._next_look = t + rng.uniform(0.45, 2.2)
        return self._gaze_x.step(self._fix_x, dt), self._gaze_y.step(self._fix_y, dt)

    def _blink_soon(self, delay: float) -> None:
        if self._blinks[0] > self._time + delay + timing.BLINK_SHORTEST:
            self._blinks.appendleft(self._time + delay)

    def _blink(self, t: float) -> float:
        length = timing.BLINK_CLOSE + timing.BLINK_SHUT + timing.BLINK_OPEN
        while t > self._blinks[0] + length:
            self._blinks.popleft()
            if not self._blinks or self._blinks[0] < t + timing.BLINK_SHORTEST:
                self._blinks.clear()
                if self._rng.random() < timing.BLINK_DOUBLE:
                    self._blinks.append(t + self._rng.uniform(0.05, 0.15))
                else:
                    mean = timing.BLINK_MEAN[self._status] - timing.BLINK_SHORTEST
                    self._blinks.append(t + timing.BLINK_SHORTEST + mean * self._rng.gammavariate(2.2, 1 / 2.2))
        since = t - self._blinks[0]
        if since <= 0:
            return 0.0
        if since < timing.BLINK_CLOSE:
            return _ease(since / timing.BLINK_CLOSE)
        if since < timing.BLINK_CLOSE + timing.BLINK_SHUT:
            return 1.0
        return 1.0 - _ease((since - timing.BLINK_CLOSE - timing.BLINK_SHUT) / timing.BLINK_OPEN)


def _ease(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
