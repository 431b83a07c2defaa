"""What can go wrong on the wire, by whose fault. Anything else that is raised here is a bug."""


class ProtocolError(Exception):
    """Base of both faults; never raised itself."""


class LocalProtocolError(ProtocolError):
    """This end tried something the protocol does not allow now. Nothing was sent and nothing changed."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol does not allow, or that does not verify."""
