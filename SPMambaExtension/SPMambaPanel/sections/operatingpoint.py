"""Which operating point holds: the case's own, or the model's.  That of one patient is never the next one's."""
from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.scan_verdict import calibration_for

from ..reading import operatingpoint
from ..reading.review import Review
from ..scene.volumeinfo import kindOf


class OperatingPointSection:
    """The slider of the operating point and what it moves.

    Args:
        ui: widgets by name.
        review: what is being read; it follows.
        choices: gives the case's parameter node, or None.
        card: gives the card of the chosen model, or None.
    """

    def __init__(self, ui: Any, review: Review, choices: Callable[[], Any],
                 card: Callable[[], Optional[Dict[str, Any]]]) -> None:
        self.ui = ui
        self._review = review
        self._choices = choices
        self._card = card
        ui.operatingPointSlider.valueChanged.connect(self.onSliderMoved)
        ui.defaultRateButton.clicked.connect(self.onDefaultButton)

    def calibration(self) -> Optional[Calibration]:
        """Of the result shown, otherwise of the model chosen."""
        if self._review.result is not None:
            return self._review.result.calibration
        card, choices = self._card(), self._choices()
        volume = choices.inputVolume if choices is not None else None
        return calibration_for(card["calibration"], kindOf(volume) if volume is not None else "image") if card else None

    def rate(self) -> float:
        """False-positive rate chosen for this case; 0 means the model's own."""
        return float(self._choices().falsePositiveRate)

    def onSliderMoved(self, *args: Any) -> None:
        calibration = self.calibration()
        if calibration is not None:
            self._set(operatingpoint.rateOfPosition(self.ui.operatingPointSlider.value, calibration))

    def onDefaultButton(self, *args: Any) -> None:
        calibration = self.calibration()
        if calibration is not None:
            self._set(calibration.default_rate)

    def _set(self, rate: float) -> None:
        parameters = self._choices()
        if parameters is not None:
            parameters.falsePositiveRate = rate
            self._review.setRate(rate)
