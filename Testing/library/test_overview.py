"""The overview picture and the segmentation file: what is marked, on which scale, and does Slicer open it."""
from __future__ import annotations

import fake_detector
import numpy as np
import pytest

from SPMambaLib.detection import SliceScore
from SPMambaLib.io.image import read_image
from SPMambaLib.output.appearance import TERMINOLOGY, map_colors, map_window
from SPMambaLib.output.overview import draw_overview, gray_window, most_unusual
from SPMambaLib.output.segmentation import Segment, segments_of, write_segmentation

AXIAL = np.diag([-1.0, -1.0, 2.0, 1.0])  # the usual file: i to the left, j to the back, k to the head
OBLIQUE = np.array([[-0.9, 0.1, 0.2, 12.5], [0.15, -1.1, 0.3, -7.25], [0.05, 0.2, 2.5, 33.0], [0, 0, 0, 1.0]])
CARD = {"name": "fake", "title": "Fake", "version": "1"}


def volume(lesion=600.0, shape=(24, 40, 32)):
    voxels = np.random.default_rng(2).normal(100.0, 5.0, size=shape).astype(np.float32)
    voxels[14:17, 8:14, 4:10] += lesion
    return voxels


def detection_of(voxels, ijk_to_ras=AXIAL, rate=0.01):
    return fake_detector.detection_of(voxels, ijk_to_ras, rate, CARD)


def colorful(picture):
    """Pixels that are not gray."""
    pixels = np.asarray(picture).astype(int)
    return np.ptp(pixels, axis=2) > 30


# -- the picture -------------------------------------------------------------------------------------------------------

def test_the_lesion_is_marked_where_it_lies():
    voxels = volume()
    picture = draw_overview(voxels, detection_of(voxels), "head")
    tile_width, tile_height = round(232 * 32 / 40), 232
    x, y = 8, 64 + 18  # corner of the first pair
    plain = colorful(picture.crop((x, y, x + tile_width, y + tile_height)))
    marked = colorful(picture.crop((x + tile_width + 2, y, x + 2 * tile_width + 2, y + tile_height)))
    assert not plain.any()
    rows, columns = np.nonzero(marked)
    scale = tile_height / 40
    assert (rows.min(), columns.min()) == pytest.approx((8 * scale, 4 * scale), abs=3)
    assert (rows.max(), columns.max()) == pytest.approx((14 * scale, 10 * scale), abs=3)


def test_a_normal_image_looks_normal():
    """No color anywhere in the slices: the scale is the model's, not the image's own maximum."""
    voxels = volume(lesion=0.0)
    detection = detection_of(voxels)
    detection.map[:] *= 0.5 * detection.threshold / detection.map.max()
    detection.labels[:], detection.findings = 0, []
    picture = draw_overview(voxels, detection, "normal")
    slices = (8, 64 + 18, picture.width - 110, picture.height)
    assert not colorful(picture.crop(slices)).any()
    assert colorful(draw_overview(volume(), detection_of(volume()), "lesion").crop(slices)).any()  # negative control


def test_the_same_value_has_the_same_color_in_every_image():
    window = map_window(fake_detector.CALIBRATION)
    assert window == (pytest.approx(2.0, abs=0.05), pytest.approx(2.0 + 2 * (3.0 * 1.25 - 2.0), abs=0.1))
    low, middle, high, beyond = map_colors(np.array([window[0], 3.0, window[1], 99.0]), window).astype(int)
    assert low.sum() < middle.sum() < high.sum() and (high == beyond).all()


@pytest.mark.parametrize("plane, ijk_to_ras", [("coronal", OBLIQUE), ("sagittal", AXIAL), ("axial", OBLIQUE)])
def test_every_plane_is_drawn_in_its_own_proportions(plane, ijk_to_ras):
    detection = detection_of(volume(), ijk_to_ras)
    axis = {"axial": 0, "coronal": 1, "sagittal": 2}[plane]
    peaks = detection.map.max(axis=tuple(a for a in range(3) if a != axis))
    detection.plane, detection.slice_axis = plane, axis
    detection.slices = [SliceScore(n, (0.0, 0.0, 0.0), float(v), float(v)) for n, v in enumerate(peaks)]
    assert colorful(draw_overview(volume(), detection).crop((8, 82, 480, 200))).any()


def test_a_single_image_is_one_large_pair():
    voxels = volume(shape=(24, 40, 32))[15:16]
    detection = detection_of(voxels, np.eye(4))
    detection.plane = "native"
    picture = draw_overview(voxels, detection, "chest")
    assert picture.height == 64 + 480 + 18 + 2 * 8


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
def test_odd_voxels_do_not_break_the_picture(value):
    voxels = volume()
    detection = detection_of(voxels)
    voxels[0, 0, :5] = value
    draw_overview(voxels, detection)


def test_no_analysed_slice_gives_a_picture_without_slices():
    detection = detection_of(volume())
    detection.slices = []
    assert draw_overview(volume(), detection).width >= 760


def test_shown_slices_are_apart_and_ordered():
    scores = [1, 9, 8, 7, 2, 6, 3, 5, 9.5, 4]
    slices = [SliceScore(n, (0.0, 0.0, float(n)), float(s), float(s), analysed=n != 8) for n, s in enumerate(scores)]
    assert [s.index for s in most_unusual(slices, slice_mm=4.0, count=3)] == [1, 3, 5]
    assert [s.index for s in most_unusual(slices, slice_mm=20.0, count=3)] == [1, 2, 3]


def test_the_gray_window_ignores_background_and_outliers():
    voxels = np.zeros((50, 50, 50), np.float32)
    voxels[20:40, 20:40, 20:40] = np.random.default_rng(1).uniform(100, 200, (20, 20, 20))
    voxels[30, 30, 30] = 1e6
    low, high = gray_window(voxels)
    assert 100 <= low < 102 and 198 < high <= 200


# -- the segmentation --------------------------------------------------------------------------------------------------

def test_the_segmentation_comes_back_as_an_image(tmp_path):
    detection = detection_of(volume(), OBLIQUE)
    write_segmentation(tmp_path / "f.seg.nrrd", detection.labels, OBLIQUE, segments_of(detection))
    image = read_image(tmp_path / "f.seg.nrrd")
    assert (image.voxels == detection.labels).all() and np.abs(image.ijk_to_ras - OBLIQUE).max() < 1e-12


def load_in_slicer(path):
    slicer = pytest.importorskip("slicer", reason="needs slicer-core")
    if not hasattr(slicer, "vtkMRMLSegmentationStorageNode"):
        pytest.skip("needs slicer-core")
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    return slicer, scene, node


def test_slicer_opens_the_findings_as_segments(tmp_path):
    labels = np.zeros((6, 10, 12), np.int16)
    labels[1:3, 2:5, 3:7], labels[4, 8, 9:11] = 1, 2
    segments = [Segment(1, "Finding 1", (0.9, 0.55, 0.0), (3, 6, 2, 4, 1, 2)),
                Segment(2, "Finding 2", (0.8, 0.2, 0.05), (9, 10, 8, 8, 4, 4))]
    path = tmp_path / "findings.seg.nrrd"
    write_segmentation(path, labels, OBLIQUE, segments)
    slicer, scene, node = load_in_slicer(path)
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())] == [
        "Finding 1", "Finding 2"]
    assert segmentation.GetSourceRepresentationName() == "Binary labelmap"
    for segment in segments:
        identifier = segmentation.GetSegmentIdBySegmentName(segment.name)
        loaded = segmentation.GetSegment(identifier)
        assert loaded.GetColor() == pytest.approx(segment.color) and loaded.GetLabelValue() == segment.value
        assert loaded.GetTerminology() == TERMINOLOGY
        voxels = slicer.vtkOrientedImageData()
        node.GetBinaryLabelmapRepresentation(identifier, voxels)
        i, j, k = (segment.extent[axis] for axis in (0, 2, 4))
        assert voxels.GetScalarComponentAsDouble(i, j, k, 0) > 0
        assert int(np.count_nonzero(labels == segment.value)) == count_voxels(slicer, voxels)
        matrix = slicer.vtkMatrix4x4() if hasattr(slicer, "vtkMatrix4x4") else __import__("vtk").vtkMatrix4x4()
        voxels.GetImageToWorldMatrix(matrix)
        found = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
        assert np.abs(found - OBLIQUE).max() < 1e-6


def count_voxels(slicer, image):
    from vtk.util.numpy_support import vtk_to_numpy

    return int(np.count_nonzero(vtk_to_numpy(image.GetPointData().GetScalars())))


def test_slicer_opens_a_detection_without_findings(tmp_path):
    path = tmp_path / "findings.seg.nrrd"
    write_segmentation(path, np.zeros((6, 10, 12), np.int16), AXIAL, [])
    _, _, node = load_in_slicer(path)
    assert node.GetSegmentation().GetNumberOfSegments() == 0
