"""How long `--help` and a TAB take, against `import typer`. Run it: it prints the ratios."""

from __future__ import annotations

import sys

from measure import PROGRAM, Case, compare


def main() -> None:
    """Compare whole processes."""
    tab = {
        "_AVNZ_INT_COMPLETE": "complete_bash",
        "COMP_WORDS": "avnz-int platform add pay",
        "COMP_CWORD": "3",
    }
    compare(
        "start-up",
        [
            Case("import typer", (sys.executable, "-c", "import typer; print(typer.__version__)")),
            Case("avnz-int --help", (*PROGRAM, "--help"), 1.5),
            Case("TAB behind `avnz-int platform add pay`", PROGRAM, 1.5, tab),
        ],
        rounds=25,
    )


if __name__ == "__main__":
    main()
