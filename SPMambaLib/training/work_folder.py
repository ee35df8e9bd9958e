"""The work folder of a training, beside its output: what a stopped or killed run needs to go on, and its log.

=========================  ==============================================================================
file                       content
=========================  ==============================================================================
``plan.json``              everything that decides the result; another plan does not go on here
``teacher.safetensors``    the adapted, rounded teacher
``prototypes.safetensors`` the fitted, rounded prototypes
``checkpoint.safetensors`` the last checkpoint of the decoder's training (see `checkpoint`)
``run.jsonl``              the run manifest: one JSON line per record; moves into the bundle at the end
=========================  ==============================================================================

The teacher's features are not kept: they follow from teacher and images.
"""
from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from torch import Tensor

from ..errors import OutputError, UnreadableFileError, UsageError
from ..io.whole import output_error, write_durably
from .checkpoint import load_tensors, save_tensors

PLAN, CHECKPOINT, LOG = "plan.json", "checkpoint.safetensors", "run.jsonl"
IMAGES = "set of images"  # the one entry of a plan that is known only when the images have been read


class WorkFolder:
    """`open` it with the plan, give it the images with `settle`; from then on there is something to lose.

    Attributes:
        path: ``<output>.work``.
        fingerprint: SHA-256 of the settled plan; every file carries it.
    """

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".work")
        self.fingerprint = ""
        self._plan: Dict[str, Any] = {}
        self._former: Optional[Dict[str, Any]] = None

    def open(self, plan: Mapping[str, Any], *, resume: bool) -> None:
        """Decide, before any work, whether this run may start or go on here.

        Raises:
            UsageError: an unfinished training is here and `resume` was not asked for (code ``unfinished-training``),
                or it was and none is here (``nothing-to-resume``), or it is another one (``another-training``).
            UnreadableFileError: its plan is damaged.
        """
        self._plan = json.loads(json.dumps(plan))
        try:
            self._former = json.loads((self.path / PLAN).read_text(encoding="utf-8"))
        except FileNotFoundError:
            if resume:
                raise UsageError("There is no unfinished training in {} to go on with; start it without --resume."
                                 .format(self.path), code="nothing-to-resume") from None
            return
        except (OSError, ValueError) as error:
            raise UnreadableFileError("{} is damaged; delete the folder and start again.".format(self.path / PLAN),
                                      str(error)) from error
        if not resume:
            raise UsageError("An unfinished training is in {}; go on with it by --resume, or delete the folder to "
                             "start again.".format(self.path), code="unfinished-training")
        self._compare(dict(self._plan, **{IMAGES: self._former.get(IMAGES)}))

    def settle(self, images: str) -> None:
        """Make the folder and its plan, or compare the images' digest with the one there.

        Raises:
            UsageError: the unfinished training read other images (code ``another-training``).
            OutputError: the folder cannot be written.
        """
        self._plan[IMAGES] = images
        text = json.dumps(self._plan, indent=1, sort_keys=True)
        self.fingerprint = hashlib.sha256(text.encode("utf-8")).hexdigest()
        if self._former is not None:
            self._compare(self._plan)
            return
        try:
            shutil.rmtree(self.path, ignore_errors=True)  # without a plan nothing in it is of use
            self.path.mkdir(parents=True)
        except OSError as error:
            raise output_error(error, self.path) from error
        write_durably(self.path / PLAN, text.encode("utf-8"))

    @property
    def settled(self) -> bool:
        """Whether there is something here to go on with."""
        return bool(self.fingerprint)

    def _compare(self, plan: Dict[str, Any]) -> None:
        former = self._former or {}
        other = sorted(key for key in {*former, *plan} if former.get(key) != plan.get(key))
        if other:
            raise UsageError("The unfinished training in {} was started with another {}; give it the same again, or "
                             "delete the folder.".format(self.path, " and ".join(other)), code="another-training")

    def keep(self, name: str, tensors: Dict[str, Tensor], facts: Any = None) -> None:
        """Keep the result of an expensive step.

        Raises:
            OutputError: it cannot be written.
        """
        save_tensors(self.path / (name + ".safetensors"), {key: tensor.detach().cpu().contiguous()
                                                           for key, tensor in tensors.items()},
                     {"value": facts}, fingerprint=self.fingerprint)

    def kept(self, name: str) -> "Optional[tuple[Dict[str, Tensor], Any]]":
        """What `keep` wrote, or None: then the step has to be done.

        Raises:
            UnreadableFileError: it is damaged.
        """
        found = load_tensors(self.path / (name + ".safetensors"), fingerprint=self.fingerprint)
        return None if found is None else (found[0], found[1]["value"])

    def finish(self, output: Path) -> None:
        """The bundle is written: its run manifest goes beside it, the rest is of no more use."""
        log = self.path / LOG
        try:
            if log.exists():
                log.replace(output / LOG)
            shutil.rmtree(self.path)
        except OSError as error:
            raise OutputError("The model is whole, but {} could not be cleared away.".format(self.path),
                              str(error)) from error


class RunManifest:
    """``run.jsonl``: what was run with what, and how each step went; one JSON object a line.

    Every line has a ``record``: ``run`` (configuration, versions, machine; again at each resumption) or ``step``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, facts: Mapping[str, Any], done: int) -> None:
        """Start, or go on after `done` steps: what was written of later steps is dropped, they are done again."""
        kept = [entry for entry in self.records() if entry["record"] != "step" or entry["step"] <= done]
        lines = [json.dumps(entry) + "\n" for entry in [*kept, {"record": "run", "steps_done": done, **facts}]]
        write_durably(self.path, "".join(lines).encode("ascii"))

    def step(self, values: Mapping[str, Any]) -> None:
        """Raises OutputError when the disk is full."""
        try:
            with open(self.path, "a", encoding="ascii") as file:
                file.write(json.dumps({"record": "step", **values}) + "\n")
        except OSError as error:
            raise output_error(error, self.path.parent) from error

    def records(self) -> List[Dict[str, Any]]:
        """All whole lines; a last one that was cut by a kill is left out."""
        found: List[Dict[str, Any]] = []
        if self.path.exists():
            for line in self.path.read_text(encoding="ascii", errors="replace").splitlines():
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
        return [entry for entry in found if isinstance(entry, dict) and "record" in entry]

    def last(self, key: str) -> Any:
        """The last value that was recorded under `key`, or None."""
        return next((entry[key] for entry in reversed(self.records()) if key in entry), None)


def digest_of(tensors: Sequence[Optional[Tensor]], *texts: str) -> str:
    """SHA-256 of the bytes of some tensors and texts."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr(None if tensor is None else (tensor.dtype, tuple(tensor.shape))).encode("ascii"))
        if tensor is not None:
            digest.update(tensor.contiguous().numpy().data)
    for text in texts:
        digest.update(text.encode("utf-8") + b"\0")
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        UnreadableFileError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableFileError("{} cannot be read.".format(path), str(error)) from error
