"""`make bench`: every figure, as counts and ratios. Times are of this machine at this moment and prove nothing."""

import sys

from tests.bench import agent, exchange, fairness, onboarding, registrations, registry


def main() -> None:
    """Print every table."""
    for figures in (agent, exchange, onboarding, registrations, fairness):
        figures.main()
        print()
    registry.main(sys.argv[1:])


if __name__ == "__main__":
    main()
