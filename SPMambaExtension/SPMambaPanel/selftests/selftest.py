"""The module's self-test, run inside Slicer: needs neither network nor torch.

`syntheticVolume` and `writeResult` are also the material of the tests outside Slicer: a result folder as the worker
writes it, of a volume whose lesion is known.
"""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Optional, Tuple

import numpy as np
import slicer
import vtk

from SPMambaLib.detection import Detection, Finding, Notice, SliceScore
from SPMambaLib.evidence.record import Evidence
from SPMambaLib.geometry import plane_of
from SPMambaLib.output.files import write_detection
from SPMambaLib.scoring.calibration import Calibration

from .. import export
from ..model.state import Event, Facts, PanelStateMachine, State
from ..scene import overlay, tables
from ..scene.parameters import SPMambaParameterNode
from ..scene.result import Result
from ..scene.steps import Work
from ..scene.volumeinfo import ijkToRas, problemOf

SHAPE = (20, 32, 40)  # K, J, I
Box = Tuple[slice, slice, slice]
LESION: Box = (slice(8, 13), slice(10, 16), slice(22, 30))
OBLIQUE = np.array([[-0.9, 0.3, 0.2, 30.0], [0.25, -1.1, 0.5, 40.0], [0.1, 0.35, 2.8, -50.0], [0.0, 0.0, 0.0, 1.0]])


def syntheticVolume(name: str = "Synthetic", shape: Tuple[int, int, int] = SHAPE) -> Any:
    """A volume of noise in the scene, its geometry oblique, sheared and left-handed, with a bright box at `LESION`."""
    voxels = np.random.default_rng(0).normal(100.0, 10.0, shape).astype(np.float32)
    voxels[LESION] += 80.0
    matrix = slicer.util.vtkMatrixFromArray(OBLIQUE)
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=matrix, name=name)


def syntheticCalibration() -> Calibration:
    """Normals whose highest map value is spread evenly over 1 to 3."""
    return Calibration.from_peaks(np.linspace(1.0, 3.0, 400).tolist(), unit="slice")


def writeResult(folder: Path, volumeNode: Any, rate: float = 0.05, peak: float = 6.0,
                lesion: Optional[Box] = None) -> Detection:
    """Write what the worker writes for a volume with one "extreme" lesion (K, J, I) whose map goes from 4 to `peak`."""
    lesion = lesion or LESION
    calibration = syntheticCalibration()
    threshold = calibration.threshold(rate)
    matrix = ijkToRas(volumeNode)
    shape = tuple(reversed(volumeNode.GetImageData().GetDimensions()))
    values = np.random.default_rng(1).uniform(0.0, 0.9, shape).astype(np.float32)
    values[lesion] = np.linspace(4.0, peak, values[lesion].size).reshape(values[lesion].shape)
    labels = np.zeros(shape, dtype=np.int16)
    labels[lesion] = 1
    k, j, i = (each.stop - 1 for each in lesion)
    center = [(each.start + each.stop - 1) / 2 for each in lesion]
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    size = [float(step * (each.stop - each.start)) for step, each in zip(spacing, reversed(lesion))]
    finding = Finding(
        label=1, voxels=int(labels.sum()), volume_mm3=float(labels.sum() * abs(np.linalg.det(matrix[:3, :3]))),
        extent=tuple(edge for each in reversed(lesion) for edge in (each.start, each.stop - 1)),
        size_mm=(size[0], size[1], size[2]), peak=peak, mean=float(values[lesion].mean()),
        peak_ras=tuple((matrix @ (i, j, k, 1.0))[:3].tolist()),
        centroid_ras=tuple((matrix @ (*reversed(center), 1.0))[:3].tolist()), band=3,
        false_positive_rate=calibration.rate(peak), components={"residual": peak, "contrast": 2.0})
    middle = [(shape[2] - 1) / 2, (shape[1] - 1) / 2]
    slices = [SliceScore(index=n, ras=tuple((matrix @ (*middle, n, 1.0))[:3].tolist()), score=float(values[n].mean()),
                         peak=float(values[n].max())) for n in range(shape[0])]
    detection = Detection(
        map=values, labels=labels, severity=calibration.severity(values, threshold), terms={"residual": values},
        ijk_to_ras=matrix, slice_axis=0, plane="axial", threshold=threshold, false_positive_rate=rate, score=peak,
        components={}, slices=slices, findings=[finding], calibration=calibration.to_dict(),
        model={"name": "synthetic", "version": "1"}, backend="none", device="cpu", timings={"total": 0.0},
        notices=[Notice("test", "This result is synthetic.")], evidence=syntheticEvidence(values, matrix))
    write_detection(detection, Path(folder))
    return detection


def syntheticEvidence(values: np.ndarray, matrix: np.ndarray) -> Evidence:
    """One term, the map `values` (K, J, I) itself, in blocks of 8 x 8 voxels or less; the same dark tile
    at every cell."""
    stack = plane_of(matrix, values.shape).to_slices(values)
    count, height, width = stack.shape
    grid = 8
    blocks = np.array([[image[row * height // grid:(row + 1) * height // grid,
                              column * width // grid:(column + 1) * width // grid].max()
                        for row in range(grid) for column in range(grid)] for image in stack])
    row, block = np.divmod(np.arange(blocks.size), grid ** 2)
    return Evidence(
        terms=np.array(["residual"]), frame=np.array([4 * grid, grid, grid, 4]), rates=np.array([0.5, 0.05, 0.01]),
        reached=np.array([[1.0, 2.0, 3.0]]), slices=np.arange(count),
        frames=np.array([np.diag([height, width]) @ np.eye(2, 3)] * count),
        windows=np.array([[0.0, 255.0]] * count), blocks=np.stack([row, block, block], axis=1),
        values=blocks.reshape(-1, 1).astype(np.float16), distances=np.zeros(len(row), np.float16),
        tiles=np.full((grid ** 2, 16, 16), 100, np.uint8), patients=np.full(grid ** 2, 7), cells=np.arange(grid ** 2))


def finish(work: Work) -> Any:
    """Run work to its end, at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def addResult(volumeNode: Any, rate: float = 0.05, lesion: Optional[Box] = None) -> Result:
    """Nodes of a synthetic result, in place of a former one."""
    with tempfile.TemporaryDirectory() as folder:
        writeResult(Path(folder), volumeNode, rate, lesion=lesion)
        result = finish(overlay.build(Path(folder), volumeNode))
    finish(overlay.replace(result))
    return result


def lesionRas() -> np.ndarray:
    """RAS of the corner voxel of the lesion that holds the peak."""
    return (OBLIQUE @ (*(each.stop - 1 for each in reversed(LESION)), 1.0))[:3]


class SelfTests:
    """The tests of SPMambaTest.

    Args:
        case: the unittest.TestCase that they speak through.
    """

    def __init__(self, case: Any) -> None:
        self._case = case

    def run(self) -> None:
        for name in sorted(name for name in dir(self) if name.startswith("test_")):
            slicer.mrmlScene.Clear(0)
            getattr(self, name)()

    def test_stateMachine(self) -> None:
        seen = []
        machine = PanelStateMachine(lambda machine: seen.append(machine.state))
        machine.know(Facts(volume="v", model="m"))
        for event in (Event.DETECT, Event.PROGRESS, Event.CANCEL, Event.PROGRESS, Event.STOPPED):
            machine.send(event)
        self._case.assertEqual(seen, [State.READY, State.STARTING, State.RUNNING, State.CANCELLING, State.READY])

    def test_parameters(self) -> None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        parameters = SPMambaParameterNode(node)
        parameters.inputVolume = syntheticVolume()
        parameters.falsePositiveRate = 0.02
        self._case.assertEqual(SPMambaParameterNode(node).falsePositiveRate, 0.02)
        self._case.assertIs(SPMambaParameterNode(node).inputVolume, parameters.inputVolume)
        with self._case.assertRaises(ValueError):
            parameters.overlayOpacity = 2.0

    def test_nodes(self) -> None:
        volume = syntheticVolume()
        self._case.assertEqual(problemOf(volume), "")
        result = addResult(volume)
        self._case.assertLess(np.abs(ijkToRas(result.map) - OBLIQUE).max(), 1e-6)
        severity = slicer.util.arrayFromVolume(result.severity)
        self._case.assertTrue((severity[LESION] == 3).all())
        self._case.assertEqual(int((severity > 0).sum()), severity[LESION].size)
        segment = slicer.util.arrayFromSegmentInternalBinaryLabelmap(result.segmentation, "Anomaly_1")
        self._case.assertEqual(int((segment == 1).sum()), severity[LESION].size)
        point = [tables.readFindings(result.get("findings"))[0][name] for name in ("right", "anterior", "superior")]
        self._case.assertLess(np.abs(np.asarray(point) - lesionRas()).max(), 1e-6)

    def test_replace(self) -> None:
        volume = syntheticVolume()
        first = addResult(volume)
        count = slicer.mrmlScene.GetNumberOfNodes()
        second = addResult(volume)
        self._case.assertIsNone(first.map)
        self._case.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), count)
        self._case.assertEqual([each.node for each in Result.all()], [second.node])

    def test_transform(self) -> None:
        volume = syntheticVolume()
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(vtk.vtkMatrix4x4())
        volume.SetAndObserveTransformNodeID(transform.GetID())
        result = addResult(volume)
        for node in (result.map, result.severity, result.segmentation):
            self._case.assertIs(node.GetParentTransformNode(), transform)

    def test_export(self) -> None:
        result = addResult(syntheticVolume())
        with tempfile.TemporaryDirectory() as folder:
            files = export.exportSegments(result, Path(folder), export.FORMATS)
            self._case.assertTrue(all(path.stat().st_size > 0 for path in files))
            for suffix in (".seg.nrrd", ".nii.gz", ".stl"):
                self._case.assertEqual(sum(path.name.lower().endswith(suffix) for path in files), 1, suffix)

    def test_panel(self) -> None:
        """The panel is built and clicked through; skipped where Slicer has no window to show it in."""
        from . import panelselftest

        if hasattr(slicer.modules, "spmamba"):
            panelselftest.walkThrough(slicer.util.getModuleWidget("SPMamba"), self._case)

    def test_sceneRoundTrip(self) -> None:
        addResult(syntheticVolume(), rate=0.02)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "scene.mrb")
            self._case.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(path)
        result = Result.of(slicer.util.getNode("Synthetic"))
        assert result is not None
        self._case.assertEqual(result.summary["false_positive_rate"], 0.02)
        self._case.assertEqual(result.calibration, syntheticCalibration())
        self._case.assertEqual(result.segmentation.GetSegmentation().GetNumberOfSegments(), 1)
        self._case.assertEqual(tables.readFindings(result.get("findings"))[0]["segment"], "Anomaly 1")
