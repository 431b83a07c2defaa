import pytest

from device_agent.window import FAILURES_MAX, Window


@pytest.mark.parametrize(("now", "is_open"), [(100.0, True), (399.9, True), (400.0, False), (1e9, False)])
def test_a_window_closes_when_its_time_is_over(now: float, is_open: bool) -> None:
    window = Window.opened(100.0, 300)
    assert window.is_open(now) is is_open
    assert not window.used_up


def test_five_failures_close_the_window() -> None:
    window = Window.opened(0.0, 300)
    for _ in range(FAILURES_MAX):
        assert window.is_open(1.0)
        window = window.failed()
    assert window.used_up
    assert not window.is_open(1.0)


def test_a_failure_does_not_make_the_window_longer() -> None:
    assert Window.opened(0.0, 300).failed().closes_at == 300
