"""Which speech models there are, which one to use, and whether it is whole.

A model is a folder as Vosk reads it. Installed models lie in ``STATE_DIR/models/NAME``, each with a receipt of what
was installed; the tiny model in the repository needs no installation and knows synthetic voices only.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ivr.domain.errors import BadSetting, IvrError, NotFound

REPOSITORY: Final = Path(__file__).resolve().parents[2]
MANIFEST: Final = REPOSITORY / "models" / "manifest.json"
TINY_DIR: Final = REPOSITORY / "models" / "tiny" / "vosk-model-tiny-cn-hotline"
RECEIPT: Final = ".ivr-model.json"
_HASH_BLOCK: Final = 1 << 20
_ALWAYS_NEEDED: Final = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf")
_GRAPHS: Final = (("graph/HCLG.fst",), ("graph/HCLr.fst", "graph/Gr.fst", "graph/disambig_tid.int"))


class ModelDamaged(IvrError):
    """The bytes of a model or of its download are not what they should be; fetching it again is the remedy."""

    code = "model_damaged"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the manifest. ``bytes`` and ``sha256`` are of the zip at ``address``; None when nobody vouched."""

    name: str
    address: str
    bytes: int | None
    sha256: str | None
    licence: str
    about: str

    @property
    def verified(self) -> bool:
        """True when the manifest says what the download must be, so that a wrong one is noticed."""
        return self.bytes is not None and self.sha256 is not None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model to transcribe with; ``is_tiny`` means synthetic voices only, which must be said to people."""

    path: Path
    name: str
    is_tiny: bool


def read_manifest(path: Path = MANIFEST) -> dict[str, KnownModel]:
    """Known models by name; raises BadSetting when the file is not a manifest."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {entry["name"]: KnownModel(**entry) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BadSetting(f"{path}: is no manifest of models ({problem}); restore it from the repository") from problem


def known_model(name: str, manifest: dict[str, KnownModel]) -> KnownModel:
    """The manifest's entry; raises NotFound naming those there are."""
    if name not in manifest:
        raise NotFound(f"no model is called {name!r}; known are: {', '.join(sorted(manifest))}")
    return manifest[name]


def installed_models(state_dir: Path) -> dict[str, Path]:
    """Folders under ``STATE_DIR/models`` that look like a model, by name; downloads in progress are not among them."""
    folder = state_dir / "models"
    if not folder.is_dir():
        return {}
    return {p.name: p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and not missing_parts(p)}


def missing_parts(path: Path) -> list[str]:
    """The files without which Vosk cannot load a model folder; empty for a whole one."""
    missing = [part for part in _ALWAYS_NEEDED if not (path / part).is_file()]
    lacking = [[part for part in graph if not (path / part).is_file()] for graph in _GRAPHS]
    if all(lacking):  # name the parts of the kind of graph that was begun
        missing += min(zip(lacking, _GRAPHS, strict=True), key=lambda pair: len(pair[0]) - len(pair[1]))[0]
    return missing


def resolve_model(setting: str, state_dir: Path, tiny_dir: Path = TINY_DIR) -> ModelChoice:
    """Find the model a setting means.

    ``auto`` or nothing: the first installed model of the manifest, then any other installed one, else the tiny model.
    ``tiny``: the tiny model. A bare name: an installed model. Anything with a slash: a folder. Raises BadSetting,
    saying what is missing and what to do.
    """
    setting = setting.strip()
    if setting in ("", "auto"):
        installed = installed_models(state_dir)
        for name in [*read_manifest(), *installed]:
            if name in installed:
                return ModelChoice(installed[name], name, is_tiny=False)
        return _tiny(tiny_dir)
    if setting in ("tiny", tiny_dir.name):
        return _tiny(tiny_dir)
    path = Path(setting).expanduser() if "/" in setting else state_dir / "models" / setting
    if not path.is_dir():
        remedy = "give the folder of a Vosk model" if "/" in setting else f"run: ivr models fetch {setting}"
        raise BadSetting(f"the speech model {setting!r} is not at {path}; {remedy}, or use the setting 'auto'")
    _require_whole(path, f"the speech model {setting!r}")
    return ModelChoice(path.resolve(), path.resolve().name, is_tiny=path.resolve() == tiny_dir.resolve())


def _tiny(tiny_dir: Path) -> ModelChoice:
    _require_whole(tiny_dir, "the tiny test model")
    return ModelChoice(tiny_dir, tiny_dir.name, is_tiny=True)


def _require_whole(path: Path, what: str) -> None:
    if missing := missing_parts(path):
        raise BadSetting(f"{what} in {path} is not whole: {', '.join(missing)} missing; fetch or restore it")


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks; blocking."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_receipt(path: Path, model: KnownModel, zip_sha256: str) -> None:
    """Note in the model's folder where it came from and the digest of each file, for ``verify_model``."""
    files = {str(p.relative_to(path)): sha256_of(p) for p in sorted(path.rglob("*")) if p.is_file()}
    receipt: dict[str, Any] = {"name": model.name, "address": model.address, "zip_sha256": zip_sha256}
    receipt |= {"verified": model.verified, "files": files}
    (path / RECEIPT).write_text(json.dumps(receipt, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def verify_model(path: Path) -> int:
    """Compare an installed model, or the tiny one, with the digests noted for it; returns the files checked.

    Raises NotFound without a folder, ModelDamaged naming up to five files that differ or are gone. Blocking.
    """
    if not path.is_dir():
        raise NotFound(f"{path.name}: is not installed; run: ivr models fetch {path.name}")
    expected = _expected_digests(path)
    wrong = [name for name, digest in expected.items() if not _matches(path / name, digest)]
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise ModelDamaged(f"{path.name}: {len(wrong)} of {len(expected)} files differ ({shown}); fetch it again")
    return len(expected)


def _matches(path: Path, digest: str) -> bool:
    try:
        return sha256_of(path) == digest
    except OSError:
        return False


def _expected_digests(path: Path) -> dict[str, str]:
    receipt, sums = path / RECEIPT, path.parent / "SHA256SUMS"
    try:
        if receipt.is_file():
            files: dict[str, str] = json.loads(receipt.read_text(encoding="utf-8"))["files"]
            return files
        if sums.is_file():
            pairs = (line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines() if line.strip())
            return {n.removeprefix(f"{path.name}/"): d for d, n in pairs if n.startswith(f"{path.name}/")}
    except (ValueError, KeyError) as problem:
        raise ModelDamaged(f"{path.name}: its list of digests cannot be read ({problem}); fetch it again") from problem
    raise ModelDamaged(f"{path.name}: has no list of digests, for it was not installed by this program")
