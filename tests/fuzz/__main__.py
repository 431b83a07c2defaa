"""`make fuzz`: coverage-guided fuzzing by atheris, from the recorded exchanges on. Exit 0 only without a finding.

`python -m tests.fuzz FOLDER SECONDS` keeps its corpus in FOLDER, so that the next run goes on from there; an input
that is a finding is written there too, and `python -m tests.fuzz FOLDER INPUT` shows it again.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # an extra of its own

with atheris.instrument_imports(include=["onboarding_protocol", "app_sim.easy_connect"]):
    from tests.fuzz.target import run, seeds

TIMEOUT_S = 5
MEMORY_MIB = 1024
INPUT_MAX_OCTETS = 9000


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    options = [f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={INPUT_MAX_OCTETS}"]
    if what.isdecimal():
        options += [
            f"-max_total_time={what}",
            "-print_final_stats=1",
            f"-artifact_prefix={folder}/finding-",
            str(corpus),
        ]
    else:
        options.append(what)
    atheris.Setup([sys.argv[0], *options], run_silently)
    atheris.Fuzz()


def run_silently(data: bytes) -> None:
    run(data)


if __name__ == "__main__":
    main()
