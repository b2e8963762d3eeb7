"""`python -m avnz_int`."""

from avnz_int.cli.main import main

if __name__ == "__main__":
    main()
