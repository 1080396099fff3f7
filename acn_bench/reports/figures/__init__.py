"""Figures that any kind of benchmark can show, as SVG text."""
