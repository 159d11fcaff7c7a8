"""Kaldi's MFCC features, computed exactly as Vosk will compute them, and the configuration that tells Vosk so."""

from __future__ import annotations

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

DIMENSION = 40
FRAME_SHIFT_S = 0.01
OUTPUT_EVERY = 3  # frames per output of the net; Vosk takes 30 ms per output for granted

# Dither would make results differ from run to run. 16 and 48 kHz calls are brought down to this rate by Vosk.
MFCC_CONF = """--use-energy=false
--sample-frequency=8000
--num-mel-bins=40
--num-ceps=40
--low-freq=40
--high-freq=-200
--dither=0.0
"""

# Without endpoint.silence-phones Vosk aborts at the first sound. A full acoustic scale is worse: the net is too sure.
MODEL_CONF = """--min-active=200
--max-active=3000
--beam=13.0
--lattice-beam=6.0
--acoustic-scale=0.45
--frame-subsampling-factor=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""


def _options() -> kaldi_native_fbank.MfccOptions:
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.samp_freq = 8000
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = 40
    options.mel_opts.low_freq = 40
    options.mel_opts.high_freq = -200
    options.num_ceps = DIMENSION
    options.use_energy = False
    return options


_OPTIONS = _options()


def mfcc(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """8 kHz samples of int16 size → shape (frames, 40), one frame each 10 ms."""
    computer = kaldi_native_fbank.OnlineMfcc(_OPTIONS)
    computer.accept_waveform(8000, sound.tolist())
    computer.input_finished()
    frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
    return np.stack(frames) if frames else np.zeros((0, DIMENSION), np.float32)
