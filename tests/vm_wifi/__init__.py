"""Wi-Fi on simulated radios in a virtual machine: both backends against real access points, and Easy Connect on air."""
