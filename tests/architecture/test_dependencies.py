"""What is installed is what was locked."""

from tests.architecture.dependencies import LOCK, installed, locked, unlike, unpinned

HASH = "--hash=sha256:" + "0" * 64
PINNED = f"left-pad==1.3.0 \\\n    {HASH}\nwin-only==1 ; sys_platform == 'win32' \\\n    {HASH} \\\n    {HASH}\n"


def test_everything_is_pinned_by_hash_and_installed_as_locked() -> None:
    lock = LOCK.read_text()
    assert unpinned(lock) == []
    assert unlike(lock, installed()) == []


def test_a_requirement_without_a_hash_or_a_version_is_found() -> None:
    assert unpinned(PINNED) == []
    assert unpinned(PINNED + "loose>=1\nbare==2\n") == ["bare", "loose"]


def test_another_version_and_what_nobody_locked_are_found() -> None:
    assert locked(PINNED) == {"left-pad": "1.3.0"}
    assert unlike(PINNED, {"left-pad": "1.3.0"}) == []
    assert unlike(PINNED, {"left-pad": "1.3.1", "stowaway": "6"}) == [
        "left-pad 1.3.1, locked is 1.3.0",
        "stowaway 6, locked is none",
    ]
