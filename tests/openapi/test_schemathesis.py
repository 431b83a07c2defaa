"""A short campaign with each run of the tests; `make openapi` is the long one."""

from tests.openapi.campaign import registry, run


async def test_schemathesis_finds_nothing() -> None:
    with registry() as folder:
        code, said = await run(folder, "--max-examples", "30", "--generation-deterministic")
    assert code == 0, said
