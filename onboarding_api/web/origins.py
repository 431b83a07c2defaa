"""From where a request comes: the remote address, and the request's id if it has one.

A balancer tells the address in X-Forwarded-For, and so can anybody who reaches us. So that header counts only with a
stated number of proxies of ours (`--trusted-proxies`): each of them appended one address, and the outermost of these
is the client's; whatever stands before it the client wrote himself. The application is wrapped accordingly
(`app.py`), so `request.remote_addr` is that address here. WSGI has one variable for X-Forwarded-For and X_Forwarded_For, and
the server fills it with either: only a proxy can drop the wrong one (`docs/running.md`).
"""

import ipaddress
import re

from flask import g, request

from onboarding_api.domain.audit import Origin

_BRACKETS_OR_PORT = re.compile(r"(?:\[(.*)\]|([0-9.]+))(?::[0-9]+)?")


def origin() -> Origin:
    """Return from where the present request comes."""
    return Origin(_address(request.remote_addr), g.get("request_id"))


def _address(text: str | None) -> str | None:
    """Return an address in one form, without its port; None for what is none, such as a proxy's `unknown`."""
    told = (text or "").strip()
    found = _BRACKETS_OR_PORT.fullmatch(told)
    try:
        address = ipaddress.ip_address((found[1] or found[2]) if found else told)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
