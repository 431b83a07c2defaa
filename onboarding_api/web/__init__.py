"""HTTP: each view parses, calls one service, shapes the answer. No `try` in views: errors travel to `problems.py`."""
