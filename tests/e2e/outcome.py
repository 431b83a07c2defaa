"""What an `app-sim onboard --json` that has ended said."""

from tests.world.process import Process


def result(app: Process) -> dict[str, object]:
    assert app.returncode == 0, app.story
    found = app.events[-1]["result"]
    assert isinstance(found, dict)
    return found


def error(app: Process) -> dict[str, object]:
    assert app.returncode == 1, app.story
    found = app.events[-1]["error"]
    assert isinstance(found, dict)
    assert found["message"]
    assert found["remedy"]
    return found


def steps(app: Process) -> list[object]:
    return [event["step"] for event in app.events if "step" in event]
