"""From an image to a `Detection`: reorient, prepare, run the network slice by slice, score, map back, find regions.

The only place where the rooms meet.  Nothing here knows a window, a process or a file format.
"""
from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar, Union

import numpy as np
import torch
from torch import Tensor

from . import bundle
from .detection import Detection, Notice, SliceScore
from .errors import (
    Cancelled,
    InputCheckError,
    ModelDamagedError,
    OutOfMemoryError,
    UnsupportedImageError,
    typed_error,
)
from .evidence.gathering import Gathering
from .evidence.normal_tiles import FILE, NormalTiles
from .evidence.record import Evidence
from .geometry import SlicePlane
from .input_check import record, stated
from .input_check.statistics import InputCheck, extent_mm, scan_statistics
from .io.image import Image, finite_voxels
from .model.config import NetworkConfig
from .model.device import BATCH, choose_device, half_precision, single_means_single
from .model.network import SPMamba
from .model.prototypes import at_height, pick
from .model.teacher import to_teacher_input
from .preprocessing.prepare import PreparedSlices, Preprocessing, prepare, restore
from .scan import default_backend, using
from .scoring import findings, published
from .scoring.components import published_score
from .scoring.maps import AnomalyScale, ScoringConfig
from .scoring.scan_verdict import ScanNormals, ScanVerdict, calibration_for
from .scoring.slice_height import align_heights
from .scoring.slices import score_maps, slice_components
from .scoring.terms import at_input_size, height_bin_index, terms_and_nearest
from .volume import normal_brain
from .volume.normal_brain import HeadVolume, NormalBrain, compare

Progress = Callable[[float, str], None]
T = TypeVar("T")


def load_model(name_or_path: str, device: str = "auto", *, scan: Optional[str] = None,
               precision: str = "single", batch_size: Optional[int] = None,
               scoring: str = "model") -> Detector:
    """Detector for an installed model name, a bundle folder or a zip.

    Args:
        device: ``"auto"`` (CUDA when there is one, else CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        scan: backend of the selective scan by name; None takes the one that the environment variable SPMAMBA_SCAN
            names, or else the fastest that works.
        precision: ``"single"``, or ``"half"`` on CUDA: convolutions and matrix products in bfloat16 (float16 where the
            device has no bfloat16), scan and cosines in float32 all the same.  Thresholds were calibrated in single.
        batch_size: slices computed at once, such as `spmamba doctor --device` recommends; None takes what suits the
            kind of device.  Where memory is short, fewer are taken.
        scoring: ``"model"``, or ``"published"``: map and score as the paper has them, for comparison, with thresholds
            of their own (see `scoring.published`).

    Raises:
        ModelMissingError, ModelDamagedError: no such bundle, or its files do not match its card.
        DeviceError: the device or the scan backend was asked for by name and is absent.
        UsageError: unknown scan backend, precision or scoring, or the model cannot be scored so.
    """
    chosen = choose_device(device)
    path = bundle.find_bundle(name_or_path)
    card, tensors, others = bundle.load_whole(path)
    bundle.check_card(card)
    try:
        network = SPMamba(NetworkConfig.from_dict(card["network"]))
        scale = AnomalyScale(ScoringConfig(**card["scoring"]))
        if scale.config.height_bins > 1 and network.config.prototype_height_bins == 1:
            raise ValueError("statistics by height need prototypes by height, which tell the height of a slice")
        *states, known, preparation = bundle.split_states(tensors)
        for module, state in zip((network, scale), states):
            module.load_state_dict(state)
        check = InputCheck(known) if card["calibration"].get("input_check") else None
        preprocessing = Preprocessing.from_dict(card["preprocessing"], preparation)
        return Detector(card, network.to(chosen), scale, preprocessing, chosen, check=check, scan=scan,
                        precision=precision, batch_size=batch_size, scoring=scoring, normal_tiles=others.get(FILE),
                        normal_brain=NormalBrain.of(card, others.get(normal_brain.FILE)))
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDamagedError("Model {} does not fit its own card.".format(card["name"]), str(error)) from error


@dataclass
class _Volume:
    """What the network said of all analysed slices, before heights and statistics."""

    index: np.ndarray
    terms: Dict[str, Tensor]
    nearest: Tensor


class Detector:
    """A loaded model on a device.  `detect` may be called any number of times.

    Attributes:
        card: the bundle's card.
        name: the model's name.
        device: ``"cpu"``, ``"cuda:0"``, ...
        backend: name of the selective-scan backend in use.
        batch_size: slices computed at once; None takes what suits the kind of device.
        scoring: "model" or "published".
        calibration: thresholds for single pictures; those of a volume stand in its detection.
        scan_normals: what the model knows of normal scans as a whole; None for one of an earlier version.
    """

    def __init__(self, card: Dict[str, Any], network: SPMamba, scale: AnomalyScale, preprocessing: Preprocessing,
                 device: torch.device, *, check: Optional[InputCheck] = None, scan: Optional[str] = None,
                 precision: str = "single", batch_size: Optional[int] = None, scoring: str = "model",
                 normal_tiles: Union[bytes, NormalTiles, None] = None,
                 normal_brain: Optional[NormalBrain] = None) -> None:
        self.card, self.name, self.device = card, card["name"], str(device)
        self.network, self.scale, self.check = network.eval(), scale.eval(), check
        if device.type == "cpu":  # convolutions on a CPU read the channels of a pixel at once
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.scoring, self._tables = scoring, published.tables_for(scoring, card)
        self.calibration = calibration_for(self._tables, "image")
        self.scan_normals = ScanNormals.of(self._tables)
        with using(scan):
            self.backend = default_backend(device)
        single_means_single(device)
        self._half = half_precision(precision, device)
        self.batch_size = batch_size
        self.normal_brain = normal_brain
        self._normal_tiles = normal_tiles  # decoded when it is first needed

    def detect(self, image: Image, *, false_positive_rate: Optional[float] = None, slice_height: Optional[float] = None,
               force: bool = False, progress: Optional[Progress] = None,
               cancelled: Optional[Callable[[], bool]] = None) -> Detection:
        """Find what is not normal in an image.

        Args:
            image: a volume or a single image, any orientation; it is not modified.
            false_positive_rate: operating point, share of normal slices (or images) that may show a finding; None
                takes the model's default.
            height: relative height in [0, 1] of a single slice inside its volume, if known; else the model finds it.
            force: analyse also a scan that does not look like what the model knows; the result then says so.
            progress: called with (fraction in [0, 1], text).
            cancelled: polled between batches.

        Raises:
            InputCheckError: the scan does not look like what the model knows; known before the network's slow part.
            UnsupportedImageError, OutOfMemoryError, UsageError, Cancelled.
        """
        if false_positive_rate is not None:
            self.calibration.known(false_positive_rate)  # raises before anything is computed
        report = progress or (lambda fraction, text: None)

        def checkpoint() -> None:
            if cancelled is not None and cancelled():
                raise Cancelled()

        clock = _Clock()
        is_volume = image.kind == "volume"
        report(0.0, "preparing")
        plane, prepared, notices = self._prepared(image, checkpoint)
        clock.lap("prepare")
        fit, head = self._input_check(image, prepared, plane, checkpoint)
        calibration = calibration_for(self._tables, image.kind)
        if self.scoring == "published":
            notices.append(Notice("published-scoring", "Map and score are those of the paper, in its own units, for "
                                  "comparison with other work."))
        if self.normal_brain is not None and head is not None:
            if head.found is None:
                notices.append(Notice("no-place-in-the-head", "The head could not be brought into the frame of normal "
                                      "heads: {}. It was analysed slice by slice.".format(head.place.problem)))
            elif not head.other_contrast:
                calibration = self.normal_brain.calibration
        rate = calibration.default_rate if false_positive_rate is None else false_positive_rate
        if calibration.known(rate) > rate * (1.0 + 1e-6):
            notices.append(Notice("rate-not-known", "{} normal {}s cannot tell a rate of {:g}; the rarest that they "
                                  "can, 1 in {:.0f}, was taken.".format(calibration.normals, calibration.unit, rate,
                                                                 1.0 / calibration.lowest_rate)))
        rate = calibration.known(rate)
        threshold = calibration.threshold(rate)
        if fit is not None and fit.state == record.REFUSED and not force:
            raise InputCheckError(fit.message(), json.dumps(fit.to_dict()["statistics"]))
        clock.lap("input_check")
        volume = self._run(prepared, report, checkpoint)
        clock.lap("network")
        heights = self._slice_heights(volume, prepared, is_volume, slice_height)
        maps, terms, slices, evidence = self._score(volume, prepared, plane, heights, checkpoint)
        if fit is not None and heights is not None and is_volume:
            fit = fit.with_coverage(float(heights.max() - heights.min()), self.card)
        notices += record.notices_of(fit)
        clock.lap("scoring")
        report(0.96, "finding regions")
        native = plane.from_slices(maps)
        if head is not None and head.found is not None and not head.other_contrast:
            native = head.found.map
            peaks = plane.to_slices(native).max(axis=(1, 2))
            slices = [replace(s, peak=float(peak)) for s, peak in zip(slices, peaks)]
        native_terms = {name: plane.from_slices(term) for name, term in terms.items()}
        labels, found = findings.find(native, image.ijk_to_ras, threshold, calibration=calibration,
                                      slice_axis=plane.axis, terms=native_terms)
        if len(found) >= findings.LIMIT:
            notices.append(Notice("findings-limited", "Only the {} highest regions are listed; choose a lower rate of "
                                  "false positives to see fewer.".format(findings.LIMIT)))
        clock.lap("findings")
        top = max((s for s in slices if s.analysed), key=lambda s: s.score)
        verdict, no_verdict = self._scan_verdict(image.kind, slices, rate)
        report(1.0, "done")
        return Detection(
            map=native, labels=labels, severity=calibration.severity(native, threshold), terms=native_terms,
            ijk_to_ras=np.array(image.ijk_to_ras, dtype=np.float64), slice_axis=plane.axis, plane=plane.name,
            threshold=threshold, false_positive_rate=rate, score=top.score, components=top.components, slices=slices,
            findings=found, calibration=calibration.to_dict(), model=self.summary(), backend=self.backend,
            device=self.device, timings=clock.laps, notices=notices,
            input_check=fit, evidence=evidence, scan_verdict=verdict, no_scan_verdict=no_verdict,
            false_positive_interval=calibration.interval(rate))

    def _scan_verdict(self, kind: str, slices: List[SliceScore], rate: float) -> Tuple[Optional[ScanVerdict], str]:
        """Whether the scan is unusual as a whole, or why that cannot be told."""
        scores = [s.score for s in slices if s.analysed]
        if self.scan_normals is None:
            return None, "This model was made by an earlier version; it has no verdict on the scan as a whole."
        if kind == "image":
            return self.scan_normals.picture(max(scores), rate), ""
        verdict = self.scan_normals.whole(scores, rate)
        return verdict, "" if verdict is not None else self.scan_normals.absence()

    def assess(self, image: Image) -> Optional[record.InputCheckResult]:
        """Whether an image looks like what the model knows (see `input_check`), without detecting anything in it;
        None if the model cannot tell.  Raises UnsupportedImageError."""
        plane, prepared, _ = self._prepared(image, lambda: None)
        return self._input_check(image, prepared, plane, lambda: None)[0]

    def _prepared(self, image: Image,
                  checkpoint: Callable[[], None]) -> Tuple[SlicePlane, PreparedSlices, List[Notice]]:
        """The model's slices of an image, and what there is to say about it before anything is computed."""
        plane = image.plane(self.card["plane"])
        voxels, notices = finite_voxels(image, plane.name)
        notices = image.notices + notices + stated.check(
            self.card, image.facts, is_volume=image.kind == "volume")
        prepared = prepare(plane.to_slices(voxels), plane.spacing[1:], self.preprocessing, checkpoint)
        if not prepared.analysed.any():
            raise UnsupportedImageError("No anatomy was found in this image: nothing in it is larger than a few bright "
                                        "voxels.", code="no-anatomy")
        return plane, prepared, notices

    def summary(self) -> Dict[str, Any]:
        """What a result says about the model that made it."""
        summary = {key: self.card.get(key, "") for key in ("name", "title", "version", "purpose", "not_for")}
        summary.update({"scoring": self.scoring} if self.scoring != "model" else {})
        return dict(summary, sha256=self.card["files"][bundle.WEIGHTS])

    def _run(self, prepared: PreparedSlices, report: Progress, checkpoint: Callable[[], None]) -> _Volume:
        index = np.flatnonzero(prepared.analysed)
        batch = self.batch_size or BATCH[self.device.split(":")[0]]
        parts: List[Dict[str, Tensor]] = []
        nearest: List[Tensor] = []
        start = 0
        while start < len(index):
            checkpoint()
            chosen = torch.from_numpy(index[start:start + batch])
            try:
                terms, numbers = self.terms(prepared.pixels[chosen])
            except (RuntimeError, MemoryError) as error:
                if not isinstance(typed_error(error), OutOfMemoryError):
                    raise
                if batch == 1:
                    raise OutOfMemoryError("There is not enough memory on {} for a single slice; choose the CPU or "
                                           "close other programs.".format(self.device), str(error)) from error
                batch, full = max(1, batch // 2), True
            else:
                full = False
            if full:  # only here: within `except` the error still holds all that the failed batch had computed
                if self.device != "cpu":
                    torch.cuda.empty_cache()
                continue
            parts.append(terms)
            nearest.append(numbers)
            start += len(chosen)
            report(0.05 + 0.85 * start / len(index), "slice {} of {}".format(start, len(index)))
        return _Volume(index, {name: torch.cat([part[name] for part in parts]) for name in parts[0]},
                       torch.cat(nearest))

    @torch.inference_mode()
    def terms(self, pixels: Tensor) -> Tuple[Dict[str, Tensor], Tensor]:
        """Raw terms and nearest prototypes (`terms_and_nearest`) of prepared slices (B, 1, S, S), computed on the
        device, returned on the CPU."""
        with using(self.backend), torch.autocast(self.device.split(":")[0], self._half, enabled=self._half is not None):
            terms, nearest = terms_and_nearest(self.network, pixels.to(self.device), self.scale.config)
        return {name: term.cpu() for name, term in terms.items()}, nearest.int().cpu()

    def _slice_heights(self, volume: _Volume, prepared: PreparedSlices, is_volume: bool,
                known: Optional[float]) -> Optional[Tensor]:
        """Level of each analysed slice; None when the model knows but one."""
        distances = volume.terms["prototype"].mean(dim=(2, 3)).numpy()
        if distances.shape[1] == 1:
            return None
        if known is not None and len(distances) == 1:
            return torch.tensor([known], dtype=torch.float32)
        positions = (
            prepared.slice_heights[volume.index] if prepared.slice_heights is not None and is_volume else np.zeros(1)
        )
        return torch.from_numpy(align_heights(distances, positions)).float()

    @torch.inference_mode()
    def _score(self, volume: _Volume, prepared: PreparedSlices, plane: SlicePlane, heights: Optional[Tensor],
               checkpoint: Callable[[], None],
               ) -> Tuple[np.ndarray, Dict[str, np.ndarray], List[SliceScore], Evidence]:
        """Anomaly map and standardised terms as slice stacks on the native grid, the score of every slice, and the
        evidence of what may be marked."""
        shape = prepared.masks.shape
        maps = np.zeros(shape, dtype=np.float32)
        terms = {name: np.zeros(shape, dtype=np.float16) for name in self.scale.config.terms}
        slices = [SliceScore(plane.slice_index(n), plane.slice_center_ras(n), 0.0, 0.0, analysed=False)
                  for n in range(shape[0])]
        gathering = Gathering(self.calibration.thresholds[0])
        for start in range(0, len(volume.index), 16):
            checkpoint()
            rows = slice(start, start + 16)
            index = volume.index[rows]
            slice_height = None if heights is None else heights[rows]
            raw = {name: term[rows] for name, term in volume.terms.items()}
            fused, standardised = score_maps(
                self.scale, raw, slice_height, prepared.input_masks[torch.from_numpy(index)]
            )
            maps[index] = restore(fused, prepared, index)
            distances = raw["prototype"]
            bucket = height_bin_index(slice_height, distances.shape[1])
            gathering.add(index, fused, standardised, pick(volume.nearest[rows], distances, bucket),
                          at_height(distances, bucket))
            for name in terms:
                terms[name][index] = restore(standardised[name], prepared, index)
            if self.scoring == "published":
                size = prepared.input_masks.shape[-1]
                fused = published.published_map(at_input_size(raw, slice_height, size),
                                                prepared.input_masks[torch.from_numpy(index)])
                maps[index] = restore(fused, prepared, index)
            scores = slice_components(self.scale, fused, standardised, self.card["calibration"], slice_height)
            if self.scoring == "published":
                scores["score"] = published_score(fused)
            for row, n in enumerate(index.tolist()):
                values = {name: float(v[row]) for name, v in scores.items()}
                slices[n] = replace(
                    slices[n],
                    score=values.pop("score"),
                    peak=float(maps[n].max()),
                    analysed=True,
                    slice_height=None if slice_height is None else float(slice_height[row]),
                    components=values,
                )
        calibration = self.card["calibration"]
        return maps, terms, slices, gathering.evidence(prepared, list(terms), self._tiles(), calibration)

    def _tiles(self) -> Optional[NormalTiles]:
        """What is normal at each prototype; None if this model holds no pictures of it."""
        if isinstance(self._normal_tiles, bytes):
            self._normal_tiles = NormalTiles.of(self.card, self._normal_tiles)
            if self._normal_tiles.tiles.shape[:3] != self.network.prototypes.vectors.shape[:3]:
                raise ModelDamagedError("The pictures of what is normal in model {} are not of its prototypes; install "
                                        "it again.".format(self.name), str(self._normal_tiles.tiles.shape))
        return self._normal_tiles

    @torch.inference_mode()
    def _input_check(self, image: Image, prepared: PreparedSlices, plane: SlicePlane,
                     checkpoint: Callable[[], None],
                     ) -> Tuple[Optional[record.InputCheckResult], Optional[HeadVolume]]:
        """Whether the scan looks like what the model knows, from a few slices, None if the model cannot tell; and the
        head as a whole, for a volume and a model that knows normal brains."""
        head = None
        if self.normal_brain is not None and image.kind == "volume":
            checkpoint()
            head = compare(self.normal_brain, finite_voxels(image, plane.name)[0], image.ijk_to_ras)
        if self.check is None:
            return None, head

        def encode(pixels: Tensor) -> List[Tensor]:
            return self.network.encode(to_teacher_input(pixels.to(self.device)))

        values = scan_statistics(self.check, prepared, encode, checkpoint)
        if image.kind == "volume":
            values["extent"] = extent_mm(prepared, plane.spacing[1:])
        fit = record.assess(values, self.card, is_volume=image.kind == "volume")
        if head is not None and head.found is not None and self.normal_brain is not None:
            fit = fit.with_tissue(head.found.tissue["grey"], self.normal_brain.least_grey)
        return fit, head


class _Clock:
    """Seconds per step, and in total."""

    def __init__(self) -> None:
        self.laps: Dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 4)
        self.laps["total"] = round(now - self._start, 4)
        self._last = now
