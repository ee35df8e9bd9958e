"""Which model a volume is analysed with: the one that was chosen, or the first for its kind of image."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from ..scene.volumeinfo import kindOf, problemOf

Card = Dict[str, Any]


class ModelChoice:
    """The models that are installed, and the case's choice among them.

    Args:
        cards: gives the cards of the installed models.
        choices: gives the case's parameter node, or None.
    """

    def __init__(self, cards: Callable[[], List[Card]], choices: Callable[[], Any]) -> None:
        self._cards = cards
        self._choices = choices

    def card(self) -> Optional[Card]:
        """Card of the model for the volume chosen; None without a case or a model."""
        parameters = self._choices()
        return self.cardFor(parameters.inputVolume) if parameters is not None else None

    @property
    def name(self) -> str:
        """Of the model for the volume chosen; empty without one."""
        card = self.card()
        return str(card["name"]) if card is not None else ""

    def nameFor(self, volume: Any) -> str:
        """Of the model for a volume; empty without one."""
        card = self.cardFor(volume)
        return str(card["name"]) if card is not None else ""

    def cardFor(self, volume: Any) -> Optional[Card]:
        """Card of the chosen model; until the user chooses, of the first one for this kind of image."""
        cards, parameters = self._cards(), self._choices()
        if parameters is None or not cards:
            return None
        chosen = [card for card in cards if card["name"] == parameters.model]
        forImages = volume is not None and not problemOf(volume) and kindOf(volume) == "image"
        fitting = [card for card in cards if (card["plane"] == "native") == forImages]
        return (chosen + fitting + cards)[0]
