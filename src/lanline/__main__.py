"""The entry of the program, with nothing that takes time above it: Ctrl+C is answered from the first moment."""

import sys


def main() -> None:
    try:
        from lanline.cli.main import main as run_command  # noqa: PLC0415 -- it loads the commands, which takes a moment
    except KeyboardInterrupt:
        sys.exit(130)
    run_command()


if __name__ == "__main__":
    main()
