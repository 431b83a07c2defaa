"""`python -m virtual_bluez`, the same as the command `virtual-bluez`."""

from virtual_bluez.cli import main

if __name__ == "__main__":
    main()
