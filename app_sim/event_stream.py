"""Reader of `text/event-stream` (WHATWG HTML, section 9.2.6): the data of each event, nothing else is needed."""

from collections.abc import AsyncIterator

EVENT_MAX_CHARACTERS = 65_536
"""An onboarding's view has a few hundred; the bound keeps a broken server from filling the memory."""


async def event_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the data of each complete event; ValueError if one is too long."""
    data: list[str] = []
    async for line in lines:
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
        if sum(map(len, data)) > EVENT_MAX_CHARACTERS:
            raise ValueError("an event is too long")
