"""A key store of each kind, empty: in a directory, in a TPM, in a token."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from device_agent.config import KeysConfig, KeyStoreKind
from device_agent.directory import StateDirectory
from device_agent.keys import KeyStore, open_key_store
from tests.world.hardware import SOFTHSM_CONF, Tokens, running_tpm

_TOKENS = 24
"""SoftHSM looks for new tokens when it is loaded only, so they are all made before."""


@pytest.fixture(scope="package")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], KeysConfig]]:
    tokens = Tokens.in_folder(tmp_path_factory.mktemp("hsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SOFTHSM_CONF, tokens.environment[SOFTHSM_CONF])
        made = [tokens.add(f"device {number}") for number in range(_TOKENS)]
        yield made.pop


@pytest.fixture
def make_config(tmp_path: Path, drawer: Callable[[], KeysConfig]) -> Iterator[Callable[[KeyStoreKind], KeysConfig]]:
    numbers = count()
    with ExitStack() as running:

        def make(place: KeyStoreKind) -> KeysConfig:
            match place:
                case KeyStoreKind.FILE:
                    return KeysConfig()
                case KeyStoreKind.TPM:
                    return running.enter_context(running_tpm(tmp_path / f"tpm{next(numbers)}"))
                case KeyStoreKind.PKCS11:
                    return drawer()

        yield make


@pytest.fixture
def config(make_config: Callable[[KeyStoreKind], KeysConfig], place: KeyStoreKind) -> KeysConfig:
    return make_config(place)


@pytest.fixture
def directory(folder: Path) -> Iterator[StateDirectory]:
    with closing(StateDirectory(folder).hold()) as held:
        yield held


@pytest.fixture
def keys(config: KeysConfig, directory: StateDirectory) -> KeyStore:
    return open_key_store(config, directory)
