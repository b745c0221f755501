"""What every command shares: how errors are told, and how examples are shown."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from rich.markup import escape
from typer.core import TyperGroup
from typer.exceptions import TyperException

from emovox.errors import EmovoxError
from emovox.quiet import only_python_speaks
from emovox.terminal import SPELT, Screen, visible

STOPPED = 130  # what a shell expects after Ctrl-C
UNEXPECTED = 1


class Commands(TyperGroup):
    """The commands; errors become one line, and ``--debug`` may stand anywhere."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run on streams that can show any text, and end with a code that a shell expects."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=SPELT)
        words = sys.argv[1:] if args is None else args
        if empty := _empty(words):
            complain(f"{empty} is empty; give it a value, or leave it out; try '{self._named(words)} --help'")
            sys.exit(EmovoxError.exit_code)
        with contextlib.nullcontext() if "--debug" in words else only_python_speaks():
            try:
                code = super().main(words, *more, **{**extra, "standalone_mode": False})
                sys.stdout.flush()
            except TyperException as error:
                code = EmovoxError.exit_code
                if type(error).__name__ != "NoArgsIsHelpError":  # which has shown the help
                    complain(f"{_words_of(error)}; try '{self._named(words)} --help'")
            except OSError as error:
                if not _is_of_output(error):
                    raise
                code = EmovoxError.exit_code if error.errno != errno.EPIPE else UNEXPECTED
                _give_up_output(error)
        sys.exit(code or 0)

    def _named(self, words: Sequence[str]) -> str:
        """The command that is meant by what was typed, as far as it is known."""
        path, commands = ["emovox"], self.commands
        for word in words:
            if word in commands:
                path.append(word)
                commands = getattr(commands[word], "commands", {})
        return " ".join(path)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move ``--debug`` to the front, where the group reads it."""
        ctx.obj = tuple(args)  # what was typed
        options = args[: args.index("--")] if "--" in args else args
        if "--debug" in options:
            args = ["--debug", *(a for a in options if a != "--debug"), *args[len(options) :]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and tell a person in one line what stopped it."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, TyperException):
            raise
        except KeyboardInterrupt:
            fail("Stopped.", STOPPED)
        except Exception as error:
            if _is_of_output(error):
                raise
            if ctx.params.get("debug"):
                traceback.print_exc()
            if isinstance(error, EmovoxError):
                fail(str(error), error.exit_code)
            if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
                fail(
                    "Out of memory. Halve --batch-size, use --workers 1, or close other programs; finished trainings "
                    "are kept, and --resume continues from them.",
                    EmovoxError.exit_code,
                )
            if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("emovox"):
                extra = "serve" if ctx.invoked_subcommand == "serve" else "train"
                fail(f"This command needs {error.name}. Run: pip install 'emovox[{extra}]'", EmovoxError.exit_code)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            fail(f"Unexpected error: {reason}. Please report it, with the output of the same command with --debug.")


def fail(message: str, code: int = UNEXPECTED) -> NoReturn:
    """Print one line on the error stream, and end."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Print one line on the error stream."""
    console = Screen(stderr=True)
    with contextlib.suppress(OSError):  # where nobody can read it, the exit code must do
        console.print(visible(message), soft_wrap=not console.is_terminal)


def _empty(words: Sequence[str]) -> str:
    """Which value was typed as nothing, as where a shell's variable is not set."""
    for before, word in zip(("", *words), words, strict=False):
        if not word:
            return before if before.startswith("--") else "An argument"
        if word.startswith("--") and word.endswith("="):
            return word[:-1]
    return ""


def _words_of(error: TyperException) -> str:
    """What is wrong with how a command was typed, on one line."""
    return " ".join(error.format_message().split()).rstrip(".")


def _is_of_output(error: Exception) -> bool:
    """Whether an error is that of a stream: the disk behind ``>`` is full, or nobody reads what a pipe gets."""
    numbers = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    return isinstance(error, OSError) and error.filename is None and error.errno in numbers


def _give_up_output(error: OSError) -> None:
    """Say that the output cannot be written, and drop the rest of it; a pipe that nobody reads is no news."""
    if error.errno != errno.EPIPE:
        complain(f"Cannot write the output: {error.strerror}; free some space, or write to another disk")
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def json_line(content: dict[str, Any]) -> str:
    """One line of JSON that any terminal and any encoding can bear."""
    line = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return line if line.isprintable() and sys.stdout.encoding.lower().startswith("utf") else json.dumps(content)


def examples(*lines: str) -> str:
    """An epilog with one example a line."""
    return "\n".join(["[bold]Examples[/bold]", *(f"[cyan]{escape(line)}[/cyan]" for line in lines)])
