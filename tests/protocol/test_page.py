"""docs/easy-connect.md: its code runs, and what it names exists."""

import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from onboarding_protocol import dpp
from onboarding_protocol.bootstrapping import BootstrappingUri
from onboarding_protocol.dpp import Akm, Status
from onboarding_protocol.dpp.states import PATIENCE_S, State
from tests.protocol import page, samples

TEXT, _, _ = page.PAGE.read_text().partition("## On the command line")


def test_the_two_examples_onboard_each_other() -> None:
    example = page.run()
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as thread:
        for stream in (ours, theirs):
            stream.settimeout(10)
        enrolled = thread.submit(example.enroll, theirs, samples.LABEL_KEY)
        status = example.configure(ours, str(BootstrappingUri(samples.LABEL)), example.network)
        assert status is Status.OK
        assert enrolled.result() == (example.network,)


def test_each_example_is_short() -> None:
    for name in ("enroll", "configure"):
        (block,) = (block for block in page.BLOCKS if block.startswith(f"def {name}("))
        assert block.count("\n") <= 20


def test_what_the_page_names_exists() -> None:
    named = set(re.findall(r"`(?:Connection\.)?([A-Z]\w+)\b", TEXT)) - {"None", "DPP_QR_CODE", "CSR_BAD"}
    assert named - set(dpp.__all__) <= {"LocalProtocolError", "RemoteProtocolError", "DPP"}
    for member in re.findall(r"connection\.(\w+)", TEXT):
        assert hasattr(dpp.Connection, member), member
    for status in re.findall(r"Status\.([A-Z_]+)", TEXT):
        assert status in Status.__members__


def test_the_library_needs_what_the_page_says_and_nothing_else() -> None:
    program = "import sys, onboarding_protocol.dpp; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=page.PAGE.parents[1]
    )
    foreign = {name for name in done.stdout.split() if not name.startswith("_")} - sys.stdlib_module_names
    assert not foreign & {"jwt", "flask", "bleak", "bless", "msgspec"}
    assert {"cryptography", "onboarding_protocol"} <= foreign


def test_every_kind_of_network_is_on_the_page() -> None:
    (row,) = re.findall(r"\| networks \| (.*?);", TEXT)
    assert set(row.split(", ")) == {akm.value for akm in Akm}
    assert f"{PATIENCE_S[State.CONFIGURATION_REQUESTED]:.0f} s" in TEXT
