"""The wire that device, app and API speak: bytes in, events out. No I/O, no clock, no logging."""
