"""Figures: what one is (spec), how it is made of results (build), and how it is drawn (screen, paper)."""
