"""What the agent cannot do, with what to do about it."""


class AgentError(Exception):
    """Base: the sentence says what happened, `remedy` what to do next."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.remedy = remedy


class ConfigurationFileError(AgentError):
    """The configuration file cannot be used."""


class StateError(AgentError):
    """What the device keeps on disk cannot be read or written."""


class StateInUseError(StateError):
    """Another process holds the state directory."""


class KeyUnusableError(StateError):
    """A private key is there and cannot be used, or the place where keys live cannot be reached."""


class PeripheralError(AgentError):
    """Bluetooth is not there, or does not do what it is asked."""


class ControlError(AgentError):
    """The running agent cannot be reached, or refuses."""


class NotRunningError(ControlError):
    """No agent runs."""


class WifiError(AgentError):
    """The Wi-Fi backend itself failed; a network that refuses us is no error but a result."""
