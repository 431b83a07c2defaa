"""A device whose keys are wherever they are."""

import shutil
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from device_agent.config import KeysConfig, KeyStoreKind
from device_agent.directory import StateDirectory
from device_agent.enrollee import Enrollee
from device_agent.errors import KeyUnusableError
from device_agent.keys import open_key_store
from device_agent.record import Record
from device_agent.statement import Particulars
from device_agent.store import Store, label_key
from tests.device_agent.keys.places import DIGEST, IN_HARDWARE, PLACES
from tests.device_agent.operator import Operator
from tests.device_agent.phone import Phone, label


@pytest.mark.parametrize("place", PLACES)
def test_a_device_is_onboarded_and_reset_wherever_its_keys_live(
    config: KeysConfig, folder: Path, operator: Operator
) -> None:
    with closing(Store(folder, keys=config)) as store:
        printed = label_key(folder, config).public_key()
        assert printed == store.bootstrapping_key.public_key()
        phone = Phone(label(store), Enrollee(store, Particulars(), lambda: ()).receive)
        phone.onboard(operator)
        assert store.record.ownership is not None
        store.reset()
        assert store.record == Record(resets=1, wifi_to_forget=True)
    with closing(Store(folder, keys=config)) as again:
        assert again.bootstrapping_key.public_key() == printed


@pytest.mark.parametrize("place", IN_HARDWARE)
def test_a_copied_disk_is_not_the_device(
    make_config: Callable[[KeyStoreKind], KeysConfig], place: KeyStoreKind, folder: Path
) -> None:
    config = make_config(place)
    with closing(Store(folder, keys=config)) as store:
        store.remember_nonce(bytes(16), 1)
        kept = [path.read_bytes() for path in folder.iterdir()]
    assert not any(b"BEGIN PRIVATE KEY" in octets or b"BEGIN EC PRIVATE KEY" in octets for octets in kept)
    copied = folder.with_name("copied")
    shutil.copytree(folder, copied)
    other = make_config(place)
    if place is KeyStoreKind.PKCS11:
        with pytest.raises(KeyUnusableError, match="the label's key is missing"):
            Store(copied, keys=other)
        return
    with (
        closing(Store(copied, keys=other)) as elsewhere,
        pytest.raises(KeyUnusableError, match="the TPM refuses") as refused,
    ):
        elsewhere.operational_key.sign(b"", DIGEST)
    assert "bound to that one" in refused.value.remedy


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["bootstrapping", "operational-0"])
def test_a_lost_key_is_told_and_replaced_by_a_reset_only(config: KeysConfig, folder: Path, name: str) -> None:
    with closing(Store(folder, keys=config)) as store:
        store.remember_nonce(bytes(16), 1)
        before = [store.bootstrapping_key.public_key(), store.operational_key.public_key()]
    with closing(StateDirectory(folder).hold()) as directory:
        open_key_store(config, directory).remove([name])
    for _ in range(2):
        with pytest.raises(KeyUnusableError, match="is missing") as refused:
            Store(folder, keys=config)
        assert "device-agent reset --yes" in refused.value.remedy
    with pytest.raises(KeyUnusableError) if name == "bootstrapping" else nullcontext():
        label_key(folder, config)
    with closing(Store(folder, forgive=True, keys=config)) as forgiven:
        forgiven.reset()
    with closing(Store(folder, keys=config)) as again:
        assert (again.bootstrapping_key.public_key() in before) is (name != "bootstrapping")
        assert again.operational_key.public_key() not in before
