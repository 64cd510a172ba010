"""The exit codes of the commands, for the code, the help texts and the documentation."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the commands."""

    SUCCESS = 0
    PROBLEM = 1
    USAGE_ERROR = 2
    API_ERROR = 3
    TIMED_OUT = 4
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What the code says, in one line."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.SUCCESS: "success",
    ExitCode.PROBLEM: "finished with a problem: doctor found one, a campaign has failed, a report is incomplete",
    ExitCode.USAGE_ERROR: "not executed: the command line, a path or the connection is invalid",
    ExitCode.API_ERROR: "not executed: TingTing refused the request or did not respond",
    ExitCode.TIMED_OUT: "campaigns watch: the timeout has passed and the campaign continues",
    ExitCode.INTERRUPTED: "interrupted with Ctrl+C",
}
#: The last paragraph of every help text.
EPILOG = "Exit codes: " + "; ".join(f"{code:d} {code.meaning}" for code in ExitCode) + "."
