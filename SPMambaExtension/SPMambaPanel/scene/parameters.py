"""Choices of the user: the case's live in the scene (parameter node), the machine's in the application settings."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Dict, Tuple

import qt
import slicer
from slicer import vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

if TYPE_CHECKING:
    class _Wrapped:
        """What `parameterNodeWrapper` adds to the class that it decorates."""

        parameterNode: Any

        def __init__(self, node: Any) -> None: ...

        def connectParametersToGui(self, widgets: Dict[str, Any]) -> Any: ...

        def disconnectGui(self, tag: Any) -> None: ...
else:
    _Wrapped = object

# What the overlay shows.
BANDS, MAP, BOTH = OVERLAYS = ("bands", "map", "both")

MOST_AT_ONCE = 64  # slices in a batch; more is not what a check recommends


@parameterNodeWrapper
class SPMambaParameterNode(_Wrapped):
    """The case's choices, saved with the scene.

    Attributes:
        inputVolume: volume to analyse.
        model: name of the model; empty means the first installed one.
        falsePositiveRate: operating point, fraction of normal scans that may show a finding; 0 means the model's own.
        overlay: one of `OVERLAYS`.
        overlayOpacity: of the overlay over the image, 0 to 1.
        overlayVisible: False hides overlay, outlines and legend.
        outlineOnly: show bands as outlines instead of filled.
        legend: show the legend of the colors in the views.
        wholeMap: show the continuous map below the operating point too.
        show3D: show the findings as surfaces in the 3D view.
        compare: two views side by side, the plain image beside the marked one.
        beforeCompare: what the views were before that, see `compare.Compare`; empty while not comparing.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    model: str = ""
    falsePositiveRate: Annotated[float, WithinRange(0.0, 1.0)] = 0.0
    overlay: str = BANDS
    overlayOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    overlayVisible: bool = True
    outlineOnly: bool = False
    legend: bool = True
    wholeMap: bool = False
    show3D: bool = True
    compare: bool = False
    beforeCompare: str = ""


class MachineSettings:
    """Choices that belong to this computer: device, devices seen last, folder of the last export."""

    def _get(self, key: str, default: str) -> str:
        return slicer.util.settingsValue("SPMamba/" + key, default, converter=str)

    def _set(self, key: str, value: str) -> None:
        qt.QSettings().setValue("SPMamba/" + key, value)

    @property
    def device(self) -> str:
        """"auto", "cpu" or "cuda:N"."""
        return self._get("Device", "auto")

    @device.setter
    def device(self, value: str) -> None:
        self._set("Device", value)

    @property
    def devices(self) -> Tuple[str, ...]:
        """Devices that the worker reported last, so that they can be chosen before it has been started again."""
        return tuple(name for name in self._get("Devices", "cpu").split(",") if name)

    @devices.setter
    def devices(self, names: Tuple[str, ...]) -> None:
        self._set("Devices", ",".join(names))

    @property
    def recommendation(self) -> Dict[str, Any]:
        """What the last check of this computer recommends, see `SPMambaLib.doctor.check`; empty if there was none."""
        try:
            found = json.loads(self._get("Recommendation", "{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @recommendation.setter
    def recommendation(self, value: Dict[str, Any]) -> None:
        self._set("Recommendation", json.dumps(value))

    def jobOptions(self, device: str) -> Dict[str, Any]:
        """Fields of a job on the device chosen that follow from the recommendation.

        A graphics card that the check found unusable is not what "auto" means, until it has been checked again.
        """
        wanted, options = self.recommendation, {}
        if device == "auto" and wanted.get("avoid"):
            device = options["device"] = "cpu"
        if device not in ("auto", wanted.get("device")):
            return {}
        if wanted.get("force_backend") and isinstance(wanted.get("backend"), str):
            options["scan"] = wanted["backend"]
        if isinstance(wanted.get("batch"), int) and 0 < wanted["batch"] <= MOST_AT_ONCE:
            options["batch_size"] = wanted["batch"]
        return options

    @property
    def exportFolder(self) -> str:
        return self._get("ExportFolder", "")

    @exportFolder.setter
    def exportFolder(self, value: str) -> None:
        self._set("ExportFolder", value)
