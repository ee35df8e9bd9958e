"""How a result is shown in the slice views.  Nothing here computes; opacity, visibility and threshold act at once."""
from __future__ import annotations

from typing import Any, List, Optional, Tuple

import slicer
from slicer.i18n import tr as _

from ..scene.drawntext import drawn
from ..scene.parameters import BANDS, BOTH, MAP
from ..scene.result import Result
from ..scene.steps import Work

# Of the view, as fractions; small and in the corner, where the image is mostly air.  The text scales with the size.
LEGEND_HEIGHT = 0.18
LEGEND_WIDTH_OF_NAMES, LEGEND_WIDTH_OF_NUMBERS = 0.18, 0.07
LEGEND_PLACE = (0.97, 0.86)  # of the room that its size leaves; its title stands above it, and higher up is cut off
PLAIN_VIEW, MARKED_VIEW = "Red", "Yellow"  # of the two side by side, left and right


def reveal(result: Result, parameters: Any) -> Work:
    """Put source, map and label layer into the slice views, one view per step; offsets and zoom stay as they are."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        _putInto(composite, result, parameters)
        yield
    yield from _choicesInSteps(result, parameters)


def revealed(result: Result) -> bool:
    """Whether all slice views show `result`."""
    return len(_composites(result)) == len(slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"))


def _putInto(composite: Any, result: Result, parameters: Any) -> None:
    with slicer.util.NodeModify(composite):
        if result.input is not None:
            composite.SetBackgroundVolumeID(result.input.GetID())
        composite.SetForegroundVolumeID(result.map.GetID())
        composite.SetLabelVolumeID(result.severity.GetID())
        _setOpacities(composite, parameters)


def applyChoices(result: Result, parameters: Any) -> None:
    """Opacity, visibility, outline and kind of overlay, in the views that show `result`."""
    for _step in _choicesInSteps(result, parameters):
        pass


def _choicesInSteps(result: Result, parameters: Any) -> Work:
    """The same in short steps."""
    for part in (_applyToMap, _applyToViews, _applyToSegments, applyToLegends):
        part(result, parameters)
        yield


def _applyToMap(result: Result, parameters: Any) -> None:
    """The map from the operating point up, or all of its fixed scale."""
    calibration = result.calibration
    rate = calibration.rates[0] if parameters.wholeMap else parameters.falsePositiveRate
    result.map.GetDisplayNode().SetLowerThreshold(calibration.threshold(rate or calibration.default_rate))


def flash(result: Result, parameters: Any, shown: bool) -> None:
    """One beat of blinking: marks as chosen, or the image alone."""
    for composite in _composites(result):
        if shown:
            _setOpacities(composite, parameters)
        else:
            composite.SetForegroundOpacity(0.0)
            composite.SetLabelOpacity(0.0)
    result.segmentation.GetDisplayNode().SetVisibility(shown and bool(parameters.overlayVisible))


def _applyToViews(result: Result, parameters: Any) -> None:
    for composite in _composites(result):
        _setOpacities(composite, parameters)
    for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        sliceNode.SetUseLabelOutline(bool(parameters.outlineOnly))


def _composites(result: Result) -> List[Any]:
    """Of the views that show `result`."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
            if node.GetLabelVolumeID() == result.severity.GetID()]


def _applyToSegments(result: Result, parameters: Any) -> None:
    segments = result.segmentation.GetDisplayNode()
    segments.SetVisibility(bool(parameters.overlayVisible))
    _restrict(segments, parameters)


def _restrict(displayNode: Any, parameters: Any) -> None:
    """Draw in all views, or while comparing in all but the plain one."""
    views = []
    if parameters.beforeCompare:
        nodes = slicer.util.getNodesByClass("vtkMRMLAbstractViewNode")
        views = [node.GetID() for node in nodes if node.GetLayoutName() != PLAIN_VIEW]
    if list(displayNode.GetViewNodeIDs()) != views:
        with slicer.util.NodeModify(displayNode):
            displayNode.RemoveAllViewNodeIDs()
            for view in views:
                displayNode.AddViewNodeID(view)


def applyToLegends(result: Result, parameters: Any) -> None:
    """One legend at most: of the bands where they are shown, otherwise of the map.  A rejection brings a color."""
    bands, continuous = (shown and bool(parameters.legend) for shown in _shown(parameters))
    for node, title, shown in ((result.severity, drawn(_("Severity"), "Severity"), bands),
                               (result.map, drawn(_("Anomaly"), "Anomaly"), continuous and not bands)):
        legend = _legend(node, create=shown)
        if legend is not None:
            legend.SetVisibility(shown)
            legend.SetTitleText(title)
            if node is result.severity:  # rejected findings have brought their gray
                legend.SetMaxNumberOfColors(node.GetDisplayNode().GetColorNode().GetNumberOfColors())
            _restrict(legend, parameters)
            legend.Modified()  # drawn only by a change that comes after the volume is in the views


def _shown(parameters: Any) -> Tuple[bool, bool]:
    """Whether the bands and whether the continuous map are to be seen."""
    visible = bool(parameters.overlayVisible)
    return visible and parameters.overlay in (BANDS, BOTH), visible and parameters.overlay in (MAP, BOTH)


def _setOpacities(composite: Any, parameters: Any) -> None:
    bands, continuous = _shown(parameters)
    if parameters.beforeCompare and composite.GetLayoutName() == PLAIN_VIEW:
        bands = continuous = False
    composite.SetForegroundOpacity(float(parameters.overlayOpacity) if continuous else 0.0)
    composite.SetLabelOpacity(float(parameters.overlayOpacity) if bands else 0.0)


def hide(result: Result) -> None:
    """Take a result out of the views (another volume was chosen)."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() == result.map.GetID():
            composite.SetForegroundVolumeID(None)
        if composite.GetLabelVolumeID() == result.severity.GetID():
            composite.SetLabelVolumeID(None)
    hideSegments(result)
    for node in (result.severity, result.map):
        legend = _legend(node, False)
        if legend is not None:  # it would stand beside that of the next volume
            legend.SetVisibility(False)


def veil(result: Result) -> None:
    """No mark of a result over an image that is not its scan."""
    for composite in _composites(result):
        composite.SetForegroundOpacity(0.0)
        composite.SetLabelOpacity(0.0)
    hideSegments(result)


def hideSegments(result: Result) -> None:
    """The outlines of a result that is not read lie over another patient's scan."""
    node = result.segmentation.GetDisplayNode()
    if node is not None and node.GetVisibility():
        node.SetVisibility(False)


def _legend(volumeNode: Any, create: bool) -> Optional[Any]:
    logic = slicer.vtkSlicerColorLogic
    legend = logic.GetColorLegendDisplayNode(volumeNode)
    if legend is None and create:
        legend = logic.AddDefaultColorLegendDisplayNode(volumeNode)
        labels = volumeNode.IsA("vtkMRMLLabelMapVolumeNode")
        width = LEGEND_WIDTH_OF_NAMES if labels else LEGEND_WIDTH_OF_NUMBERS
        legend.SetSize(width, LEGEND_HEIGHT)
        legend.SetPosition(*LEGEND_PLACE)
        legend.SetUseColorNamesForLabels(labels)
    return legend
