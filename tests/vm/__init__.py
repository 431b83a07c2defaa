"""A small virtual machine as a test bench: a real kernel, bluetoothd, hostapd and wpa_supplicant on simulated radios.

`python -m tests.vm` builds it, runs a command in it, or opens a shell; the scenarios here drive it from the host.
"""
