"""Writes ``am/final.mdl``: a transition model and an nnet3 network in Kaldi's binary form, from plain arrays.

Found the hard way: phones and their topology entries are followed by −1 because self-loops have classes of their own;
counts of the nonlinearities are doubles; the network's configuration is text ending in an empty line.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import phone_inventory as phones
from numpy.typing import ArrayLike, NDArray

Layer = tuple[tuple[int, ...], NDArray[np.floating], NDArray[np.floating]]
"""(frame offsets, weights of shape (out, in × offsets), bias of shape (out,)) of one affine layer."""


def _token(name: str) -> bytes:
    return name.encode() + b" "


def _int(value: int) -> bytes:
    return b"\x04" + struct.pack("<i", value)


def _float(value: float) -> bytes:
    return b"\x04" + struct.pack("<f", value)


def _double(value: float) -> bytes:
    return b"\x08" + struct.pack("<d", value)


def _ints(values: Sequence[int]) -> bytes:
    return b"\x04" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes()


def _vector(values: ArrayLike) -> bytes:
    array = np.asarray(values, "<f4")
    return _token("FV") + _int(array.size) + array.tobytes()


def _matrix(values: ArrayLike) -> bytes:
    array = np.ascontiguousarray(values, "<f4")
    return _token("FM") + _int(array.shape[0]) + _int(array.shape[1]) + array.tobytes()


def transition_model() -> bytes:
    """One emitting state per phone, stay or leave with equal odds; silence has one class, other phones two."""
    count = len(phones.PHONES)
    out = [_token("<TransitionModel>"), _token("<Topology>"), _ints(range(1, count + 1))]
    out += [_ints([-1, 0] + [1] * (count - 1)), _int(-1), _int(2)]
    for onset_is_class in (0, 1):
        out += [_int(2), _int(0), _int(onset_is_class), _int(2)]
        out += [_int(0), _float(0.5), _int(1), _float(0.5)]
        out += [_int(-1), _int(-1), _int(0)]
    out += [_token("</Topology>"), _token("<Tuples>"), _int(count)]
    for phone in range(1, count + 1):
        sound = phones.sound_of(phone)
        out += [_int(phone), _int(0), _int(phones.onset_class(sound)), _int(phones.sustain_class(sound))]
    out += [_token("</Tuples>"), _token("<LogProbs>"), _vector([0.0] + [np.log(0.5)] * (2 * count))]
    return b"".join([*out, _token("</LogProbs>"), _token("</TransitionModel>")])


def _nonlinearity(name: str, dimension: int) -> bytes:
    statistics = [
        _token("<ValueAvg>"), _vector([]), _token("<DerivAvg>"), _vector([]), _token("<Count>"), _double(0.0),
        _token("<OderivRms>"), _vector([]), _token("<OderivCount>"), _double(0.0),
        _token("<NumDimsSelfRepaired>"), _double(0.0), _token("<NumDimsProcessed>"), _double(0.0),
    ]  # fmt: skip
    return b"".join([_token(f"<{name}>"), _token("<Dim>"), _int(dimension), *statistics, _token(f"</{name}>")])


def _affine(weights: ArrayLike, bias: ArrayLike) -> bytes:
    parts = [_token("<LinearParams>"), _matrix(weights), _token("<BiasParams>"), _vector(bias)]
    return b"".join([_token("<FixedAffineComponent>"), *parts, _token("</FixedAffineComponent>")])


def network(layers: Sequence[Layer], input_dimension: int) -> bytes:
    """ReLU after every layer but the last, log-softmax after that one."""
    configuration = [f"input-node name=input dim={input_dimension}"]
    components: list[tuple[str, bytes]] = []

    def add(name: str, source: str, body: bytes) -> None:
        configuration.append(f"component-node name={name} component={name} input={source}")
        components.append((name, body))

    before = "input"
    for number, (offsets, weights, bias) in enumerate(layers, start=1):
        spliced = [before if offset == 0 else f"Offset({before}, {offset})" for offset in offsets]
        source = before if len(spliced) == 1 else f"Append({', '.join(spliced)})"
        last = number == len(layers)
        stem = "output" if last else f"tdnn{number}"
        add(f"{stem}.affine", source, _affine(weights, bias))
        before = f"{stem}.log-softmax" if last else f"{stem}.relu"
        kind = "LogSoftmaxComponent" if last else "RectifiedLinearComponent"
        add(before, f"{stem}.affine", _nonlinearity(kind, len(bias)))
    configuration.append(f"output-node name=output input={before} objective=linear")
    out = [_token("<Nnet3>"), b"\n", "\n".join(configuration).encode(), b"\n\n"]
    out += [_token("<NumComponents>"), _int(len(components))]
    for name, body in components:
        out += [_token("<ComponentName>"), _token(name), body]
    return b"".join([*out, _token("</Nnet3>")])


def write_acoustic_model(path: Path, layers: Sequence[Layer], input_dimension: int, priors: ArrayLike) -> None:
    """Write the whole file; the context of the net in frames follows from the layers' offsets."""
    left = -sum(min(offsets) for offsets, _, _ in layers)
    right = sum(max(offsets) for offsets, _, _ in layers)
    tail = [_token("<LeftContext>"), _int(left), _token("<RightContext>"), _int(right), _token("<Priors>")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"".join([b"\0B", transition_model(), network(layers, input_dimension), *tail, _vector(priors)])
    )
