"""The entry of the program, with nothing that takes time above it: Ctrl+C is answered from the first moment."""

import gc
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Python's own number looks through all that is being loaded again and again."""


def main() -> None:
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from lanline.cli.main import main as run_command  # noqa: PLC0415 -- it loads the commands, which takes a moment
    except KeyboardInterrupt:
        sys.exit(130)
    run_command()


if __name__ == "__main__":
    main()
