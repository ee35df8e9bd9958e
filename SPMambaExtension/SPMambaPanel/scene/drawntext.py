"""Texts that VTK draws into views and charts."""
from __future__ import annotations

LETTERS = 0x250  # its fonts have those of Latin alphabets only and leave all others out


def drawn(text: str, english: str) -> str:
    """A translation if it can be drawn, otherwise the text that it translates."""
    return text if all(ord(letter) < LETTERS for letter in text) else english
