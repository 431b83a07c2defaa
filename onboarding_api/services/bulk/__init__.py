"""Importing and exporting many devices: one transaction per batch of rows."""
