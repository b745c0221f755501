"""The command line: parse, call one public function, show the result.

Libraries that take long to load are imported inside the commands that need them, so that ``emovox --help`` and
``emovox predict`` start at once.
"""

from __future__ import annotations

import inspect
import json
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup
from typer.exceptions import TyperException

import emovox
from emovox.errors import CorpusError, EmovoxError, ModelError, RecipeError, RunError
from emovox.models import KINDS, Heard

if TYPE_CHECKING:
    from emovox.corpora.base import Corpus
    from emovox.runs import Run
    from emovox.terminal import StageProgress

RUNS = Path("runs")
"""Where runs go unless ``--out`` says otherwise."""

STOPPED = 130  # what a shell expects after Ctrl-C
UNEXPECTED = 1


class Commands(TyperGroup):
    """The commands; errors become one line, and ``--debug`` may stand anywhere."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move ``--debug`` to the front, where the group reads it."""
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
            _fail("Stopped.", STOPPED)
        except BrokenPipeError:
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            if isinstance(error, EmovoxError):
                _fail(str(error), error.exit_code)
            if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
                _fail(
                    "Out of memory. Halve --batch-size, use --workers 1, or close other programs; finished trainings "
                    "are kept, and --resume goes on from them.",
                    EmovoxError.exit_code,
                )
            if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("emovox"):
                _fail(f"This command needs {error.name}. Run: pip install 'emovox[train]'", EmovoxError.exit_code)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            _fail(f"Unexpected error: {reason}. Please report it with what the same command prints with --debug.")


def _fail(message: str, code: int = UNEXPECTED) -> NoReturn:
    """Print one line on the error stream, and end."""
    _complain(message)
    raise typer.Exit(code)


def _complain(message: str) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(escape(message), soft_wrap=not console.is_terminal)


def _examples(*lines: str) -> str:
    """An epilog with one example a line."""
    return "\n".join(["[bold]Examples[/bold]", *(f"[cyan]{escape(line)}[/cyan]" for line in lines)])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_examples("emovox run", "emovox predict recording.wav --run runs/NAME", "emovox COMMAND --help"),
)
data_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Fetch a corpus, check its files, or describe what it holds."
)
app.add_typer(data_app, name="data")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"emovox {emovox.__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works after a command too.")
    ] = False,
) -> None:
    """Recognise emotion in speech: train, judge, compare and export several kinds of model."""


DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Folder or published zip of recordings, .wav or .flac, at any depth; a CSV table of your own corpus; or a "
        "corpus name such as synthetic. Without it: $EMOVOX_DATA, data/ravdess, the user cache, then a download.",
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Processes at once. Default: what the machine has.")
]


def _with_weights(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for the weights of every kind that stands on a published network, as ``**weights``."""
    known = inspect.signature(command, eval_str=True)
    named = [p for p in known.parameters.values() if p.kind is not p.VAR_KEYWORD]
    for kind in KINDS.values():
        if isinstance(kind, Heard):
            option = typer.Option(
                metavar="PATH",
                help=f"Published weights of {kind.title}. Without it: the user cache, then a download.",
            )
            annotation = Annotated[Path | None, option]
            named.append(
                inspect.Parameter(
                    f"{kind.name}_weights", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
                )
            )
    command.__signature__ = known.replace(parameters=named)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in named}
    return command


@app.command(
    epilog=_examples(
        "emovox run",
        "emovox run --data ~/ravdess --protocol speakers6",
        "emovox run --models cnn,yamnet --seeds 3 --out runs/mine",
        "emovox run --recipe my.toml",
        "emovox run --resume",
    )
)
@_with_weights
def run(
    data: DataOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How to split: speakers1 (default), speakers6, speakers5, loso, or holdout (leaky).",
        ),
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="NAMES", help=f"Which models, by comma (default: all): {','.join(KINDS)}.")
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="default; best: the most accurate; reference: the published sizes, made to work; replica: the "
            "published study to the letter.",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most this many for each training.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, metavar="N", help="Clips a training step.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Trainings of each model on each fold. Default: 1.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The run folder. Default: runs/CORPUS-PROTOCOL-DATE-TIME."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few epochs only: shows that everything works.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, or with the newest under runs/.")
    ] = False,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Settings of a whole study, such as a run's own."),
    ] = None,
    workers: WorkersOption = None,
    **weights: Path | None,
) -> None:
    """Fetch, train, judge, compare and export: the whole study in one command."""
    from emovox.recipe import plan
    from emovox.terminal import StageProgress, show_finished

    settings: dict[str, Any] = {
        "protocol": protocol, "models": _names(models), "variant": variant, "epochs": epochs,
        "batch_size": batch_size, "seeds": seeds, "quick": quick, "recipe": recipe,
    }  # fmt: skip
    folder = out
    try:
        with StageProgress(Console(stderr=True, highlight=False)) as progress:
            if resume:
                from emovox.runs import Run

                _refuse_changes(settings)
                folder = out or _newest_run()
                earlier = Run.open(folder)
                study, corpus = earlier.recipe, _corpus_of(earlier, data, progress)
            else:
                corpus = _load(data, progress, plan(**settings).corpus)  # a mistake costs no download
                study = plan(**settings, corpus=corpus.name)
                folder = out or RUNS / f"{corpus.name}-{study.protocol}-{time.strftime('%Y%m%d-%H%M%S')}"
            for note in corpus.notes:
                progress.say(note)
            progress.say(f"{len(corpus.clips)} clips of {corpus.name}, protocol {study.protocol}, into {folder}")
            from emovox.study import run_study

            finished = run_study(
                study, corpus, folder, resume=resume, workers=workers, progress=progress,
                weights={name.removesuffix("_weights"): path for name, path in weights.items() if path is not None},
                optional=() if models or recipe or resume else tuple(study.models),
            )  # fmt: skip
    except KeyboardInterrupt:
        if folder is not None and (folder / "recipe.toml").exists():
            _fail(f"Stopped. Go on with: emovox run --resume --out {folder}", STOPPED)
        _fail("Stopped before any training. Run the same command again; what was fetched is kept.", STOPPED)
    from emovox.evaluation import evaluate

    show_finished(Console(highlight=False), finished, evaluate(finished))


def _names(listed: str | None) -> tuple[str, ...] | None:
    """``"cnn, yamnet"`` as names, or None where nothing was asked."""
    if listed is None:
        return None
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _refuse_changes(settings: dict[str, Any]) -> None:
    """A run goes on as it began."""
    changed = [f"--{name.replace('_', '-')}" for name, value in settings.items() if value]
    if changed:
        raise RecipeError(
            f"--resume goes on with the run's own recipe, so {changed[0]} has no place beside it; "
            "leave it out, or start another run without --resume"
        )


def _newest_run() -> Path:
    """The run under ``runs/`` that was started last."""
    recipes = sorted(RUNS.glob("*/recipe.toml"), key=lambda path: path.stat().st_mtime)
    if not recipes:
        raise RunError(f"{RUNS}/ holds no run to go on with; start one with 'emovox run', or name one with --out")
    return recipes[-1].parent


def _load(data: str | None, progress: StageProgress, name: str) -> Corpus:
    """The corpus that ``--data`` names, a path or a registered name; without it the one called ``name``."""
    from emovox.corpora import CORPORA, load_corpus

    if data is not None and not (data in CORPORA and not Path(data).exists()):
        return load_corpus(data=Path(data).expanduser(), progress=progress)
    wanted = data or name
    if wanted not in CORPORA:
        raise CorpusError(f"The recipe is for the corpus {wanted!r}; say with --data PATH where that lies")
    return load_corpus(wanted, progress=progress)


def _corpus_of(earlier: Run, data: str | None, progress: StageProgress) -> Corpus:
    """The corpus that a run began with, from where it lay then unless ``--data`` says otherwise."""
    about = earlier.provenance["corpus"]
    source = about.get("source")
    if data is None and source and Path(source).exists():
        data = str(source)
    return _load(data, progress, "synthetic" if earlier.synthetic else str(about["name"]))


@app.command(epilog=_examples("emovox models"))
def models() -> None:
    """List the kinds of model, their variants and their sizes."""
    from emovox.terminal import show_kinds

    show_kinds(Console(highlight=False), KINDS.values())


@app.command(
    epilog=_examples(
        "emovox predict recording.wav --run runs/NAME",
        "emovox predict *.wav --run runs/NAME --model cnn --json",
        "emovox predict recording.wav --model runs/NAME/artifacts/yamnet.onnx",
    )
)
def predict(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings of 0.1 to 60 seconds.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A run folder; its best model answers.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FILE.onnx", help="An artifact; beside --run, the name of one of its models."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what emotion is heard in recordings. Needs one artifact and no TensorFlow."""
    from emovox.listening import Recognizer

    if run is not None:
        recognizer = Recognizer.from_run(run, model)
    elif model is not None:
        recognizer = Recognizer(model)
    else:
        raise ModelError("No model to answer with; give --run runs/NAME, or --model FILE.onnx")
    console, failed = Console(highlight=False), False
    if not as_json:
        from emovox.terminal import describe_artifact

        console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)
    for file in files:
        try:
            heard = recognizer.predict(file)
        except EmovoxError as error:
            failed = True
            _complain(str(error))
            continue
        if as_json:
            print(json.dumps({"file": str(file), **heard.as_dict()}, ensure_ascii=False), flush=True)
        else:
            from emovox.terminal import prediction_line

            console.print(prediction_line(file, heard), soft_wrap=True)
    if failed:
        raise typer.Exit(EmovoxError.exit_code)


@app.command(epilog=_examples("emovox evaluate runs/NAME", "emovox evaluate runs/NAME --finished"))
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with finished trainings.")],
    finished: Annotated[
        bool, typer.Option("--finished", help="Judge the models that are done, though others are not yet.")
    ] = False,
) -> None:
    """Judge a run again from its predictions, and write its tables, figures and report anew."""
    from emovox.evaluation import evaluate as judge
    from emovox.evaluation import write_results
    from emovox.runs import Run
    from emovox.terminal import show_classes, show_evaluation

    opened, console = Run.open(run), Console(highlight=False)
    evaluation = judge(opened, finished_only=finished)
    from emovox.report import write_report

    write_results(opened, evaluation)
    report = write_report(opened, evaluation)
    show_evaluation(console, evaluation)
    show_classes(console, evaluation)
    print(f"\nReport: {report}")


@app.command(epilog=_examples("emovox compare runs/first runs/second"))
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
) -> None:
    """Show the models of several runs side by side, each with its protocol."""
    from emovox.evaluation import compare as stand_beside
    from emovox.runs import Run
    from emovox.terminal import show_comparison

    show_comparison(Console(highlight=False), stand_beside([Run.open(path) for path in runs]))


CorpusArgument = Annotated[
    str, typer.Argument(metavar="[NAME_OR_PATH]", help="ravdess, synthetic, a folder, a zip or a CSV table.")
]


@data_app.command("get", epilog=_examples("emovox data get ravdess", "emovox data get ~/Downloads/ravdess.zip"))
def data_get(corpus: CorpusArgument = "ravdess") -> None:
    """Find a corpus, or download it, and say where it lies."""
    from emovox.corpora import ravdess
    from emovox.terminal import StageProgress

    try:
        found = _find(corpus)
    except CorpusError:
        if corpus != "ravdess" or ravdess.find() or os.environ.get("EMOVOX_DATA"):
            raise
        with StageProgress(Console(stderr=True, highlight=False)) as progress:
            ravdess.get(progress=progress)
        found = _find(corpus)
    for note in found.notes:
        print(note)
    print(f"{found.name}: {len(found.clips):,} clips of {len(found.speakers)} speakers in {found.root}")
    print(f"Licence: {found.licence}")


@data_app.command("verify", epilog=_examples("emovox data verify ravdess", "emovox data verify ~/ravdess"))
def data_verify(corpus: CorpusArgument = "ravdess") -> None:
    """Decode every file and name what is missing, extra, altered, unreadable, duplicate or mislabelled."""
    from emovox.corpora.verify import verify
    from emovox.terminal import StageProgress, show_listings

    found = _find(corpus)
    with StageProgress(Console(stderr=True, highlight=False)) as progress:
        verification = verify(found, progress=progress)
    show_listings(Console(highlight=False), verification.listings())
    for note in dict.fromkeys((*found.notes, *verification.notes)):
        print(note)
    print(verification.sentence)
    if not verification.ok:
        raise typer.Exit(CorpusError.exit_code)


@data_app.command(
    "describe",
    epilog=_examples("emovox data describe ravdess", "emovox data describe ~/ravdess --out ravdess-plots"),
)
def data_describe(
    corpus: CorpusArgument = "ravdess",
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the plots into this folder.")] = None,
) -> None:
    """Count and measure: classes, speakers, durations, levels, formats, missing values, outliers."""
    from emovox.corpora.describe import describe
    from emovox.terminal import StageProgress, show_listings

    found = _find(corpus)
    with StageProgress(Console(stderr=True, highlight=False)) as progress:
        description = describe(found, progress=progress)
    show_listings(Console(highlight=False), description.listings())
    for note in found.notes:
        print(note)
    if out is not None:
        from emovox.report.corpus import plot_description

        for path in plot_description(description, out):
            print(f"Plot: {path}")


def _find(corpus: str) -> Corpus:
    """The corpus that a data command names, where it lies already."""
    from emovox.corpora import load_corpus
    from emovox.terminal import StageProgress

    with StageProgress(Console(stderr=True, highlight=False)) as progress:
        return load_corpus(str(Path(corpus).expanduser()), progress=progress, download=False)


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow says of its own start is of no use to a person
    app(prog_name="emovox")


if __name__ == "__main__":
    main()
