"""Exports read by other people's readers, on grids of every kind and on real heads: same voxels, same place."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import slicer
from SPMambaPanel import export
from SPMambaPanel.scene import tables
from SPMambaPanel.scene.result import Result
from SPMambaPanel.scene.volumeinfo import ijkToRas
from SPMambaPanel.selftests import selftest

nibabel = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")
trimesh = pytest.importorskip("trimesh")
pandas = pytest.importorskip("pandas")

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
ROOT = Path(__file__).resolve().parents[2]


def grid(rotation: Any, spacing: Any) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(rotation) * spacing
    matrix[:3, 3] = 30.0, 40.0, -50.0
    return matrix


TILTED = np.linalg.qr(selftest.OBLIQUE[:3, :3])[0]
GRIDS: Dict[str, Any] = {
    "oblique, left-handed": ((20, 32, 40), grid(TILTED * [1, 1, -np.sign(np.linalg.det(TILTED))], [0.8, 1.2, 2.0])),
    "oblique, right-handed": ((20, 32, 40), grid(TILTED * [1, 1, np.sign(np.linalg.det(TILTED))], [0.8, 1.2, 2.0])),
    "flipped": ((20, 32, 40), grid(np.diag([-1, 1, -1]), [1.0, 1.0, 1.0])),
    "sagittal": ((40, 32, 20), grid([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], [0.7, 0.7, 1.4])),
    "anisotropic": ((12, 64, 64), grid(np.eye(3), [0.43, 0.43, 6.5])),
    "one slice": ((1, 48, 56), grid(np.eye(3), [0.9, 0.9, 5.0]))}
REAL = ["sample", "brain_volumes/ms_patient07/FLAIR.nii.gz", "brain_volumes/ms_patient19/FLAIR.nii.gz"]


def volumeOf(name: str) -> Any:
    if name in GRIDS:
        shape, matrix = GRIDS[name]
        voxels = np.random.default_rng(0).normal(100, 10, shape).astype(np.float32)
        volume = slicer.util.addVolumeFromArray(voxels, slicer.util.vtkMatrixFromArray(matrix), name="Case")
        volume.CreateDefaultDisplayNodes()
        return volume
    path = ROOT / "Resources" / "SampleData" / "FLAIR-sample.nii.gz"
    if name != "sample":
        path = Path(os.environ.get("SPMAMBA_DATA", "/nowhere")) / name
        if not path.is_file():
            pytest.skip("SPMAMBA_DATA does not lead to {}".format(name))
    return slicer.util.loadVolume(str(path))


def implanted(shape: Any) -> np.ndarray:
    """A map with three findings: a ball, a plate at the edge of the volume, and a crumb of a few voxels."""
    k, j, i = np.indices(shape)
    middle = [(n - 1) / 2 for n in shape]
    radii = [max(0.6, n / 6) for n in shape]
    values = np.full(shape, 0.5, dtype=np.float32)
    ball = sum(((each - at) / radius) ** 2 for each, at, radius in zip((k, j, i), middle, radii)) <= 1.0
    values[ball] = 6.0
    values[:max(1, shape[0] // 4), 0:3, 0:shape[2] // 3] = 5.0
    values[-3:, -7:-4, -9:-4] = 4.0
    values[int(middle[0]), int(middle[1]), int(middle[2])] = 6.5
    values[0, 0, 0], values[-1, -6, -7] = 5.5, 4.5  # the highest of each
    return values


@pytest.fixture(params=[*GRIDS, *REAL])
def result(request: Any, host: Any, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> Result:
    volume = volumeOf(request.param)
    shape = tuple(reversed(volume.GetImageData().GetDimensions()))
    monkeypatch.setattr(selftest, "LESION", tuple(slice(n // 3, n // 3 + max(1, n // 4)) for n in shape))
    found = selftest.addResult(volume)
    slicer.util.arrayFromVolume(found.map)[:] = implanted(shape)
    slicer.util.arrayFromVolumeModified(found.map)
    workplace.parameters.inputVolume = volume
    host.processEvents(100)
    workplace.review.refresh()
    for finding, decision in enumerate(("accepted", "rejected", "unsure")):
        workplace.review.showFinding(finding)
        workplace.review.decide(decision)
    assert len(workplace.review.findings) == 3
    return found


def ranks(result: Result) -> np.ndarray:
    """What must be exported of everything, on the grid of the source, (K, J, I)."""
    values = slicer.util.arrayFromVolume(result.map)
    return np.select([values >= 6.0, values >= 5.0, values >= 4.0], [1, 2, 3], 0)


def points(indices: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """RAS of (k, j, i) rows."""
    return (matrix @ np.column_stack([indices[:, ::-1], np.ones(len(indices))]).T)[:3].T


def test_every_reader_finds_the_same(result: Result, tmp_path: Path) -> None:
    expected, matrix = ranks(result), ijkToRas(result.input)
    files = export.exportSegments(result, tmp_path, export.FORMATS, export.EVERYTHING)
    byKind: Dict[str, List[Path]] = {}
    for path in files:
        byKind.setdefault(path.name.partition(".")[2], []).append(path)

    # NIfTI, by nibabel and by SimpleITK: voxel by voxel on the grid of the source.
    path, = byKind["nii.gz"]
    image = nibabel.load(str(path))
    assert np.array_equal(np.asarray(image.dataobj).reshape(expected.shape[::-1]).T, expected)
    assert np.abs(image.affine - matrix).max() < 1e-4
    other = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayFromImage(other).reshape(expected.shape), expected)
    assert np.abs(affineOf(other) - matrix).max() < 1e-4

    # Segmentation: every voxel of every segment where it was.
    path, = byKind["seg.nrrd"]
    segmentation = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(segmentation)
    for number, rank in enumerate((1, 2, 3)):
        value = int(segmentation.GetMetaData("Segment{}_LabelValue".format(number)))
        assert segmentation.GetMetaData("Segment{}_Name".format(number)) == "Anomaly {}".format(rank)
        codes = segmentation.GetMetaData("Segment{}_Tags".format(number))
        assert "49755003" in codes and "anomaly-candidate" in codes
        own = points(np.argwhere(array == value), affineOf(segmentation))
        true = points(np.argwhere(expected == rank), matrix)
        assert own.shape == true.shape
        assert np.abs(np.sort(own.round(3), axis=0) - np.sort(true.round(3), axis=0)).max() < 2e-3

    # Surfaces: closed, outwards, where the voxels are, and of their volume.
    voxel = abs(np.linalg.det(matrix[:3, :3]))
    for kind in ("stl", "obj"):
        assert len(byKind[kind]) == 3
        for path in byKind[kind]:
            rank = int(path.stem.rpartition("_")[2])
            mesh = trimesh.load(str(path))
            mesh.merge_vertices()
            inside = np.argwhere(expected == rank)
            assert mesh.is_watertight and mesh.volume == pytest.approx(len(inside) * voxel, rel=0.02)
            middle = (LPS[:3, :3] @ points(inside, matrix).mean(axis=0))
            assert np.abs(mesh.center_mass - middle).max() < 0.5 * np.linalg.norm(matrix[:3, :3], axis=0).max()

    # Table: as the scene has it.
    path, = byKind["csv"]
    table = pandas.read_csv(path, keep_default_na=False)
    assert list(table["decision"]) == ["accepted", "rejected", "unsure"] and list(table["exported"]) == [1, 1, 1]
    assert list(table["voxels"]) == [int((expected == rank).sum()) for rank in (1, 2, 3)]
    assert list(table["volume_ml"]) == pytest.approx([(expected == rank).sum() * voxel / 1000 for rank in (1, 2, 3)])
    rows = tables.readFindings(result.get("findings"))
    for name in ("right", "anterior", "superior", "peak"):
        assert list(table[name]) == pytest.approx([row[name] for row in rows])


def affineOf(image: Any) -> np.ndarray:
    """RAS of a SimpleITK image."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return LPS @ matrix


@pytest.mark.parametrize("result", ["flipped"], indirect=True)
def test_a_shifted_export_would_be_noticed(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    from SPMambaPanel.export import labelmap

    def shifted(node: Any) -> np.ndarray:
        return ijkToRas(node) + 0.5 * np.eye(4, k=3)

    monkeypatch.setattr(labelmap, "ijkToRas", shifted)
    with pytest.raises(AssertionError):
        test_every_reader_finds_the_same(result, tmp_path)
