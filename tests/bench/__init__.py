"""Measurements; each prints a table and can be imported."""
