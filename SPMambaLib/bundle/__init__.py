"""Model bundles: a folder (or zip of it) with `card.json` and `model.safetensors`, checked against its hash, and, if
the card names it, `normal_tiles.png` (see `evidence.normal_tiles`).

The card says what the model is for and not for, how to prepare images, the network's config, calibration on normal
scans, training data and licence.  Nothing in a bundle is executed.  Reading cards and verifying needs no torch.

Storage: large weights of the teacher and the prototypes are int8 with one scale per output channel or vector, the
other weights half precision.  Rounding happens *before* anything is fitted on them (see `training`), so the shipped
network is the calibrated one, bit for bit; only the statistics are rounded (to half precision) afterwards.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, Tuple

import numpy as np

from ..errors import ModelDamagedError, ModelMissingError, UsageError
from ..evidence import normal_tiles
from ..geometry import PLANES
from ..input_check import record
from ..io.swap import whole_folder
from ..io.whole import replacing
from ..older_versions import CARD_FORMATS, FILES, present_card, present_tensor_name
from ..scoring import scan_verdict
from ..scoring.calibration import Calibration

if TYPE_CHECKING:
    from torch import Tensor

CARD = "card.json"
WEIGHTS = "model.safetensors"
RUN_LOG = "run.jsonl"  # of the training that made it, if there was one
FORMAT = 3
SCALE_SUFFIX = ".int8_scale"
PREFIXES = ("scale.", "input_check.", "preprocessing.")  # of the tensors that are not the network's
REQUIRED = ("format", "name", "title", "purpose", "not_for", "modality", "plane", "preprocessing", "network", "scoring",
            "calibration", "files")


def user_folder() -> Path:
    """Where the user's own bundles are.

    Raises:
        UsageError: this user has no home, as in some containers.
    """
    windows = sys.platform == "win32"
    variable, inside = ("LOCALAPPDATA", "AppData/Local") if windows else ("XDG_DATA_HOME", ".local/share")
    try:
        home = Path(os.environ.get(variable) or Path.home() / inside)
    except (RuntimeError, KeyError) as error:
        raise UsageError("This user has no home folder to keep models in; set {} or SPMAMBA_MODELS.".format(variable),
                         str(error), code="no-home") from error
    return home / "spmamba" / "models"


def search_folders() -> List[Path]:
    """Where bundles are looked for, first hit wins: $SPMAMBA_MODELS, the user's folder, the folder shipped with us."""
    folders = [Path(p) for p in os.environ.get("SPMAMBA_MODELS", "").split(os.pathsep) if p]
    with contextlib.suppress(UsageError):  # who has no home has no models there
        folders.append(user_folder())
    package = Path(__file__).resolve().parents[1]
    folders += [package / "Resources" / "models", package.parent / "Resources" / "models"]
    return folders


def installed_bundles() -> Dict[str, Path]:
    """Name -> path of every bundle in the search folders that has a card."""
    found: Dict[str, Path] = {}
    for folder in search_folders():
        try:
            paths = sorted(folder.iterdir())
        except OSError:  # not there, or not ours to look into
            continue
        for path in paths:
            if (path / CARD).is_file() or path.suffix == ".zip":
                found.setdefault(path.stem if path.suffix == ".zip" else path.name, path)
    return found


def available_models() -> List[str]:
    """Names of the installed bundles."""
    return sorted(installed_bundles())


def find_bundle(name_or_path: str) -> Path:
    """Path of a bundle given by name, folder or zip file.

    Raises:
        ModelMissingError: neither an installed name nor an existing path.
    """
    installed = installed_bundles()
    if str(name_or_path) in installed:
        return installed[str(name_or_path)]
    path = Path(name_or_path)
    if (path / CARD).is_file() or (path.is_file() and (path.suffix == ".zip" or zipfile.is_zipfile(path))):
        return path  # a damaged zip is found, and refused when it is read
    raise ModelMissingError(
        "There is no model {!r}; installed are: {}.".format(str(name_or_path), ", ".join(sorted(installed)) or "none"),
        "searched: " + ", ".join(str(folder) for folder in search_folders()))


def read_card(path: Path) -> Dict[str, Any]:
    """The card of a bundle.

    Raises:
        ModelDamagedError: no JSON object, a required field is missing, or a format of a newer version.
    """
    try:
        card = json.loads(_read(Path(path), CARD).decode("utf-8"))
    except ValueError as error:
        raise ModelDamagedError("The card of model {} cannot be read.".format(Path(path).name), str(error)) from error
    missing = [key for key in REQUIRED if not isinstance(card, dict) or key not in card]
    if missing:
        raise ModelDamagedError("The card of model {} is incomplete.".format(Path(path).name),
                                "missing: " + ", ".join(missing))
    if card["format"] in CARD_FORMATS:
        card = present_card(card)
    elif card["format"] != FORMAT:
        raise ModelDamagedError("Model {} was made for another version of SP-Mamba (format {}, this one reads {})."
                                .format(Path(path).name, card["format"], FORMAT))
    return card


def check_card(card: Dict[str, Any]) -> Dict[str, Any]:
    """The card, if what detection and display take from it has a meaning; weights have a hash, the card has none.

    Raises:
        ModelDamagedError: plane, modalities, thresholds or the statistics of the normals make no sense.
    """
    try:
        calibration, scoring = card["calibration"], card["scoring"]
        table = Calibration.from_dict(calibration["map"])
        numbers = [table.rates, table.thresholds, [table.threshold(table.default_rate)]]
        if calibration.get(scan_verdict.KEY):
            numbers += scan_verdict.soundness(calibration[scan_verdict.KEY])
        names = ("score", "contrast", "concentration", *scoring["terms"])
        normals = [calibration["components"][name] for name in names]
        if calibration.get("input_check"):
            numbers.append(record.soundness(calibration["input_check"]))
        sound = (all(np.isfinite(row).all() for row in numbers + normals) and len(table.bands) > 0
                 and all(spread > 0 for _, spread in normals) and card["plane"] in (*PLANES, "native")
                 and all(isinstance(modality, str) for modality in card["modality"]))
        problem = "" if sound else "plane, modalities or statistics"
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, UsageError) as error:
        problem = repr(error)
    if problem:
        raise ModelDamagedError("Model {} does not fit its own card; install it again.".format(card["name"]), problem)
    return card


def verify(path: Path) -> Dict[str, Any]:
    """Check every file of the bundle against its SHA-256 and return the card.

    Raises:
        ModelDamagedError: a file is missing or does not match.
    """
    return _checked(Path(path))[0]


def load(path: Path) -> Tuple[Dict[str, Any], Dict[str, Tensor]]:
    """Card and weights (float32, restored from storage precision) of a verified bundle."""
    return load_whole(path)[:2]


def load_whole(path: Path) -> Tuple[Dict[str, Any], Dict[str, Tensor], Dict[str, bytes]]:
    """Card, weights as `load` gives them, and the content of the files beside them by name; each is hashed once."""
    from safetensors import SafetensorError
    from safetensors.torch import load as load_safetensors

    card, contents = _checked(Path(path))
    try:
        packed = {present_tensor_name(name): tensor for name, tensor in load_safetensors(contents.pop(WEIGHTS)).items()}
        return card, unpack(packed), {FILES.get(name, name): data for name, data in contents.items()}
    except (SafetensorError, KeyError) as error:
        message = "The weights of model {} cannot be read.".format(Path(path).name)
        raise ModelDamagedError(message, str(error)) from error


def save(folder: Path, card: Dict[str, Any], tensors: Dict[str, Tensor], extra: Optional[Dict[str, bytes]] = None,
         ) -> None:
    """Write a bundle; the card gains format and hashes.  A previous one in `folder` stays until the new one is whole,
    and goes with all its files.

    Args:
        extra: further files by name.

    Raises:
        OutputError: the folder cannot be written.
    """
    from safetensors.torch import save as save_safetensors

    contents = {WEIGHTS: save_safetensors(pack(tensors)), **(extra or {})}
    card = dict(card, format=FORMAT, files={name: _sha256(data) for name, data in contents.items()})
    text = json.dumps(card, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
    with whole_folder(Path(folder), bundle_names, CARD) as files:
        for name, data in {**contents, CARD: text.encode("utf-8")}.items():
            with replacing(files / name) as file:
                file.write(data)


def bundle_names(folder: Path) -> Set[str]:
    """The names in a folder that are those of a bundle."""
    names = {CARD, WEIGHTS, RUN_LOG, normal_tiles.FILE, *FILES}
    try:
        listed = json.loads((folder / CARD).read_text(encoding="utf-8"))["files"]
        names.update(name for name in listed if name == os.path.basename(name))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none is there, or what is there is of no use
    return names


def join_states(network: Dict[str, Tensor], scale: Dict[str, Tensor], check: Dict[str, Tensor],
                preprocessing: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """One set of tensors to save from the states of the network, its `AnomalyScale`, its `InputCheck` and its
    `Preprocessing`."""
    others = {prefix + name: tensor for prefix, state in zip(PREFIXES, (scale, check, preprocessing))
              for name, tensor in state.items()}
    return {**network, **others}


def split_states(tensors: Dict[str, Tensor]) -> List[Dict[str, Tensor]]:
    """Inverse of `join_states`: network, scale, check (empty for a model without one), preprocessing."""
    network = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIXES)}
    return [network, *({name[len(prefix):]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
                       for prefix in PREFIXES)]


def round_to_int8(weight: Tensor) -> Tuple[Tensor, Tensor]:
    """(int8 values, scale of each row): rows are output channels of a weight or single prototype vectors."""
    import torch

    rows = weight.float().reshape(-1, weight.shape[-1]) if is_prototype_shaped(weight) else weight.float().flatten(1)
    scale = rows.abs().amax(dim=1).clamp(min=1e-12) / 127.0
    values = torch.round(rows / scale[:, None]).clamp(-127, 127).to(torch.int8)
    return values.reshape(weight.shape), scale


def is_prototype_shaped(weight: Tensor) -> bool:
    """Prototypes are (height_bins, cells, k, C): one scale per vector; conv weights are (O, I, h, w) with small
    kernels."""
    return weight.ndim == 4 and weight.shape[-1] >= 16


def pack(tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """float32 tensors -> storage precision: int8 for the teacher's and prototypes' large tensors, half for the rest."""
    packed: Dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        if stored_as_int8(name, tensor):
            packed[name], packed[name + SCALE_SUFFIX] = round_to_int8(tensor)
        elif tensor.is_floating_point() and tensor.numel() >= 256:
            packed[name] = tensor.half()
        else:
            packed[name] = tensor
    return packed


def as_stored(tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Tensors rounded to storage precision, in float32: what follows is fitted on what is shipped."""
    return unpack(pack(tensors))


def stored_as_int8(name: str, tensor: Tensor) -> bool:
    return name.split(".")[0] in ("teacher", "prototypes") and tensor.ndim == 4 and tensor.numel() >= 4096


def unpack(packed: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Inverse of `pack` up to rounding; `unpack(pack(x))` is a fixed point of both."""
    tensors: Dict[str, Tensor] = {}
    for name, tensor in packed.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        if name + SCALE_SUFFIX in packed:
            scale = packed[name + SCALE_SUFFIX]
            rows = tensor.float().reshape(len(scale), -1)
            tensors[name] = (rows * scale[:, None]).reshape(tensor.shape)
        else:
            tensors[name] = tensor.float() if tensor.is_floating_point() else tensor
    return tensors


def _checked(path: Path) -> Tuple[Dict[str, Any], Dict[str, bytes]]:
    card = read_card(path)
    if not isinstance(card["files"], dict) or WEIGHTS not in card["files"]:
        raise ModelDamagedError("The card of model {} names no weights.".format(path.name))
    return card, {name: _hashed(path, card, name) for name in card["files"]}


def _hashed(path: Path, card: Dict[str, Any], name: str) -> bytes:
    """A file that the card names, if it is the one."""
    data = _read(path, name)
    if _sha256(data) != card["files"][name]:
        raise ModelDamagedError("Model {} is damaged: {} is not the file that its card describes. Install it again."
                                .format(path.name, name))
    return data


def _sha256(data: bytes) -> str:
    import hashlib  # here: it loads OpenSSL, and the panel, which reads cards when it is opened, needs no hash then

    return hashlib.sha256(data).hexdigest()


def _read(path: Path, name: str) -> bytes:
    """One file of a bundle folder or zip; never outside of it."""
    if name != Path(name).name:
        raise ModelDamagedError("Model {} names a file outside its folder.".format(path.name), name)
    try:
        if path.is_file():
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                inside = [entry for entry in archive.namelist() if Path(entry).name == name]
                return archive.read(inside[0])
        return (path / name).read_bytes()
    except (OSError, IndexError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelDamagedError("Model {} lacks its file {}.".format(path.name, name), str(error)) from error
