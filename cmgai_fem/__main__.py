"""`python -m cmgai_fem`: the command line, where its script is not on the path."""

from cmgai_fem.cli import main

if __name__ == "__main__":
    main()
