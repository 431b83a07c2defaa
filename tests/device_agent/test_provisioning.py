import pytest

from device_agent.provisioning import FAREWELL_S, FOREIGN_STATUS_PATIENCE_S, STATUS_PATIENCE_S, Provisioning
from device_agent.window import FAILURES_MAX

NOW = 1000.0


@pytest.fixture
def provisioning() -> Provisioning:
    provisioning = Provisioning()
    provisioning.opened(NOW, 60)
    return provisioning


def test_nothing_is_due_before_the_button_is_pressed() -> None:
    idle = Provisioning()
    assert (idle.deadline, idle.over(NOW), idle.closed(NOW), idle.taking_leave) == (None, None, False, False)
    assert not idle.farewell_over(NOW, busy=False)
    assert not idle.status_overdue(NOW)


def test_a_window_is_over_when_its_time_is_and_says_so(provisioning: Provisioning) -> None:
    assert provisioning.deadline == NOW + 60
    assert provisioning.over(NOW + 59.9) is None
    assert provisioning.over(NOW + 60) == "it was open long enough"


def test_a_window_is_over_after_too_many_failures_whatever_the_time(provisioning: Provisioning) -> None:
    for _ in range(FAILURES_MAX):
        assert provisioning.over(NOW) is None
        provisioning.failed()
    assert provisioning.over(NOW) == "too many tries failed"


def test_a_window_that_is_opened_again_has_no_failures(provisioning: Provisioning) -> None:
    for _ in range(FAILURES_MAX - 1):
        provisioning.failed()
    provisioning.opened(NOW + 1, 60)
    provisioning.failed()
    assert provisioning.over(NOW + 1) is None


def test_a_closed_window_is_followed_by_a_farewell_that_an_exchange_prolongs(provisioning: Provisioning) -> None:
    assert provisioning.closed(NOW)
    assert not provisioning.closed(NOW)
    assert provisioning.taking_leave
    assert provisioning.deadline == NOW + FAREWELL_S
    assert not provisioning.farewell_over(NOW + FAREWELL_S, busy=True)
    assert provisioning.deadline == NOW + 2 * FAREWELL_S
    assert provisioning.farewell_over(NOW + 2 * FAREWELL_S, busy=False)
    provisioning.taken_away()
    assert provisioning.deadline is None


@pytest.mark.parametrize(("foreign", "patience"), [(False, STATUS_PATIENCE_S), (True, FOREIGN_STATUS_PATIENCE_S)])
def test_a_phone_that_waits_hears_something_before_it_gives_up(
    provisioning: Provisioning, foreign: bool, patience: float
) -> None:
    provisioning.configured(NOW, foreign)
    assert not provisioning.status_overdue(NOW + patience - 0.1)
    assert provisioning.status_overdue(NOW + patience)
    provisioning.attempted()
    assert not provisioning.status_overdue(NOW + patience)


def test_only_the_first_arrival_after_a_configuration_ends_a_provisioning(provisioning: Provisioning) -> None:
    assert not provisioning.arrived()
    provisioning.configured(NOW, foreign=False)
    assert provisioning.arrived()
    assert not provisioning.arrived()
    provisioning.configured(NOW, foreign=False)
    provisioning.forgotten()
    assert not provisioning.arrived()
