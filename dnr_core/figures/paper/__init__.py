"""Draws figures with matplotlib, for paper."""

from dnr_core.figures.paper.renderer import FORMATS, PRESETS, Drawn, PaperStyle, check_form, draw, save, settings

__all__ = ["FORMATS", "PRESETS", "Drawn", "PaperStyle", "check_form", "draw", "save", "settings"]
