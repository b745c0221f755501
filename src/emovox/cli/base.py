"""What every command shares: how errors are told, and how examples are shown."""

from __future__ import annotations

import traceback
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup
from typer.exceptions import TyperException

from emovox.errors import EmovoxError

STOPPED = 130  # what a shell expects after Ctrl-C
UNEXPECTED = 1


class Commands(TyperGroup):
    """The commands; errors become one line, and ``--debug`` may stand anywhere."""

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
        except BrokenPipeError:
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            if isinstance(error, EmovoxError):
                fail(str(error), error.exit_code)
            if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
                fail(
                    "Out of memory. Halve --batch-size, use --workers 1, or close other programs; finished trainings "
                    "are kept, and --resume goes on from them.",
                    EmovoxError.exit_code,
                )
            if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("emovox"):
                fail(f"This command needs {error.name}. Run: pip install 'emovox[train]'", EmovoxError.exit_code)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            fail(f"Unexpected error: {reason}. Please report it with what the same command prints with --debug.")


def fail(message: str, code: int = UNEXPECTED) -> NoReturn:
    """Print one line on the error stream, and end."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Print one line on the error stream."""
    console = Console(stderr=True, highlight=False)
    console.print(escape(message), soft_wrap=not console.is_terminal)


def examples(*lines: str) -> str:
    """An epilog with one example a line."""
    return "\n".join(["[bold]Examples[/bold]", *(f"[cyan]{escape(line)}[/cyan]" for line in lines)])
