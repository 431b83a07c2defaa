import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device_agent.errors import StateError, StateInUseError
from device_agent.record import Record, WifiProfile
from device_agent.store import Store, label_key, read_record
from device_agent.trust import accept
from onboarding_protocol.dpp import Akm
from tests.device_agent.operator import NONCE, Operator, new_key
from tests.device_agent.saving import FILLING

ROOT = Path(__file__).parents[2]
WIFI = (WifiProfile(ssid=b"\xff\x00Home", akm=Akm.PSK_SAE, passphrase="Straße 🛰"),)
Open = Callable[[], Store]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def own(store: Store, operator: Operator) -> None:
    key = store.operational_key.public_key()
    ownership, _ = accept(operator.grant(key), Record(nonces=(NONCE,)), key)
    store.save(replace(store.record, ownership=ownership, wifi=WIFI))


@contextmanager
def disk_gone(folder: Path) -> Iterator[None]:
    """Nothing can be written for a while, whoever we are."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    yield
    aside.rename(folder)


def test_files_are_for_their_owner_alone(store: Store, folder: Path, operator: Operator) -> None:
    own(store, operator)
    assert store.record.ownership is not None
    store.tls_identity(store.record.ownership)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert names(folder) == {"bootstrapping.pem", "operational-0.pem", "record.json", "certificate.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_directory_that_others_may_enter_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    with pytest.raises(StateError, match="open to others") as refused:
        Store(folder)
    assert refused.value.remedy == f"chmod 700 {folder}"
    assert names(folder) == set()


def test_what_was_saved_is_there_again(open_store: Open, operator: Operator) -> None:
    store = open_store()
    own(store, operator)
    keys = pem(store.bootstrapping_key), pem(store.operational_key)
    again = open_store()
    assert again.record == store.record
    assert again.record.wifi == WIFI
    assert (pem(again.bootstrapping_key), pem(again.operational_key)) == keys


def test_only_one_process_holds_the_directory(store: Store, folder: Path) -> None:
    with pytest.raises(StateInUseError):
        Store(folder)
    assert pem(label_key(folder)) == pem(store.bootstrapping_key)
    assert read_record(folder) == store.record
    script = f"import pathlib, device_agent.store as s; s.Store(pathlib.Path({str(folder)!r}))"
    other = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "StateInUseError" in other.stderr


def test_reading_changes_nothing(folder: Path) -> None:
    assert read_record(folder) == Record()
    assert not folder.exists()


def test_a_label_printed_first_is_the_label_of_the_agent(folder: Path) -> None:
    printed = pem(label_key(folder))
    with closing(Store(folder)) as store:
        assert pem(store.bootstrapping_key) == printed


def test_a_crash_before_the_rename_leaves_the_old_record_and_no_remains(open_store: Open, folder: Path) -> None:
    store = open_store()
    store.save(Record(clock_floor=7, wifi=WIFI))
    store.close()
    command: list[str | Path] = [sys.executable, "-m", "tests.device_agent.saving", folder, "crash"]
    assert subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode == 9
    assert any(name.startswith(".record.json") for name in names(folder))
    with closing(Store(folder)) as again:
        assert again.record == Record(clock_floor=7, wifi=WIFI)
    assert names(folder) == {"bootstrapping.pem", "operational-0.pem", "record.json"}


def test_hundreds_of_kills_leave_the_old_or_the_new_record(folder: Path) -> None:
    last = 0
    for _ in range(3):
        last = kill_often(folder, last)
    assert last > 100


def kill_often(folder: Path, last: int, times: int = 100) -> int:
    for pause in range(times):
        pid = os.fork()
        if pid == 0:
            save_for_ever(folder)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED)
        os.kill(pid, signal.SIGCONT)
        for _ in range(pause * 400):
            os.getppid()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with closing(Store(folder)) as store:
            record = store.record
        assert record.clock_floor >= last
        assert set(record.nonces) <= {bytes([record.clock_floor % 256]) * 16}
        assert len(record.nonces) in (0, FILLING)
        last = record.clock_floor
    return last


def save_for_ever(folder: Path) -> None:
    try:
        store = Store(folder)
        os.kill(os.getpid(), signal.SIGSTOP)  # tells that it begins, and goes on with SIGCONT
        while True:
            number = store.record.clock_floor + 1
            store.save(Record(clock_floor=number, nonces=(bytes([number % 256]) * 16,) * FILLING))
    finally:
        os._exit(1)


@pytest.mark.parametrize("content", [b"", b"{", b'{"state":"owned"}', b"\xff\xfe", b"[" * 5000, b'{"resets":"1"}'])
def test_an_unreadable_record_has_a_remedy_that_works(open_store: Open, folder: Path, content: bytes) -> None:
    store = open_store()
    store.reset()
    store.reset()
    label = pem(store.bootstrapping_key)
    store.close()
    (folder / "record.json").write_bytes(content)
    with pytest.raises(StateError) as refused:
        Store(folder)
    assert "device-agent reset" in refused.value.remedy
    with closing(Store(folder, forgive=True)) as forgiven:
        forgiven.reset()
        assert forgiven.record == Record(resets=3, wifi_to_forget=True)
        assert pem(forgiven.bootstrapping_key) == label


def test_a_spoilt_operational_key_is_repaired_by_a_reset(open_store: Open, folder: Path) -> None:
    open_store().close()
    (folder / "operational-0.pem").write_bytes(b"garbage")
    with pytest.raises(StateError) as refused:
        Store(folder)
    assert "device-agent reset" in refused.value.remedy
    with closing(Store(folder, forgive=True)) as forgiven:
        forgiven.reset()
        assert forgiven.record.resets == 1


@pytest.mark.parametrize("content", [b"garbage", pem(new_key(ec.SECP384R1()))], ids=["garbage", "P-384"])
def test_a_spoilt_label_key_is_never_replaced(open_store: Open, folder: Path, content: bytes) -> None:
    open_store().close()
    (folder / "bootstrapping.pem").write_bytes(content)
    for forgive in (False, True):
        with pytest.raises(StateError) as refused:
            Store(folder, forgive=forgive)
        assert "backup" in refused.value.remedy
    assert (folder / "bootstrapping.pem").read_bytes() == content


def test_a_label_key_that_is_lost_beside_the_devices_own_is_told(open_store: Open, folder: Path) -> None:
    open_store().close()
    (folder / "bootstrapping.pem").unlink()
    with pytest.raises(StateError, match="the label's key is missing") as refused:
        Store(folder)
    assert "the printed one is worthless" in refused.value.remedy
    assert names(folder) == {"operational-0.pem"}


def test_a_record_of_another_generation_costs_no_key(open_store: Open, folder: Path) -> None:
    store = open_store()
    store.save(Record())
    old = (folder / "record.json").read_bytes()
    store.reset()
    store.close()
    (folder / "record.json").write_bytes(old)
    with pytest.raises(StateError, match="operational-0 is missing"):
        Store(folder)
    assert names(folder) == {"bootstrapping.pem", "operational-1.pem", "record.json"}


def test_a_reset_forgets_all_but_the_label(open_store: Open, folder: Path, operator: Operator) -> None:
    store = open_store()
    own(store, operator)
    assert store.record.ownership is not None
    store.tls_identity(store.record.ownership)
    label, key = pem(store.bootstrapping_key), pem(store.operational_key)
    store.reset()
    assert store.record == Record(resets=1, wifi_to_forget=True)
    assert names(folder) == {"bootstrapping.pem", "operational-1.pem", "record.json"}
    assert pem(store.bootstrapping_key) == label
    assert pem(store.operational_key) != key
    assert "Stra" not in (folder / "record.json").read_text()


def test_a_reset_forgets_what_time_an_owner_said_it_was(store: Store) -> None:
    store.save(Record(clock_floor=253_402_300_799))
    store.reset()
    assert store.record == Record(resets=1)


def test_a_reset_that_the_disk_refuses_changes_nothing(store: Store, folder: Path, operator: Operator) -> None:
    own(store, operator)
    before, key = store.record, pem(store.operational_key)
    with disk_gone(folder), pytest.raises(StateError, match="cannot be written"):
        store.reset()
    assert store.record == before
    assert pem(store.operational_key) == key


def test_a_disk_that_takes_nothing_is_told_and_the_record_stays(store: Store, folder: Path) -> None:
    with disk_gone(folder), pytest.raises(StateError) as refused:
        store.save(Record(clock_floor=1))
    assert "room" in refused.value.remedy
    assert store.record == Record()


def test_a_key_of_another_generation_is_removed(open_store: Open, folder: Path) -> None:
    open_store().close()
    for name in ("operational-7.pem", "operational-x.pem", ".record.json.12345678.tmp", "certificate.pem"):
        (folder / name).write_bytes(b"left over")
    with closing(Store(folder)):
        assert names(folder) == {"bootstrapping.pem", "operational-0.pem"}


def test_a_symlink_is_replaced_and_not_followed(open_store: Open, folder: Path, tmp_path: Path) -> None:
    store = open_store()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / "record.json").symlink_to(victim)
    store.save(Record(clock_floor=1))
    assert victim.read_text() == "precious"
    assert not (folder / "record.json").is_symlink()


def test_nothing_is_written_that_is_there_already(store: Store, folder: Path, operator: Operator) -> None:
    own(store, operator)
    assert store.record.ownership is not None
    store.tls_identity(store.record.ownership)
    with disk_gone(folder):
        store.update(lambda record: replace(record, wifi=WIFI))
    assert store.record.wifi == WIFI


@pytest.mark.parametrize("kind", ["file", "below a file"])
def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError) as refused:
        Store(tmp_path / "file" if kind == "file" else tmp_path / "file" / "below")
    assert "state" in refused.value.remedy
