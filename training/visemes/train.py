"""Trains the net of the audio path and writes its weights.

    TORCH_ENV/bin/python training/visemes/train.py --data DATA/train.npz --out src/mien/face/motion/visemes.npz

Needs PyTorch and numpy only. The layers mirror `mien.face.motion.viseme_net`, which runs them with numpy. A running
mean of the weights is judged; the one with the best score on the validation clips is kept. No held-out engine is looked
at here.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED = 20261126
DILATIONS = (1, 2, 4, 8, 16)
LOOKAHEAD = 6
"""Hops by which the answer comes after the sound: 72.5 ms with the half window."""
OUTPUTS = ("jaw", "wide", "pucker", "press", "upper_up", "lower_down", "fv", "tongue", "speech")
JAW, WIDE, PUCKER, PRESS, UPPER, LOWER, FV, TONGUE, SPEECH = range(len(OUTPUTS))
CURVES = (JAW, WIDE, PUCKER, UPPER, LOWER, TONGUE)
CURVE_WEIGHTS = (3.0, 1.0, 1.2, 0.5, 0.5, 0.5)
VISEMES = 29
CROP = 400
BATCH = 24
MEAN = 0.998
"""Share of the running mean that a step keeps."""

SHARES = {"kokoro": 0.5, "espeak": 0.3, "flite": 0.2}


class Net(nn.Module):
    """Causal dilated convolutions with residuals; the second head exists only while training."""

    def __init__(self, bands: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(bands, channels, 3)
        self.blocks = nn.ModuleList(nn.Conv1d(channels, channels, 3, dilation=d) for d in DILATIONS)
        self.head = nn.Conv1d(channels, len(OUTPUTS), 1)
        self.names = nn.Conv1d(channels, VISEMES, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = F.relu(self.first(F.pad(x, (2, 0), value=-1.0)))
        for conv, d in zip(self.blocks, DILATIONS, strict=True):
            h = h + F.relu(conv(F.pad(h, (2 * d, 0))))
        return self.head(h), self.names(h)


def loss_of(out: torch.Tensor, names: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Curves by squared error relative to their spread, closures by weighted cross entropy, sounds beside them."""
    shut = torch.clamp(y[:, PRESS] + y[:, FV], 0, 1)
    near = 1 + 2 * shut
    total = out.new_zeros(())
    for channel, weight in zip(CURVES, CURVE_WEIGHTS, strict=True):
        error = (torch.sigmoid(out[:, channel]) - y[:, channel]) ** 2 * near
        total = total + weight * error.mean() / (y[:, channel].var() + 0.01)
    for channel, positive in ((PRESS, 3.0), (FV, 4.0)):
        total = total + 2.0 * F.binary_cross_entropy_with_logits(
            out[:, channel], y[:, channel], pos_weight=out.new_tensor(positive)
        )
    total = total + F.binary_cross_entropy_with_logits(out[:, SPEECH], awake(v))
    return total + 0.4 * F.cross_entropy(names, v)


def awake(v: torch.Tensor) -> torch.Tensor:
    """Speech, and the 60 ms before and after it in which the mouth prepares and comes to rest."""
    return F.max_pool1d((v > 0).float()[:, None], 13, 1, 6)[:, 0]


class Data:
    """Clips one behind the other, on `device`."""

    def __init__(self, paths: list[Path], kept: str, device: str) -> None:
        """A later file replaces what an earlier one has of the same engine."""
        self.parts: dict[str, tuple[torch.Tensor, ...]] = {}
        for path in paths:
            with np.load(path) as file:
                self.bands = int(file["bands"])
                self.parts |= {
                    engine: tuple(torch.from_numpy(file[f"{engine}_{kept}_{f}"]).to(device) for f in "xyv")
                    for engine in SHARES
                    if f"{engine}_{kept}_x" in file
                }

    def batch(self, dice: np.random.Generator, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        engines = list(self.parts)
        shares = np.array([SHARES[e] for e in engines])
        picked = []
        for engine in dice.choice(engines, size, p=shares / shares.sum()):
            x, y, v = self.parts[engine]
            at = int(dice.integers(0, len(x) - CROP - LOOKAHEAD))
            picked.append((x[at : at + CROP], y[at : at + CROP], v[at : at + CROP]))
        return tuple(torch.stack(column) for column in zip(*picked, strict=True))


def _real(values: torch.Tensor, kind: str) -> torch.Tensor:
    """Features ("x") and curves ("y") may be stored as bytes."""
    if values.dtype != torch.uint8:
        return values.float()
    return values.float() * (2.2 / 255) - 1 if kind == "x" else values.float() / 255


def split(x: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return _real(x, "x").transpose(1, 2), _real(y, "y").transpose(1, 2), v.long()


def spoil(x: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Other throats (the bands' axis stretched), other colours and levels, bands that go missing, noise."""
    batch, bands, n = x.shape

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=dice).to(x.device)

    at = torch.arange(bands, device=x.device) * (1 + 0.15 * (2 * draw(batch, 1) - 1) * (draw(batch, 1) < 0.7))
    low = at.floor().clamp(0, bands - 1).long()
    part = (at - low)[:, :, None].clamp(0, 1)
    high = (low + 1).clamp(max=bands - 1)
    x = (1 - part) * x.gather(1, low[:, :, None].expand(-1, -1, n)) + part * x.gather(
        1, high[:, :, None].expand(-1, -1, n)
    )
    heard = x > -0.999
    slope = torch.linspace(-1, 1, bands, device=x.device)[None, :, None]
    colour = 0.3 * (draw(batch, 1, 1) - 0.5) + 0.5 * (draw(batch, 1, 1) - 0.5) * slope
    x = torch.where(heard, (x + colour).clamp(-1, 1.2), x)
    for _ in range(2):
        begin, width = draw(batch, 1) * bands, 1 + 5 * draw(batch, 1) * (draw(batch, 1) < 0.5)
        number = torch.arange(bands, device=x.device)[None]
        missing = (number >= begin) & (number < begin + width - 1)
        x = x.masked_fill(missing[:, :, None], -1.0)
    return x + 0.02 * torch.randn(x.shape, device=x.device)


def late(out: torch.Tensor) -> torch.Tensor:
    """Answers from the hop at which they are due, without the first ones, which saw nothing yet."""
    return out[..., LOOKAHEAD:]


@torch.no_grad()
def validate(net: Net, data: Data) -> dict[str, dict[str, float]]:
    scores = {}
    for engine, (x, y, v) in data.parts.items():
        out, names = net(_real(x, "x").T[None])
        got = torch.sigmoid(late(out))[0].cpu().numpy()
        wanted = _real(y, "y").cpu().numpy().T[:, : got.shape[1]]
        v = v.cpu().numpy()[: got.shape[1]]
        speech = v > 0
        r = {
            f"{n}_r": float(np.corrcoef(got[c], wanted[c])[0, 1])
            for n, c in (("jaw", JAW), ("wide", WIDE), ("round", PUCKER))
        }
        for name, c in (("press", PRESS), ("fv", FV)):
            edges = np.flatnonzero(np.diff((wanted[c] > 0.95).astype(int)))
            starts = [(a + 1, b + 1) for a, b in itertools.pairwise(edges) if wanted[c][a + 1] > 0.95]
            r[f"{name}_recall"] = float(np.mean([got[c][max(a - 4, 0) : b + 4].max() > 0.5 for a, b in starts]))
            r[f"{name}_false"] = float((got[c] > 0.5)[wanted[c] < 0.02].mean())
        r["sound"] = float((names[0, :, LOOKAHEAD:].argmax(0).cpu().numpy() == v)[speech].mean())
        r["speech"] = float(((got[SPEECH] > 0.5) == (awake(torch.from_numpy(v)[None])[0].numpy() > 0)).mean())
        r["score"] = (
            r["jaw_r"]
            + 0.5 * r["wide_r"]
            + 0.5 * r["round_r"]
            + r["press_recall"]
            + 0.5 * r["fv_recall"]
            - 5 * (r["press_false"] + r["fv_false"])
        )
        scores[engine] = r
    return scores


def judge(net: Net, data: Data) -> float:
    """Prints the scores and returns their mean over the engines."""
    scores = validate(net, data)
    for engine, columns in scores.items():
        print(f"  {engine}: " + " ".join(f"{k} {v:.3f}" for k, v in columns.items()), flush=True)
    return float(np.mean([columns["score"] for columns in scores.values()]))


def save(net: Net, path: Path) -> None:
    """Half precision; kernels as (3 * in, out) so that one product does a layer."""
    arrays = {}
    for name, conv in (("first", net.first), *((f"block{i}", c) for i, c in enumerate(net.blocks)), ("head", net.head)):
        weight = conv.weight.detach().cpu().numpy()
        arrays[f"{name}_w"] = weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]).astype(np.float16)
        arrays[f"{name}_b"] = conv.bias.detach().cpu().numpy().astype(np.float16)
    np.savez_compressed(
        path, dilations=np.array(DILATIONS), lookahead=np.array(LOOKAHEAD), outputs=np.array(OUTPUTS), **arrays
    )


def restore(net: Net, path: Path) -> None:
    """Takes up weights that `save` wrote, of a net as wide or narrower: the channels it lacks begin without any say.

    The head that is thrown away begins anew.
    """
    with np.load(path) as saved, torch.no_grad():
        for name, conv in (
            ("first", net.first),
            *((f"block{i}", c) for i, c in enumerate(net.blocks)),
            ("head", net.head),
        ):
            kernel = torch.from_numpy(saved[f"{name}_w"].astype(np.float32))
            bias = torch.from_numpy(saved[f"{name}_b"].astype(np.float32))
            taps, outputs = conv.weight.shape[2], len(bias)
            kernel = kernel.reshape(taps, -1, outputs).permute(2, 1, 0)
            conv.weight[:outputs] = 0
            conv.weight[:outputs, : kernel.shape[1]] = kernel
            conv.bias[:outputs] = bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--channels", type=int, default=96)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--every", type=int, default=500, help="steps between two validations")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    dice, other = np.random.default_rng(options.seed), torch.Generator().manual_seed(options.seed)
    train, valid = (Data(options.data, kept, options.device) for kept in ("train", "valid"))
    net = Net(train.bands, options.channels)
    if options.start is not None:
        restore(net, options.start)
    net = net.to(options.device)
    judged = copy.deepcopy(net).eval()
    print(sum(p.numel() for n, p in net.named_parameters() if not n.startswith("names")), "weights", flush=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=options.steps, pct_start=0.1)
    # What training goes on from is the score to beat.
    best = judge(judged, valid) if options.start is not None else -9.0
    began, mean = time.monotonic(), 0.0
    for step in range(1, options.steps + 1):
        x, y, v = split(*train.batch(dice, options.batch))
        out, names = net(spoil(x, other))
        keep = CROP - LOOKAHEAD
        loss = loss_of(late(out), late(names), y[:, :, :keep], v[:, :keep])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            share = min(MEAN, step / (step + 10))
            for kept, now in zip(judged.parameters(), net.parameters(), strict=True):
                kept.lerp_(now, 1 - share)
        if step % 20 == 0:
            mean = loss.item() if step == 20 else 0.9 * mean + 0.1 * loss.item()
            print(f"{step} {time.monotonic() - began:.0f} s loss {mean:.3f}", flush=True)
        if step % options.every == 0 or step == options.steps:
            score = judge(judged, valid)
            if score > best:
                best = score
                save(judged, options.out)
    print(f"best {best:.3f}")


if __name__ == "__main__":
    main()
