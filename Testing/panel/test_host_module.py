"""The test host itself, with a small module of its own: panel, scene, views, slots."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

pytest.importorskip("slicer", reason="the test host needs slicer-core")
pytest.importorskip("PySide6", reason="the test host needs PySide6")

import host

EXAMPLE = os.path.join(os.path.dirname(host.__file__), "example", "Example.py")

# Voxels (K, J, I) of the bright box in the synthetic head, and the geometry: 2 x 2 x 3 mm, first two axes reversed.
BOX = np.s_[10:14, 30:36, 12:20]
IJK_TO_RAS = np.array([[-2.0, 0, 0, 60], [0, -2.0, 0, 50], [0, 0, 3.0, -60], [0, 0, 0, 1]])
BOX_CENTRE = (IJK_TO_RAS @ [15.5, 32.5, 11.5, 1.0])[:3]


@pytest.fixture(scope="module")
def example():
    return host.start(EXAMPLE)


@pytest.fixture
def running(example):
    """The example module with an empty scene."""
    example.mainWindow._showPanel(example.panel)
    example.closeScene()
    example.exceptions.clear()
    yield example
    example.closeScene()
    example.exceptions.clear()


@pytest.fixture
def head(running):
    """A dim ellipsoid with a bright box in it."""
    import slicer

    k, j, i = np.mgrid[:40, :50, :60]
    voxels = np.where(((k - 20) / 18) ** 2 + ((j - 25) / 22) ** 2 + ((i - 30) / 26) ** 2 < 1, 40, 0).astype(np.int16)
    voxels[BOX] = 150
    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=IJK_TO_RAS, name="Head")
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    running.widget.ui.inputSelector.setCurrentNode(node)
    return node


def isBlue(pixel):
    return int(pixel[2]) > int(pixel[0]) + 50


def test_panel_follows_parameter_node_and_back(running, head):
    ui, parameters = running.widget.ui, running.widget.parameters
    assert parameters.inputVolume is head
    ui.thresholdSlider.value = 60
    assert parameters.threshold == 60
    parameters.threshold = 70.0
    assert ui.thresholdSlider.value == 70
    ui.invertBox.checked = True
    assert parameters.inverted is True
    with pytest.raises(ValueError):
        parameters.threshold = 201.0
    assert parameters.parameterNode.GetParameter("inverted") == "True"
    assert parameters.parameterNode.GetNodeReferenceID("inputVolume") == head.GetID()


def test_disconnected_widget_leaves_the_parameter_alone(running):
    widget = running.widget
    widget.parameters.disconnectGui(widget._guiTag)
    widget.ui.thresholdSlider.value = 12
    assert widget.parameters.threshold != 12


def test_label_layer_is_drawn_at_its_place_in_all_planes(running, head):
    ui = running.widget.ui
    ui.thresholdSlider.value = 100
    ui.applyButton.click()
    ui.table.cellClicked.emit(0, 0)
    running.processEvents()
    assert not running.exceptions
    outside = BOX_CENTRE + [-40, 0, 0]
    for view in ("Red", "Green", "Yellow"):
        image = running.viewImage(view)
        column, row = (int(round(x)) for x in running.pixelOf(view, BOX_CENTRE))
        assert isBlue(image[row, column]), view
        # The layer covers the box and nothing else: its centre of mass is the box's centre.
        blue = image[..., 2].astype(int) > image[..., 0].astype(int) + 50
        rows, columns = blue.nonzero()
        assert abs(rows.mean() - row) < 3 and abs(columns.mean() - column) < 3, view
        # The image under the layer is still seen.
        assert (np.ptp(image, axis=-1) < 3).mean() > 0.5
    image = running.viewImage("Red")
    column, row = (int(round(x)) for x in running.pixelOf("Red", outside))
    assert not isBlue(image[row, column])
    # Radiological view: the patient's right is on the left of the picture.
    assert running.pixelOf("Red", (10, 0, 0))[0] < running.pixelOf("Red", (-10, 0, 0))[0]


def test_exception_in_a_slot_is_collected(running):
    assert running.exceptions == []
    running.widget.ui.failButton.click()
    running.processEvents()
    assert [e.type for e in running.exceptions] == [ValueError]
    assert "a slot that fails" in running.exceptions[0].text


def test_scene_round_trip(running, head, tmp_path):
    import slicer

    running.widget.parameters.threshold = 123.5
    running.widget.parameters.note = "kept"
    running.widget.ui.applyButton.click()
    voxels = slicer.util.arrayFromVolume(head).copy()
    running.saveScene(tmp_path / "scene.mrb")
    running.closeScene()
    assert running.widget.parameters.threshold == 50 and running.widget.parameters.inputVolume is None
    running.loadScene(tmp_path / "scene.mrb")
    loaded = slicer.util.getNode("Head")
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), voxels)
    matrix = slicer.util.arrayFromVTKMatrix(_ijkToRas(loaded))
    assert np.allclose(matrix, IJK_TO_RAS, atol=1e-6)
    assert running.widget.parameters.threshold == 123.5 and running.widget.parameters.note == "kept"
    assert running.widget.parameters.inputVolume is loaded
    assert running.widget.ui.inputSelector.currentNode() is loaded
    assert slicer.util.arrayFromVolume(slicer.util.getNode("Example labels")).sum() == voxels[BOX].size
    assert not running.exceptions


def _ijkToRas(node):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return matrix


def test_load_volume_from_file(running, tmp_path):
    import slicer

    voxels = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    node = slicer.util.addVolumeFromArray(voxels, ijkToRAS=IJK_TO_RAS)
    path = str(tmp_path / "small.nii.gz")
    assert slicer.util.saveNode(node, path, {})
    running.closeScene()
    loaded = running.loadVolume(path)
    assert loaded.GetName() == "small"
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), voxels)
    with pytest.raises(RuntimeError, match="does not exist"):
        running.loadVolume(str(tmp_path / "absent.nii.gz"))


def test_node_selector_follows_the_scene(running):
    import slicer

    selector = running.widget.ui.inputSelector
    seen = []
    selector.currentNodeChanged.connect(seen.append)
    assert selector.currentNode() is None
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "A")
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "B")
    assert selector.nodeCount() == 1 and selector.currentNode() is None
    selector.setCurrentNode(labels)
    assert selector.currentNode() is None
    selector.setCurrentNode(volume)
    slicer.mrmlScene.RemoveNode(volume)
    assert selector.currentNode() is None and selector.nodeCount() == 0
    assert seen == [volume, None]
    selector.currentNodeChanged.disconnect(seen.append)


def test_gap_monitor_sees_a_blocked_event_loop(running):
    import time

    with running.gaps() as gaps:
        running.processEvents(200)
    idle = gaps.largestMs
    with running.gaps() as gaps:
        running.processEvents(50)
        time.sleep(0.3)
        running.processEvents(50)
    assert gaps.largestMs > 290 > idle


def test_wait_for_ends_or_raises(running):
    import qt

    done = []
    qt.QTimer.singleShot(20, lambda: done.append(1))
    running.waitFor(lambda: done, 5000)
    with pytest.raises(TimeoutError):
        running.waitFor(lambda: False, 50)
    with pytest.raises(ZeroDivisionError):
        running.waitFor(lambda: 1 / 0, 5000)


def test_screenshot_holds_panel_and_views(running, head, tmp_path):
    from PIL import Image

    running.screenshot(tmp_path / "window.png")
    picture = np.asarray(Image.open(tmp_path / "window.png").convert("RGB"))
    assert picture.shape[:2] == (running.mainWindow.height, running.mainWindow.width)
    panel = picture[:, : running.mainWindow.width // 4]
    views = picture[:, running.mainWindow.width // 2 :]
    assert panel.mean() > 150 and np.ptp(views) > 100


def test_a_second_module_can_be_loaded_and_unloaded(running, tmp_path):
    import slicer

    script = tmp_path / "Tiny.py"
    script.write_text(
        "from slicer.ScriptedLoadableModule import *\n"
        "class Tiny(ScriptedLoadableModule):\n    pass\n"
        "class TinyWidget(ScriptedLoadableModuleWidget):\n"
        "    cleaned = False\n"
        "    def cleanup(self):\n        TinyWidget.cleaned = True\n"
    )
    tiny = host.start(str(script))
    assert slicer.util.getModule("Tiny").path == str(script)
    assert slicer.util.getModuleWidget("Tiny") is tiny.widget
    tiny.unload()
    assert sys.modules["Tiny"].TinyWidget.cleaned
    with pytest.raises(FileNotFoundError):
        host.start(str(tmp_path / "Absent.py"))
