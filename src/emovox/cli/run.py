"""``emovox run``: the whole study."""

from __future__ import annotations

import inspect
import time
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emovox.cli.base import STOPPED, examples, fail
from emovox.errors import CorpusError, RecipeError, RunError, to_resume, typed
from emovox.models import KINDS, Heard
from emovox.terminal import Screen, visible

if TYPE_CHECKING:
    from emovox.corpora.base import Corpus
    from emovox.runs import Run
    from emovox.terminal import StageProgress

RUNS = Path("runs")
"""Where runs go unless ``--out`` says otherwise."""

STAGES = "check", "prepare", "train", "export", "report"
"""What a run goes through, as its progress calls it."""

LONG_SECONDS = 60.0

app = typer.Typer()

DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="RAVDESS, a folder or zip; your own corpus, a folder for each emotion, a CSV table or a zip of either; or "
        "a corpus name such as synthetic. Without it: $EMOVOX_DATA, data/ravdess, the user cache, then a download.",
    ),
]
MovedOption = Annotated[
    str | None,
    typer.Option("--data", metavar="PATH", help="Where the run's recordings are now. Default: where they were."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, metavar="N", help="Processes at the same time. Default: as many as cores and memory allow."
    ),
]


def with_weights(command: Callable[..., None]) -> Callable[..., None]:
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
    epilog=examples(
        "emovox run",
        "emovox run --data ~/ravdess --protocol speakers6",
        "emovox run --models cnn,yamnet --seeds 3 --out runs/mine",
        "emovox run --recipe my.toml",
        "emovox run --resume",
    )
)
@with_weights
def run(
    ctx: typer.Context,
    data: DataOption = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How to split: speakers1 (default), speakers6, speakers5, loso, or holdout (leaky).",
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help=f"Models, separated by commas (default: all): {','.join(KINDS)}."),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="default; best: the most accurate; reference: the published sizes, corrected; replica: the "
            "published study, unchanged.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="At most this many epochs for each training.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, metavar="N", help="Clips in each training step.")] = None,
    no_augment: Annotated[
        bool, typer.Option("--no-augment", help="Train on the clips as they are, without altered copies.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of trainings of each model on each fold, each with another seed. Default: 1.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The run folder. Default: runs/CORPUS-PROTOCOL-DATE-TIME."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few epochs only: shows that everything works.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, or the newest one in runs/.")
    ] = False,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Settings of a whole study, such as recipe.toml of a run."),
    ] = None,
    workers: WorkersOption = None,
    no_board: Annotated[bool, typer.Option("--no-board", help="Write no logs for TensorBoard.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser at the end.")] = False,
    **weights: Path | None,
) -> None:
    """Fetch, train, evaluate, compare and export: the whole study in one command."""
    from emovox.recipe import plan
    from emovox.terminal import StageProgress, show_finished

    settings: dict[str, Any] = {
        "protocol": protocol, "models": names(models), "variant": variant, "epochs": epochs,
        "batch_size": batch_size, "no_augment": no_augment, "seeds": seeds, "quick": quick, "recipe": recipe,
    }  # fmt: skip
    if out is not None and visible(str(out)) != str(out):
        raise RunError(f"{out} is not a valid name for a run: it is not UTF-8 text; choose another with --out")
    folder, earlier = out, None
    try:
        with StageProgress(Screen(stderr=True), STAGES) as progress:
            if resume:
                from emovox.runs import Run

                _refuse_changes(settings)
                folder = out or _newest_run()
                earlier = Run.open(folder)
                study, corpus = earlier.recipe, corpus_of(earlier, data, progress)
            else:
                corpus = load(data, progress, plan(**settings).corpus)  # a mistake costs no download
                study = plan(**settings, corpus=corpus.name)
                folder = out or RUNS / f"{corpus.name}-{study.protocol}-{time.strftime('%Y%m%d-%H%M%S')}"
            for note in corpus.notes:
                progress.say(note)
            progress.say(f"{len(corpus.clips)} clips of {corpus.name}, protocol {study.protocol}, into {folder}")
            from emovox.study import run_study

            finished = run_study(
                study, corpus, folder, resume=resume, workers=workers, progress=progress,
                weights=chosen_files(weights),
                optional=() if models or recipe or resume else tuple(study.models), command=typed("emovox", *ctx.obj),
                board=not no_board,
            )  # fmt: skip
    except KeyboardInterrupt:
        if folder is not None and (folder / "recipe.toml").exists():
            fail(f"Stopped. Continue with: {to_resume(folder)}", STOPPED)
        fail("Stopped before any training. Run the same command again; downloads are kept.", STOPPED)
    from emovox.evaluation import evaluate

    given: dict[str, Any] = {"data": data, **settings, **weights}
    if earlier is not None:
        given = {**_as_begun(earlier), **{name: value for name, value in {"data": data, **weights}.items() if value}}
    show_finished(Screen(), finished, evaluate(finished), given)
    if show:
        webbrowser.open(finished.at.report.resolve().as_uri())


def chosen_files(weights: Mapping[str, Path | None]) -> dict[str, Path]:
    """Kind → the file that its option of :func:`with_weights` named."""
    return {name.removesuffix("_weights"): path for name, path in weights.items() if path is not None}


def warn_if_long(progress: StageProgress, models: Sequence[str], seconds: float) -> None:
    """Say how long trainings will take, where that is more than a minute."""
    from emovox.terminal import duration

    if seconds > LONG_SECONDS:
        progress.say(f"Training {', '.join(models)} takes about {duration(seconds)}.")


def names(listed: str | None) -> tuple[str, ...] | None:
    """``"cnn, yamnet"`` as names, or None where nothing was asked."""
    if listed is None:
        return None
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _refuse_changes(settings: dict[str, Any]) -> None:
    """A run goes on as it began."""
    changed = [f"--{name.replace('_', '-')}" for name, value in settings.items() if value]
    if changed:
        raise RecipeError(
            f"--resume continues with the run's own recipe, so {changed[0]} cannot be given with it; "
            "leave it out, or start a new run without --resume"
        )


def _as_begun(run: Run) -> dict[str, Any]:
    """The options that begin a run like an earlier one."""
    options = {"recipe": run.at.recipe, "data": run.provenance["corpus"].get("source")}
    for name, weights in run.provenance.get("weights", {}).items():
        if isinstance(weights, dict) and "path" in weights:
            teacher = getattr(run.recipe.models[name], "teacher", None)
            kind = teacher.kind if teacher and teacher.kind else run.recipe.models[name].kind
            options[f"{kind}_weights"] = weights["path"]
    return options


def _newest_run() -> Path:
    """The run under ``runs/`` that was started last."""
    recipes = sorted(RUNS.glob("*/recipe.toml"), key=lambda path: path.stat().st_mtime)
    if not recipes:
        raise RunError(f"{RUNS}/ contains no run to continue; start one with 'emovox run', or give one with --out")
    return recipes[-1].parent


def load(data: str | None, progress: StageProgress, name: str) -> Corpus:
    """The corpus that ``--data`` names, a path or a registered name; without it the one called ``name``."""
    from emovox.corpora import CORPORA, load_corpus

    if data is not None and not (data in CORPORA and not Path(data).exists()):
        return load_corpus(data=Path(data).expanduser(), progress=progress)
    wanted = data or name
    if wanted not in CORPORA:
        raise CorpusError(f"The recipe is for the corpus {wanted!r}; give its location with --data PATH")
    return load_corpus(wanted, progress=progress)


def corpus_of(earlier: Run, data: str | None, progress: StageProgress) -> Corpus:
    """The corpus that a run began with, from where it lay then unless ``--data`` says otherwise."""
    about = earlier.provenance["corpus"]
    source = about.get("source")
    if data is None and source and Path(source).exists():
        data = str(source)
    return load(data, progress, "synthetic" if earlier.synthetic else str(about["name"]))
