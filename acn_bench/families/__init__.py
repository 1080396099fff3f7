"""Backbone families: the sizes of each, and the module that builds it. Imports no torch."""
