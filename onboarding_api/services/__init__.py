"""What can be done with the registry: one transaction per call. No HTTP, no SQL, no clock: `now` is an argument."""
