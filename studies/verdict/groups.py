"""How often a verdict is right where test rows belong together, or follow in time; two tables.

    PYTHONPATH=. python studies/verdict/groups.py            # about three minutes on one core

In each world two arms do equally well on new groups, and each is better on some groups of its own.
"""

from __future__ import annotations

import argparse
from itertools import product

from tests.evidence.rates import Tally, of_groups, of_time
from tests.evidence.worlds import SIZES

IN_TIME = (*product((200, 1_000), (0.0, 0.5, 0.8, 0.95)), (5_000, 0.95), (5_000, 0.99))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2_000)
    given = parser.parse_args()
    print("| groups of rows | counted | better | worse | coverage |")
    print("| --- | --- | ---: | ---: | ---: |")
    for sizes in SIZES:
        for as_one in (False, True):
            found = of_groups(sizes, given.worlds, as_one=as_one)
            print(f"| {sizes} | {'each group as one' if as_one else 'row by row'} | {_in(found)} |")
    print("\n| rows | correlation of neighbours | counted | better | worse | coverage |")
    print("| ---: | ---: | --- | ---: | ---: | ---: |")
    for (rows, alike), in_time in product(IN_TIME, (False, True)):
        found = of_time(alike, given.worlds, rows, in_time=in_time)
        how = "in time" if in_time else "row by row"
        print(f"| {rows:,} | {alike:g} | {how} | {_in(found)} |", flush=True)


def _in(found: Tally) -> str:
    rates = (found.share("better"), found.share("worse"), found.coverage)
    return " | ".join(f"{100 * rate:.1f} %" for rate in rates)


if __name__ == "__main__":
    main()
