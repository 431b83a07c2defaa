"""The Debian package on a system that boots: installed, used, removed, purged."""
