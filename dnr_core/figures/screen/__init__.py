"""Draws figures with plotly."""

from dnr_core.figures.screen.renderer import BESIDE, CONFIG, KINDS, MAP_CONFIG, render

__all__ = ["BESIDE", "CONFIG", "KINDS", "MAP_CONFIG", "render"]
