"""Fuzzes command lines, files and plug-ins for as long as it is told, and names what went wrong.

    python -m tests.fuzz --minutes 30 [--seed N] [--kinds commands,documents,plug_ins] [--count N]

A case is a function of its kind, the seed and its number, so that `--only KIND:NUMBER` runs it again alone. Leaves with
exit code 1 where anything went wrong.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from fuzz_cases import Maker, Outcome, Server
from fuzz_commands import make_command
from fuzz_documents import make_document
from fuzz_pantry import stock
from fuzz_plug_ins import make_plug_in

MAKERS: dict[str, Maker] = {"commands": make_command, "documents": make_document, "plug_ins": make_plug_in}


def case_of(kind: str, seed: int, number: int, pantry: Path, server: Server) -> Outcome:
    """Runs a case by its kind, seed and number."""
    return server.run(MAKERS[kind](Random(f"{kind}:{seed}:{number}"), pantry))


def main() -> int:
    """Runs cases of all kinds in turn; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10**9, help="cases of each kind, at most")
    parser.add_argument("--kinds", default=",".join(MAKERS))
    parser.add_argument("--only", default="", help="KIND:NUMBER, a case to run again")
    parser.add_argument("--pantry", type=Path, help="a folder of inputs that an earlier run made, or one to be made")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        place = Path(name)
        pantry = asked.pantry or place / "pantry"
        if not pantry.is_dir():
            stock(pantry)
        if asked.only:
            kind, _, number = asked.only.partition(":")
            with Server(place, pantry) as server:
                found = case_of(kind, asked.seed, int(number), pantry, server)
            print(found.case.arguments, found.case.told, found.code, found.err, found.faults, sep="\n")
            return int(bool(found.faults))
        return _fuzz(asked, place, pantry)


def _fuzz(asked: argparse.Namespace, place: Path, pantry: Path) -> int:
    deadline, wrong = time.monotonic() + 60 * asked.minutes, 0
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    kinds = asked.kinds.split(",")
    with Server(place, pantry) as server:
        number = 0
        while time.monotonic() < deadline and number < asked.count:
            for kind in kinds:
                found = case_of(kind, asked.seed, number, pantry, server)
                counts[kind] += 1
                codes[f"{kind} {'working' if found.code is None else found.code}"] += 1
                if found.faults:
                    wrong += 1
                    print(f"{kind}:{number} (seed {asked.seed}): {'; '.join(found.faults)[:400]}")
                    print(f"  {found.case.told[:400]}\n  {found.err.strip()[-400:]!r}", flush=True)
            number += 1
    print(f"{sum(counts.values())} cases of seed {asked.seed}: {dict(counts)}; ended {dict(sorted(codes.items()))}")
    print(f"{wrong} went wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
