"""Trains the acoustic net and writes the model's ``am`` and ``conf``.

``python train_acoustic_net.py MODEL_DIR EPOCHS SEED DEV.npz SHARD.npz…``. A time-delay net of 0.5 million weights with
one output each 30 ms and 200 ms of context on both sides, trained on one thread so that two runs agree. Batch norm and
input normalisation are folded into the affine layers on writing, because Kaldi gets affine layers only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import features
import numpy as np
import phone_inventory as phones
import torch
from kaldi_model_file import Layer, write_acoustic_model
from torch import Tensor, nn

OFFSETS = [(-2, -1, 0, 1, 2), (-3, 0, 3), (-3, 0, 3), (-6, 0, 6), (-6, 0, 6), (0,), (0,)]
CONTEXT = -sum(min(o) for o in OFFSETS)  # frames on each side
WIDTH = 192
CHUNK_OUTPUTS = 40
BATCH = 64
LABEL_SMOOTHING = 0.002  # more, and rare sounds appear in pauses and echo tails
PRIOR_POWER = 0.5  # full priors do the same


class AcousticNet(nn.Module):
    """(batch, frames, 40) → (batch, classes, outputs); frames = 3 × (outputs − 1) + 1 + 2 × CONTEXT."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.affines, self.norms = nn.ModuleList(), nn.ModuleList()
        width = len(mean)
        for number, offsets in enumerate(OFFSETS):
            last = number == len(OFFSETS) - 1
            out = phones.NUM_CLASSES if last else WIDTH
            first = number == 0  # sees every frame and moves on by three, the others see every third
            dilation = 1 if first or len(offsets) == 1 else (offsets[1] - offsets[0]) // features.OUTPUT_EVERY
            stride = features.OUTPUT_EVERY if first else 1
            self.affines.append(nn.Conv1d(width, out, len(offsets), stride=stride, dilation=dilation))
            if not last:
                self.norms.append(nn.BatchNorm1d(out))
            width = out
        self.dropout = nn.Dropout(0.1)

    def forward(self, frames: Tensor) -> Tensor:
        hidden = ((frames - self.mean) / self.deviation).transpose(1, 2)
        for affine, norm in zip(self.affines, self.norms, strict=False):
            hidden = self.dropout(norm(torch.relu(affine(hidden))))
        return self.affines[-1](hidden)

    def layers(self) -> list[Layer]:
        """Affine layers in numpy with each normalisation folded into the layer after it."""
        scale = 1 / self.deviation.double()
        shift = -(self.mean.double() * scale)
        folded: list[Layer] = []
        for number, (affine, offsets) in enumerate(zip(self.affines, OFFSETS, strict=True)):
            weight, bias = affine.weight.detach().double(), affine.bias.detach().double()
            bias = bias + torch.einsum("oik,i->o", weight, shift)
            weight = (weight * scale[None, :, None]).permute(0, 2, 1).reshape(len(bias), -1)
            folded.append((offsets, weight.numpy(), bias.numpy()))
            if number < len(self.norms):
                norm = self.norms[number]
                scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double()
                shift = norm.bias.detach().double() - norm.running_mean.double() * scale
        return folded


class Chunks:
    """Fixed-length pieces of all utterances, whose edge frames are repeated outwards as Kaldi does."""

    def __init__(self, paths: list[Path]) -> None:
        frames, labels, self._at, self._label_at = [], [], [], []
        frames_before = labels_before = 0
        for path in paths:
            with np.load(path) as shard:
                x, y, lengths = shard["X"], shard["Y"], shard["L"]
            read = read_labels = 0
            for length in lengths:
                outputs = -(-length // features.OUTPUT_EVERY)
                needed = features.OUTPUT_EVERY * (outputs - 1) + CONTEXT + 1
                padding = ((CONTEXT, max(0, needed - length)), (0, 0))
                frames.append(np.pad(x[read : read + length], padding, mode="edge"))
                labels.append(y[read_labels : read_labels + outputs])
                if outputs >= CHUNK_OUTPUTS:
                    for start in [*range(0, outputs - CHUNK_OUTPUTS, CHUNK_OUTPUTS), outputs - CHUNK_OUTPUTS]:
                        self._at.append(frames_before + features.OUTPUT_EVERY * start)
                        self._label_at.append(labels_before + start)
                read, read_labels = read + length, read_labels + outputs
                frames_before, labels_before = frames_before + len(frames[-1]), labels_before + outputs
        self.frames = torch.from_numpy(np.concatenate(frames))
        self.labels = torch.from_numpy(np.concatenate(labels).astype(np.int64))
        self._starts, self._label_starts = torch.tensor(self._at), torch.tensor(self._label_at)
        self._span = torch.arange(features.OUTPUT_EVERY * (CHUNK_OUTPUTS - 1) + 1 + 2 * CONTEXT)
        self._label_span = torch.arange(CHUNK_OUTPUTS)

    def __len__(self) -> int:
        return len(self._at)

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.frames[self._starts[chosen][:, None] + self._span].float()
        return frames, self.labels[self._label_starts[chosen][:, None] + self._label_span]


def train(net: AcousticNet, data: Chunks, dev: Chunks, epochs: int) -> None:
    """Adam with one rise and fall of the learning rate; the accuracy on unheard voices is printed per epoch."""
    batches = max(len(data) // BATCH, 1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * batches, pct_start=0.15)
    began = time.monotonic()
    for epoch in range(1, epochs + 1):
        net.train()
        order, total = torch.randperm(len(data)), 0.0
        for number in range(batches):
            frames, labels = data.batch(order[number * BATCH : (number + 1) * BATCH])
            loss = nn.functional.cross_entropy(net(frames), labels, label_smoothing=LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            rate.step()
            total += loss.item()
        spent = time.monotonic() - began
        print(f"epoch {epoch}/{epochs}: loss {total / batches:.3f}, unheard {accuracy(net, dev):.1%}, {spent:.0f} s",
              flush=True)  # fmt: skip


@torch.no_grad()
def accuracy(net: AcousticNet, dev: Chunks) -> float:
    """Share of 30 ms outputs whose likeliest class is right."""
    net.eval()
    right = seen = 0
    for chosen in torch.arange(len(dev)).split(256):
        frames, labels = dev.batch(chosen)
        right += int((net(frames).argmax(1) == labels).sum())
        seen += labels.numel()
    return right / max(seen, 1)


def main() -> None:
    model, epochs, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    dev, *shards = map(Path, sys.argv[4:])
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    data, unheard = Chunks(shards), Chunks([dev])
    sample = data.frames[torch.randperm(len(data.frames))[:200_000]].float()
    net = AcousticNet(sample.mean(0), sample.std(0))
    print(f"{len(data)} chunks, {sum(p.numel() for p in net.parameters())} weights", flush=True)
    train(net, data, unheard, epochs)
    counts = torch.bincount(data.labels, minlength=phones.NUM_CLASSES).double().numpy() + 50
    priors = counts**PRIOR_POWER
    write_acoustic_model(model / "am" / "final.mdl", net.eval().layers(), features.DIMENSION, priors / priors.sum())
    (model / "conf").mkdir(exist_ok=True)
    (model / "conf" / "mfcc.conf").write_text(features.MFCC_CONF)
    (model / "conf" / "model.conf").write_text(features.MODEL_CONF)


if __name__ == "__main__":
    main()
