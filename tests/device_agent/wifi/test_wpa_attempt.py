import pytest

from device_agent.wifi import JoinResult
from device_agent.wifi.wpa_attempt import Attempt
from device_agent.wifi.wpa_control import WpaEvent
from onboarding_protocol.dpp import Status

DISABLED = 'CTRL-EVENT-SSID-TEMP-DISABLED id=%d ssid="%s" auth_failures=1 duration=10 reason=%s'
SAE_REJECT = "CTRL-EVENT-AUTH-REJECT 02:00:00:00:01:00 auth_type=3 auth_transaction=2 status_code=%d"
REJECT = "CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:01:00 status_code=%s"
SCANNED, ABSENT = "CTRL-EVENT-SCAN-RESULTS ", "CTRL-EVENT-NETWORK-NOT-FOUND "


def hear(*events: str) -> JoinResult | None:
    attempt = Attempt(1)
    for text in events:
        event = WpaEvent.parse(f"<3>{text}".encode())
        assert event is not None
        if (result := attempt.hear(event)) is not None:
            return result
    return None


@pytest.mark.parametrize(
    ("events", "status", "reason"),
    [
        (["CTRL-EVENT-CONNECTED - Connection to 02:… completed [id=1 id_str=x]"], Status.OK, None),
        ([DISABLED % (1, "Home", "WRONG_KEY")], Status.AUTH_FAILURE, None),
        ([SAE_REJECT % 1, SAE_REJECT % 1], Status.AUTH_FAILURE, None),
        ([SAE_REJECT % 15, DISABLED % (1, "Home", "CONN_FAILED")], Status.AUTH_FAILURE, None),
        ([REJECT % 17, REJECT % 17], Status.CONFIGURE_FAILURE, "refused-17"),
        ([REJECT % "evil\\n", DISABLED % (1, "x", "CONN_FAILED")], Status.CONFIGURE_FAILURE, "refused"),
        ([SCANNED, ABSENT, SCANNED, ABSENT], Status.NO_AP, None),
        (["CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1"], Status.AUTH_FAILURE, "server-untrusted"),
        (["CTRL-EVENT-EAP-FAILURE EAP authentication failed"], Status.AUTH_FAILURE, "certificate-refused"),
        (["DPP-INTRO peer=02:… status=8"], Status.NO_MATCH, None),
        (["DPP-INTRO peer=02:… status=7"], Status.INVALID_CONNECTOR, None),
        (["DPP-INTRO peer=02:… status=0 version=2"] * 3, Status.NO_MATCH, None),
        (["DPP-MISSING-CONNECTOR connector"], Status.INVALID_CONNECTOR, None),
    ],
)
def test_events_add_up_to_a_result(events: list[str], status: Status, reason: str | None) -> None:
    assert hear(*events) == JoinResult(status, reason=reason)


@pytest.mark.parametrize(
    "events",
    [
        [DISABLED % (2, "Home", "WRONG_KEY")],
        [DISABLED % (2, 'x\\" id=1 reason=WRONG_KEY \\"', "CONN_FAILED")],
        ["CTRL-EVENT-CONNECTED - Connection to 02:… completed [id=2 id_str=]"],
        ["CTRL-EVENT-CONNECTED - Connection to 02:… completed"],
        [ABSENT, ABSENT],
        [SCANNED, ABSENT],
        [REJECT % 17],
        ["DPP-INTRO peer=02:… status=0 version=2"],
        ["CTRL-EVENT-UNHEARD-OF id=1 reason=WRONG_KEY"],
    ],
)
def test_what_is_not_about_us_or_not_sure_yet_decides_nothing(events: list[str]) -> None:
    assert hear(*events) is None


def test_an_attempt_without_an_end_is_absent_or_late() -> None:
    assert Attempt(1).given_up() == JoinResult(Status.CONFIGURE_FAILURE, reason="timed-out")
    attempt = Attempt(1)
    for text in (SCANNED, ABSENT):
        attempt.hear(WpaEvent(*text.split(" ", 1)))
    assert attempt.given_up() == JoinResult(Status.NO_AP)


@pytest.mark.parametrize("datagram", [b"", b"OK", b"<3>", b"<x>EVENT", b"\xff\xfe", b"<3"])
def test_what_is_no_event_is_none(datagram: bytes) -> None:
    assert WpaEvent.parse(datagram) is None


def test_an_event_does_not_show_what_it_brings() -> None:
    assert "secret" not in repr(WpaEvent.parse(b"<3>DPP-CONFOBJ-PASS secret"))
