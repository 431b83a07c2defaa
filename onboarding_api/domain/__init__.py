"""What the registry knows and decides: values and pure decisions. No I/O, no clock, no HTTP, no SQL."""
