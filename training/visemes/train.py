"""Trains the net of the audio path and writes its weights.

    TORCH_ENV/bin/python training/visemes/train.py --data DATA/train.npz --out src/mien/face/motion/visemes.npz

Needs PyTorch and numpy only, on the CPU. The layers mirror `mien.face.motion.viseme_net`, which runs them with numpy.
The weights with the best score on the validation clips are kept; no held-out engine is looked at here.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEED = 20261126
CHANNELS = 96
DILATIONS = (1, 2, 4, 8, 16)
LOOKAHEAD = 6
"""Hops by which the answer comes after the sound: 72.5 ms with the half window."""
OUTPUTS = ("jaw", "wide", "pucker", "press", "upper_up", "lower_down", "fv", "tongue", "speech")
JAW, WIDE, PUCKER, PRESS, UPPER, LOWER, FV, TONGUE, SPEECH = range(len(OUTPUTS))
CURVES = (JAW, WIDE, PUCKER, UPPER, LOWER, TONGUE)
CURVE_WEIGHTS = (2.0, 1.0, 1.2, 0.5, 0.5, 0.5)
VISEMES = 29
CROP = 400
BATCH = 24
SHARES = {"kokoro": 0.5, "espeak": 0.3, "flite": 0.2}


class Net(nn.Module):
    """Causal dilated convolutions with residuals; the second head exists only while training."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(bands, CHANNELS, 3)
        self.blocks = nn.ModuleList(nn.Conv1d(CHANNELS, CHANNELS, 3, dilation=d) for d in DILATIONS)
        self.head = nn.Conv1d(CHANNELS, len(OUTPUTS), 1)
        self.names = nn.Conv1d(CHANNELS, VISEMES, 1)

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
            out[:, channel], y[:, channel], pos_weight=torch.tensor(positive)
        )
    total = total + F.binary_cross_entropy_with_logits(out[:, SPEECH], awake(v))
    return total + 0.4 * F.cross_entropy(names, v)


def awake(v: torch.Tensor) -> torch.Tensor:
    """Speech, and the 60 ms before and after it in which the mouth prepares and comes to rest."""
    return F.max_pool1d((v > 0).float()[:, None], 13, 1, 6)[:, 0]


class Data:
    def __init__(self, paths: list[Path], kept: str) -> None:
        """A later file replaces what an earlier one has of the same engine."""
        self.parts: dict[str, tuple[torch.Tensor, ...]] = {}
        for path in paths:
            with np.load(path) as file:
                self.bands = int(file["bands"])
                self.parts |= {
                    engine: tuple(torch.from_numpy(file[f"{engine}_{kept}_{f}"]) for f in "xyv")
                    for engine in SHARES
                    if f"{engine}_{kept}_x" in file
                }

    def batch(self, dice: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        engines = list(self.parts)
        shares = np.array([SHARES[e] for e in engines])
        picked = []
        for engine in dice.choice(engines, BATCH, p=shares / shares.sum()):
            x, y, v = self.parts[engine]
            at = int(dice.integers(0, len(x) - CROP - LOOKAHEAD))
            picked.append((x[at : at + CROP], y[at : at + CROP], v[at : at + CROP]))
        return tuple(torch.stack(column) for column in zip(*picked, strict=True))


def split(x: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return x.float().transpose(1, 2), y.float().transpose(1, 2), v.long()


def late(out: torch.Tensor) -> torch.Tensor:
    """Answers from the hop at which they are due, without the first ones, which saw nothing yet."""
    return out[..., LOOKAHEAD:]


@torch.no_grad()
def validate(net: Net, data: Data) -> dict[str, dict[str, float]]:
    scores = {}
    for engine, (x, y, v) in data.parts.items():
        out, names = net(x.float().T[None])
        got = torch.sigmoid(late(out))[0].numpy()
        wanted = y.float().numpy().T[:, : got.shape[1]]
        v = v.numpy()[: got.shape[1]]
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
        r["sound"] = float((names[0, :, LOOKAHEAD:].argmax(0).numpy() == v)[speech].mean())
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


def save(net: Net, path: Path) -> None:
    """Half precision; kernels as (3 * in, out) so that one product does a layer."""
    arrays = {}
    for name, conv in (("first", net.first), *((f"block{i}", c) for i, c in enumerate(net.blocks)), ("head", net.head)):
        weight = conv.weight.detach().numpy()
        arrays[f"{name}_w"] = weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]).astype(np.float16)
        arrays[f"{name}_b"] = conv.bias.detach().numpy().astype(np.float16)
    np.savez_compressed(
        path, dilations=np.array(DILATIONS), lookahead=np.array(LOOKAHEAD), outputs=np.array(OUTPUTS), **arrays
    )


def restore(net: Net, path: Path) -> None:
    """Takes up weights that `save` wrote; the head that is thrown away begins anew."""
    with np.load(path) as saved, torch.no_grad():
        for name, conv in (
            ("first", net.first),
            *((f"block{i}", c) for i, c in enumerate(net.blocks)),
            ("head", net.head),
        ):
            kernel = torch.from_numpy(saved[f"{name}_w"].astype(np.float32))
            outputs, inputs, taps = conv.weight.shape
            conv.weight.copy_(kernel.reshape(taps, inputs, outputs).permute(2, 1, 0))
            conv.bias.copy_(torch.from_numpy(saved[f"{name}_b"].astype(np.float32)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    dice = np.random.default_rng(SEED)
    train, valid = Data(options.data, "train"), Data(options.data, "valid")
    net = Net(train.bands)
    if options.start is not None:
        restore(net, options.start)
    print(sum(p.numel() for n, p in net.named_parameters() if not n.startswith("names")), "weights", flush=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=options.steps, pct_start=0.1)
    best, began, mean = -9.0, time.monotonic(), 0.0
    for step in range(1, options.steps + 1):
        x, y, v = split(*train.batch(dice))
        if dice.random() < 0.5:
            # A band or two go missing: the net may not lean on any of them.
            at, width = int(dice.integers(0, train.bands)), int(dice.integers(1, 6))
            x[:, at : at + width] = -1.0
        x = x + 0.02 * torch.randn(x.shape)
        out, names = net(x)
        keep = CROP - LOOKAHEAD
        loss = loss_of(late(out), late(names), y[:, :, :keep], v[:, :keep])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean = 0.98 * mean + 0.02 * loss.item() if step > 1 else loss.item()
        if step % 100 == 0:
            print(f"{step} {time.monotonic() - began:.0f} s loss {mean:.3f}", flush=True)
        if step % 250 == 0 or step == options.steps:
            net.eval()
            scores = validate(net, valid)
            net.train()
            for engine, columns in scores.items():
                print(f"  {engine}: " + " ".join(f"{k} {v:.3f}" for k, v in columns.items()), flush=True)
            score = float(np.mean([columns["score"] for columns in scores.values()]))
            if score > best:
                best = score
                save(net, options.out)
    print(f"best {best:.3f}")


if __name__ == "__main__":
    main()
