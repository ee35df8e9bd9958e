"""Damaged and hostile files, and what other people's readers make of a file: what makes reading provable."""
