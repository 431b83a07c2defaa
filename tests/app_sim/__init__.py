"""The app against real parts: rendered labels, real protocol peers, the real API, a real terminal."""
