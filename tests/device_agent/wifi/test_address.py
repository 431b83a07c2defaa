import socket

from device_agent.wifi.address import addresses, has_address


def test_a_device_has_an_address_if_one_of_its_interfaces_has() -> None:
    assert has_address() is any(addresses(name) for _, name in socket.if_nameindex())
    assert addresses("lo") == frozenset()
