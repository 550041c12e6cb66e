"""`python -m robot` is `robot`."""

from robot.cli import main

if __name__ == "__main__":
    main(prog_name="robot")
