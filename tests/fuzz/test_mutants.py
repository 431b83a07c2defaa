"""A slice of the fuzzing, the same mutations each time; `make fuzz` goes on from here, guided by coverage."""

import resource
import time

import pytest

from onboarding_protocol.dpp import MessageDropped
from tests.fuzz.mutants import mutants
from tests.fuzz.target import TOLD, run, seeds

SEEDS = list(seeds())
MUTANTS = 12_000
SLICE_S = 5.0
GROWTH_MAX_KIB = 64 * 1024


def test_unspoilt_inputs_reach_what_they_are_meant_for() -> None:
    events = [event for seed in SEEDS for event in run(seed)]
    kinds = {type(event) for event in events if not isinstance(event, MessageDropped)}
    assert {type(message) for message in TOLD} <= kinds


@pytest.mark.parametrize("way", [0, 1, 2, 3], ids=["stream", "sealed", "document", "capture"])
def test_mutants_give_events_of_ours_in_bounded_time_and_memory(way: int) -> None:
    run(SEEDS[0])
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for mutant in mutants([seed for seed in SEEDS if seed[0] == way], MUTANTS // 4, seed=way):
        run(mutant)
    assert time.process_time() - began < SLICE_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_MAX_KIB
