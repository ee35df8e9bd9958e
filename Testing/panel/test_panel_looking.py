"""Ways of looking: live bands, map, blink, side by side, slices seen, slice plot, keys, operating point."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
import qt
import slicer
from SPMambaPanel.reading.display import MARKED_VIEW, PLAIN_VIEW
from SPMambaPanel.reading.livebands import LiveBands
from SPMambaPanel.scene import sliceplot, tables
from SPMambaPanel.scene.planes import AnalysedPlane
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections import shortcuts
from SPMambaPanel.selftests import selftest

from SPMambaLib.output.appearance import map_window

# Of Slicer's documentation (Mouse & Keyboard Shortcuts), and the letters that open the menus of its main window.
OF_SLICER = (
    "Ctrl+F", "Ctrl+O", "Ctrl+S", "Ctrl+W", "Ctrl+0", "Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+`", "Ctrl+4", "Ctrl+5",
    "Ctrl+H", "Ctrl+B", "Ctrl+G", "Ctrl+V", "Left", "Right", "Up", "Down", "B", "F", "V", "R", "G", "T", "[", "]",
    "{", "}", "End", "Home", "PgDown", "Ins", "+", "-", "Shift+End", "Shift+PgDown", "Shift+Home", "Shift+Left",
    "Shift+Right", "Shift+Up", "Shift+Down", "Tab", "Esc", "Alt+F", "Alt+E", "Alt+V", "Alt+H")


def press(key: str) -> None:
    """What the main window does when the reader presses `key`."""
    found = [each for each in slicer.util.mainWindow().findChildren(qt.QShortcut) if each.key.toString() == key]
    assert len(found) == 1, key
    found[0].activated.emit()


def view(name: str) -> Any:
    return slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNode" + name)


def composite(name: str) -> Any:
    return next(each for each in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
                if each.GetLayoutName() == name)


def scrollTo(result: Result, *indices: int) -> None:
    """Show slices of the analysed volume in the axial view."""
    rows = {row["slice"]: row for row in tables.readSlices(result.get("slices"))}
    for index in indices:
        view("Red").JumpSliceByOffsetting(*(rows[index][name] for name in ("right", "anterior", "superior")))


# -- bands ------------------------------------------------------------------------------------------------------------


def test_live_bands_equal_the_bands_of_the_calibration(host: Any, result: Result) -> None:
    values = slicer.util.arrayFromVolume(result.map)
    values[:] = np.random.default_rng(3).uniform(0.0, 5.0, values.shape)
    values[0, 0, :5] = np.nan
    calibration = result.calibration
    bands, severity = LiveBands(result), slicer.util.arrayFromVolume(result.severity)
    for rate in (0.05, 0.5, calibration.lowest_rate, 0.01, 0.0100001, 0.3, 0.05):
        threshold = calibration.threshold(rate)
        bands.show(threshold)
        assert np.array_equal(severity, calibration.severity(values, threshold)), rate
        assert not np.array_equal(severity, calibration.severity(values, threshold + 0.05)), "the test can fail"


def test_live_bands_notice_another_map(host: Any, result: Result) -> None:
    bands = LiveBands(result)
    assert bands.fits(result)
    slicer.util.arrayFromVolumeModified(result.map)
    assert not bands.fits(result)


# -- map --------------------------------------------------------------------------------------------------------------


def test_whole_map_keeps_its_scale(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    shown, calibration = result.map.GetDisplayNode(), result.calibration
    window = map_window(calibration)
    for value in (20, 190):
        ui.operatingPointSlider.value = value
        threshold = calibration.threshold(workplace.parameters.falsePositiveRate)
        assert shown.GetLowerThreshold() == pytest.approx(threshold, abs=1e-5)
        assert (shown.GetWindowLevelMin(), shown.GetWindowLevelMax()) == pytest.approx(window)
    ui.operatingPointSlider.value = 20
    ui.wholeMapCheckBox.click()
    assert shown.GetLowerThreshold() == pytest.approx(window[0], abs=1e-5) and window[0] < threshold + 1
    ui.wholeMapCheckBox.click()
    assert shown.GetLowerThreshold() > window[0] + 0.1


def test_one_key_switches_bands_and_map(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    seen = []
    for _ in range(3):
        seen.append((workplace.parameters.overlay, composite("Red").GetLabelOpacity() > 0,
                     composite("Red").GetForegroundOpacity() > 0))
        press(shortcuts.TOGGLE_MAP)
    assert seen == [("bands", True, False), ("map", False, True), ("bands", True, False)]
    assert ui.overlaySelector.itemData(ui.overlaySelector.currentIndex) == "map"


def test_blink(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    def lit() -> bool:
        return composite("Red").GetLabelOpacity() > 0 and bool(result.segmentation.GetDisplayNode().GetVisibility())

    press(shortcuts.BLINK)
    workplace.views.onBeat()
    assert not lit() and composite("Red").GetLabelOpacity() == 0
    workplace.views.onBeat()
    assert lit()
    workplace.views.onBeat()
    press(shortcuts.BLINK)
    assert lit(), "never left dark"
    press(shortcuts.BLINK)
    host.waitFor(lambda: not lit(), 3000)
    host.waitFor(lit, 3000)
    workplace.parameters.inputVolume = None
    assert not ui.blinkButton.checked


# -- side by side -----------------------------------------------------------------------------------------------------


def test_compare_and_back(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    layout = host.layoutManager
    before = (layout.layout, np.array(slicer.util.arrayFromVTKMatrix(view(MARKED_VIEW).GetSliceToRAS()))[:3, :3])
    press(shortcuts.NEXT_FINDING)
    offset, current = view(PLAIN_VIEW).GetSliceOffset(), workplace.review.seen.current
    press(shortcuts.COMPARE)
    host.processEvents(50)
    assert view(PLAIN_VIEW).GetSliceOffset() == pytest.approx(offset, abs=1e-3) and current != 9, "9 is the middle"
    assert workplace.parameters.compare and layout.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView
    planes = [slicer.util.arrayFromVTKMatrix(view(name).GetSliceToRAS()) for name in (PLAIN_VIEW, MARKED_VIEW)]
    assert np.allclose(*planes) and not np.allclose(planes[1][:3, :3], before[1])
    assert composite(PLAIN_VIEW).GetLabelOpacity() == 0 and composite(MARKED_VIEW).GetLabelOpacity() > 0
    assert composite(PLAIN_VIEW).GetLinkedControl() and composite(MARKED_VIEW).GetLinkedControl()
    segments = result.segmentation.GetDisplayNode()
    assert not segments.IsDisplayableInView(view(PLAIN_VIEW).GetID())
    assert segments.IsDisplayableInView(view(MARKED_VIEW).GetID())
    press(shortcuts.COMPARE)
    host.processEvents(50)
    assert layout.layout == before[0]
    assert np.allclose(slicer.util.arrayFromVTKMatrix(view(MARKED_VIEW).GetSliceToRAS())[:3, :3], before[1])
    assert composite(PLAIN_VIEW).GetLabelOpacity() > 0 and segments.IsDisplayableInView(view(PLAIN_VIEW).GetID())
    assert not composite(PLAIN_VIEW).GetLinkedControl()


def test_scrolling_one_view_scrolls_the_other(host: Any, ui: Any, result: Result) -> None:
    def offsets() -> List[float]:
        return [view(name).GetSliceOffset() for name in (PLAIN_VIEW, MARKED_VIEW)]

    slider = host.layoutManager.sliceWidget(PLAIN_VIEW).sliceController().sliceOffsetSlider()
    slider.setValue(slider.value + 3 * slider.singleStep)
    assert abs(offsets()[0] - offsets()[1]) > 1.0, "not linked before"
    ui.compareCheckBox.click()
    host.processEvents(50)
    slider.setValue(slider.value - 5 * slider.singleStep)
    host.processEvents(20)
    assert offsets()[0] == pytest.approx(offsets()[1], abs=1e-3)
    ui.compareCheckBox.click()
    host.processEvents(50)


def test_another_layout_ends_the_comparison(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    ui.compareCheckBox.click()
    host.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)
    assert not workplace.parameters.compare and not workplace.parameters.beforeCompare
    assert host.layoutManager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView, "the reader's choice stays"
    host.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)


def test_a_closed_scene_gives_the_views_back(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    before = host.layoutManager.layout
    ui.compareCheckBox.click()
    assert host.layoutManager.layout != before
    host.closeScene()
    assert host.layoutManager.layout == before


# -- slices seen ------------------------------------------------------------------------------------------------------


def test_seen_slices_are_counted_and_kept(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    assert workplace.review.seen.current == 9 and not len(workplace.review.seen), "shown, but nobody moved to it"
    scrollTo(result, 2, 3, 4, 3)
    host.processEvents(100)
    expected = {2, 3, 4}
    rows = tables.readSlices(result.get("slices"))
    assert {row["slice"] for row in rows if row["seen"]} == expected and workplace.review.seen.current == 3
    assert "Seen {} of 20 slices.".format(len(expected)) in ui.seenLabel.text
    workplace.update()
    workplace.review.open(Result.of(workplace.parameters.inputVolume))
    assert all(index in workplace.review.seen for index in expected)


def test_what_does_not_count_as_seen(host: Any, workplace: Any, case: Any, result: Result) -> None:
    """Views of another plane, of another volume, outside the layout; what the reader did not move to."""
    host.processEvents(60)
    before = len(workplace.review.seen)
    for name in ("Yellow", "Green"):
        view(name).SetSliceOffset(view(name).GetSliceOffset() + 4.0)
    assert len(workplace.review.seen) == before
    other = selftest.syntheticVolume("Other")
    composite("Red").SetBackgroundVolumeID(other.GetID())
    scrollTo(result, 1)
    assert len(workplace.review.seen) == before
    composite("Red").SetBackgroundVolumeID(case.volume.GetID())
    assert len(workplace.review.seen) == before and workplace.review.seen.current == 1, "shown, but nobody moved to it"
    width, height, depth = view("Red").GetFieldOfView()
    view("Red").SetFieldOfView(width / 2, height / 2, depth)
    slicer.app.applicationLogic().GetSliceLogic(view("Red")).FitSliceToBackground()
    assert len(workplace.review.seen) == before and workplace.review.seen.current == 9, "nor does fitting count"
    host.processEvents(60)
    scrollTo(result, 1)
    assert len(workplace.review.seen) == before + 1


def test_what_the_reader_asks_for_is_seen_where_no_view_has_to_move(host: Any, workplace: Any, case: Any,
                                                                    result: Result) -> None:
    rows = {row["slice"]: row for row in tables.readSlices(result.get("slices"))}
    composite("Red").SetBackgroundVolumeID(None)
    scrollTo(result, 7)
    composite("Red").SetBackgroundVolumeID(case.volume.GetID())
    assert workplace.review.seen.current == 7 and not len(workplace.review.seen)
    offset = view("Red").GetSliceOffset()
    workplace.review.showSlice(rows[7])
    assert 7 in workplace.review.seen and view("Red").GetSliceOffset() == offset


def test_opening_a_scene_adds_nothing_to_what_was_seen(host: Any, ui: Any, workplace: Any, result: Result,
                                                       tmp_path: Path) -> None:
    scrollTo(result, 2, 3)
    other = selftest.syntheticVolume("Other")
    selftest.addResult(other)
    workplace.onVolumeChosen(other)
    host.processEvents(100)
    host.saveScene(tmp_path / "case.mrb")
    host.loadScene(tmp_path / "case.mrb")
    for name, expected in (("Other", set()), ("Synthetic", {2, 3}), ("Other", set())):
        workplace.onVolumeChosen(slicer.util.getNode(name))
        host.processEvents(100)
        slices = Result.of(slicer.util.getNode(name)).get("slices")
        assert {row["slice"] for row in tables.readSlices(slices) if row["seen"]} == expected, name
    scrollTo(workplace.review.result, 5)
    assert len(workplace.review.seen) == 1, "the test can fail"


def test_slice_of_a_view_under_a_transform(host: Any, workplace: Any, case: Any) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    moved = np.array([[1.0, 0, 0, 11], [0, 1, 0, -5], [0, 0, 1, 23], [0, 0, 0, 1]])
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    case.volume.SetAndObserveTransformNodeID(transform.GetID())
    plane = AnalysedPlane(selftest.addResult(case.volume))
    for index in (0, 7, 19):
        i, j = (size / 2 for size in reversed(selftest.SHAPE[1:]))
        view("Red").JumpSliceByCentering(*(moved @ selftest.OBLIQUE @ [i, j, index, 1.0])[:3])
        assert plane.sliceOf(view("Red")) == index
    assert plane.sliceOf(view("Yellow")) is None


def test_walk_over_unseen_marks(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    """Slices 8 to 12 hold the lesion, 9 and 10 have been seen; the walk shows the others once and ends."""
    scrollTo(result, 9, 0, 9, 10, 1)
    host.processEvents(60)
    shown = []
    while ui.nextUnseenButton.enabled and len(shown) < 9:
        press(shortcuts.NEXT_UNSEEN if len(shown) < 2 else shortcuts.PREVIOUS_UNSEEN)
        host.processEvents(60)
        shown.append(workplace.review.seen.current)
    assert shown == [8, 11, 12] and "All slices with a mark were seen." in ui.seenLabel.text


# -- plot -------------------------------------------------------------------------------------------------------------


def columns(node: Any, *names: str) -> np.ndarray:
    table = node.GetTable()
    return np.array([[table.GetValueByName(row, name).ToDouble() for name in names]
                     for row in range(table.GetNumberOfRows())]).reshape(-1, len(names))


def test_plot_follows_the_reader(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    scrollTo(result, 2, 3, 4)
    ui.operatingPointSlider.value = 60
    host.processEvents(100)
    marks, unseen = result.get("marksTable"), result.get("unseenTable")
    threshold = result.calibration.threshold(workplace.parameters.falsePositiveRate)
    assert columns(marks, "current")[:, 0].tolist() == [4, 4]
    assert columns(marks, "threshold") == pytest.approx(threshold)
    assert not {2, 3, 4} & set(columns(unseen, "slice")[:, 0].tolist()) and len(columns(unseen, "slice")) >= 16
    assert columns(result.get("normalTable"), "value").max() == pytest.approx(result.calibration.threshold(0.05))


def test_plot_of_slices_in_descending_order(host: Any, result: Result) -> None:
    """The table of a volume that was read from the top down; the axis still ascends and nothing lies outside."""
    rows = tables.readSlices(result.get("slices"))
    tables.writeTable(result.get("slices"), tables.SLICE_COLUMNS, rows[::-1])
    sliceplot.mark(result, {3}, 3, 2.0)
    chart, across = result.get("chart"), columns(result.get("marksTable"), "across")[:, 0]
    assert list(chart.GetXAxisRange()) == across.tolist() == [-0.5, len(rows) - 0.5]
    assert columns(result.get("unseenTable"), "slice")[:, 0].tolist() == [n for n in range(len(rows)) if n != 3]


def test_a_click_on_the_plot_jumps(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    QTest = pytest.importorskip("PySide6.QtTest").QTest
    ui.plotButton.click()
    host.processEvents(200)
    plot = host.layoutManager.plotWidget(0).plotView()
    host.viewImage("Plot")
    row = next(row for row in tables.readSlices(result.get("slices")) if row["slice"] == 14)
    x, y = plot._pixelOf(np.array([[row["slice"], row["peak"]]]))[0]
    QTest.mouseClick(plot, qt.Qt.LeftButton, qt.Qt.NoModifier, qt.QPoint(int(x), int(plot.height - 1 - y)))
    host.processEvents(60)
    assert workplace.review.seen.current == 14
    image = host.viewImage("Plot").reshape(-1, 3).astype(int)
    assert ((np.abs(image - [214, 224, 230]).max(axis=1) < 8).mean() > 0.1), "the normal range is a filled band"
    host.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)


def test_a_chart_that_lost_series_is_mended(host: Any, workplace: Any, case: Any, result: Result) -> None:
    chart = result.get("chart")
    chart.RemoveNthPlotSeriesNodeID(0)
    slicer.mrmlScene.RemoveNode(result.get("currentSeries"))
    workplace.parameters.inputVolume = None
    workplace.parameters.inputVolume = case.volume
    assert [chart.GetNthPlotSeriesNodeID(n) for n in range(chart.GetNumberOfPlotSeriesNodes())] == [
        result.get(role).GetID() for role in sliceplot.SERIES]


# -- operating point --------------------------------------------------------------------------------------------------


def test_the_next_case_begins_at_the_models_own_operating_point(host: Any, ui: Any, workplace: Any, case: Any,
                                                                result: Result) -> None:
    ui.operatingPointSlider.value = 60
    assert workplace.parameters.falsePositiveRate != 0
    host.closeScene()
    workplace.parameters.inputVolume = selftest.syntheticVolume("Next")
    assert ui.operatingPointSlider.value != 60 and workplace.rates.rate() == 0
    assert ui.operatingPointLabel.text.startswith("1 in 20 ")
    ui.operatingPointSlider.value = 60
    ui.defaultRateButton.click()
    assert ui.operatingPointLabel.text.startswith("1 in 20 ")


# -- keys -------------------------------------------------------------------------------------------------------------


def test_keys_do_not_clash() -> None:
    def clashes(keys: Any) -> set:
        own, others = ({qt.QKeySequence(key).toString() for key in each} for each in (keys, OF_SLICER))
        return own & others

    assert not clashes(shortcuts.KEYS) and len(set(shortcuts.KEYS)) == len(shortcuts.KEYS)
    assert all(qt.QKeySequence(key).toString() == key for key in shortcuts.KEYS), "Qt knows them"
    assert clashes((*shortcuts.KEYS, "Alt+F")) == {"Alt+F"}


def test_help_lists_every_key_and_does_what_it_says(host: Any, ui: Any, workplace: Any, result: Result) -> None:
    press(shortcuts.HELP)
    menu = workplace.views.keysMenu
    lines = [action.text for action in menu.actions()]
    assert [line.split("\t")[1] for line in lines] == list(shortcuts.KEYS)
    assert set(workplace.views.actions) == set(shortcuts.KEYS)
    next(action for action in menu.actions() if shortcuts.TOGGLE_OVERLAY in action.text).trigger()
    assert not workplace.parameters.overlayVisible
    menu.close()


@pytest.mark.parametrize("key, decision", [(shortcuts.ACCEPT, "accepted"), (shortcuts.REJECT, "rejected"),
                                           (shortcuts.UNSURE, "unsure")])
def test_decisions_by_key(host: Any, ui: Any, workplace: Any, result: Result, key: str, decision: str) -> None:
    press(key)
    assert not any(row.get("decision") for row in tables.readFindings(result.get("findings"))), "nothing is chosen yet"
    press(shortcuts.NEXT_FINDING)
    press(key)
    assert tables.readFindings(result.get("findings"))[0]["decision"] == decision
    with pytest.raises(ValueError):
        workplace.review.decide("perhaps")


# -- saved ------------------------------------------------------------------------------------------------------------

FRESH = """
import sys
sys.path[:0] = [{root!r}, {testing!r}, {extension!r}]
import host
running = host.start({module!r})
running.loadScene({scene!r})
running.processEvents(200)
workplace, ui = running.widget.workplace, running.widget.ui
chart = workplace.review.result.get("chart")
print("SEEN", sorted(workplace.review.seen._seen))
print("POINT", round(workplace.parameters.falsePositiveRate, 6), ui.operatingPointSlider.value)
print("LOOK", workplace.parameters.overlay, ui.wholeMapCheckBox.checked, ui.outlineCheckBox.checked,
      workplace.parameters.compare)
print("PLOT", chart.GetNumberOfPlotSeriesNodes(), "ERRORS", len(running.exceptions))
"""


def test_everything_is_back_in_a_fresh_process(host: Any, ui: Any, workplace: Any, result: Result,
                                               tmp_path: Path) -> None:
    scrollTo(result, 2, 3, 4)
    ui.operatingPointSlider.value = 60
    workplace.views.toggleMap()
    ui.wholeMapCheckBox.click()
    ui.outlineCheckBox.click()
    host.processEvents(100)
    workplace.review.recompute()
    host.saveScene(tmp_path / "case.mrb")
    root = Path(__file__).resolve().parents[2]
    code = FRESH.format(root=str(root), testing=str(root / "Testing"), extension=str(root / "SPMambaExtension"),
                        module=str(root / "SPMambaExtension" / "SPMamba.py"), scene=str(tmp_path / "case.mrb"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    said = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    rate = round(workplace.parameters.falsePositiveRate, 6)
    seen = set(json.loads(said["SEEN"].split(" ", 1)[1])) if "SEEN" in said else None
    assert seen is not None and seen == {2, 3, 4}, done.stdout + done.stderr
    assert said["POINT"] == "POINT {} 60".format(rate)
    assert said["LOOK"] == "LOOK map True True False"
    assert said["PLOT"] == "PLOT {} ERRORS 0".format(len(sliceplot.SERIES))


def test_plot_of_a_second_volume_has_the_same_words(host: Any, case: Any, result: Result) -> None:
    """Slicer makes names of nodes unique by a number, which the plot's legend would show."""
    second = selftest.addResult(selftest.syntheticVolume("Second"))
    for role in sliceplot.SERIES:
        assert second.get(role) is not result.get(role)
        assert second.get(role).GetName() == result.get(role).GetName()
    assert second.get("chart").GetTitle() != result.get("chart").GetTitle()
