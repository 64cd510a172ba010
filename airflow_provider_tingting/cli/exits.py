"""What a command's exit code means, once for the code, the help and the documentation."""

from __future__ import annotations

DONE = 0
BAD = 1
WRONG_USE = 2
NO_ANSWER = 3
NOT_OVER = 4
INTERRUPTED = 130

MEANINGS = {
    DONE: "done, and all is well",
    BAD: "done, and something is wrong: doctor found a problem, a campaign ended badly, a report is incomplete",
    WRONG_USE: "not done: the command line, a path or the connection is wrong",
    NO_ANSWER: "not done: TingTing refused or did not answer",
    NOT_OVER: "campaigns watch: the time is up and the campaign goes on",
    INTERRUPTED: "interrupted with Ctrl+C",
}

EPILOG = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."
