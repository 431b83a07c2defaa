"""From where a request comes: the remote address, and the request's id if it has one.

A balancer tells the address in X-Forwarded-For, and so can anybody who reaches us. So that header counts only with a
stated number of proxies of ours (`--trusted-proxies`): each of them appended one address, and the outermost of these
is the client's; whatever stands before it the client wrote himself. The application is wrapped accordingly
(`app.py`), so `request.remote_addr` is that address here.
"""

import ipaddress

from flask import g, request

from onboarding_api.domain.audit import Origin


def origin() -> Origin:
    """Return from where the present request comes."""
    return Origin(_address(request.remote_addr), g.get("request_id"))


def _address(text: str | None) -> str | None:
    """Return an address in one form; None for what is none, such as a proxy's `unknown`."""
    try:
        address = ipaddress.ip_address((text or "").strip().strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
