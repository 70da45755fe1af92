"""The one family of errors that a user may meet, each a single line with an exit code."""

EXIT_OK, EXIT_ERROR, EXIT_USAGE, EXIT_DATA, EXIT_CHECKPOINT, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130


class DnRError(Exception):
    """Something the user can mend: *what: got X; expected Y; do Z* on one line.

    `exit_code` is what the command line ends with: 0 ok, 1 error, 2 usage, 3 bad data, 4 bad checkpoint,
    130 interrupted.
    """

    exit_code = EXIT_ERROR

    def __init__(self, what: str, *, got: object = None, expected: object = None, do: str | None = None) -> None:
        parts = [
            text
            for text, given in ((f"got {got}", got), (f"expected {expected}", expected), (do, do))
            if given is not None
        ]
        line = f"{what}: {'; '.join(str(part) for part in parts)}" if parts else what
        super().__init__(" ".join(line.split()))


class UsageError(DnRError):
    """A wrong word on the command line or in a link: an unknown id, class, method or option."""

    exit_code = EXIT_USAGE


class DataError(DnRError):
    """A corpus or a release that cannot be read as it is."""

    exit_code = EXIT_DATA


class CheckpointError(DnRError):
    """A run that is missing, damaged, or does not fit the corpus."""

    exit_code = EXIT_CHECKPOINT


class InterruptedRun(DnRError):
    """The user stopped it; what was finished is kept."""

    exit_code = EXIT_INTERRUPTED


def reason(error: OSError) -> str:
    """What the system said, in words that fit a folder that cannot be made."""
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "a file where a folder belongs"
    return error.strerror or str(error)


def one_of(what: str, got: object, choices: object) -> UsageError:
    """The error for a name that is not among `choices` (any iterable of strings), which it lists."""
    return UsageError(what, got=repr(got), expected="one of " + ", ".join(map(str, choices)))  # type: ignore[arg-type]
