"""Builds the whole tiny model: ``python build_model.py MODEL_DIR --work DIR [--graph-only]``.

Stages: training speech (several processes), training of the acoustic net, the graph. With ``--graph-only`` the
acoustic model stays and only words and sentences are taken anew, which takes seconds. The model in MODEL_DIR is
replaced only after every stage has succeeded.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from build_graph import build_graph

HERE = Path(__file__).parent
DEV_UTTERANCES = 200


def run(script: str, *arguments: object) -> None:
    """One stage in a process of its own: espeak-ng keeps global state, and torch wants the memory back."""
    subprocess.run([sys.executable, str(HERE / script), *map(str, arguments)], check=True)


def make_speech(work: Path, shards: int, utterances: int, seed: int, jobs: int) -> list[Path]:
    """The dev shard first, then the training shards."""
    orders = [(work / "dev.npz", min(DEV_UTTERANCES, utterances), 1000 * seed + 999, "--unheard")]
    orders += [(work / f"shard{n}.npz", utterances, 1000 * seed + n) for n in range(shards)]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda order: run("training_speech.py", *order), orders))
    return [order[0] for order in orders]


def write_digests(model: Path) -> None:
    """``SHA256SUMS`` beside the model, in the form sha256sum checks."""
    files = sorted(p for p in model.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(model.parent)}" for p in files]
    (model.parent / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--work", type=Path, required=True, help="scratch folder: about 500 MB for a full build")
    arguments.add_argument("--graph-only", action="store_true", help="keep the acoustic model")
    arguments.add_argument("--utterances", type=int, default=3000, help="of each shard")
    arguments.add_argument("--shards", type=int, default=4)
    arguments.add_argument("--jobs", type=int, default=2, help="shards made at once")
    arguments.add_argument("--epochs", type=int, default=6)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    began = time.monotonic()
    staged = given.work / given.model.name
    shutil.rmtree(staged, ignore_errors=True)
    given.work.mkdir(parents=True, exist_ok=True)
    if given.graph_only:
        shutil.copytree(given.model, staged)
    else:
        staged.mkdir()
        shards = make_speech(given.work, given.shards, given.utterances, given.seed, given.jobs)
        run("train_acoustic_net.py", staged, given.epochs, given.seed, *shards)
    build_graph(staged)
    shutil.copytree(staged, given.model, dirs_exist_ok=True)
    write_digests(given.model)
    print(f"{given.model}: built in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
