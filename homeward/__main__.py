"""The ``homeward`` command, installed or from a checkout, wherever it is called."""

import sys
from pathlib import Path

_INSTALLED = Path(__file__).parent / "suite"
#: The folder that holds services/, shared/, programme.toml and examples/.
SUITE = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1]


def main() -> None:
    """Run the command with the suite's own ``services`` and ``shared``: other folders may bear these names too."""
    sys.path.insert(0, str(SUITE))
    from services.__main__ import main as command

    command()


if __name__ == "__main__":
    main()
