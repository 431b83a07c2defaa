"""Many devices in one file: the formats, and what a row does to the registry. Pure; docs/bulk.md is the reference."""
