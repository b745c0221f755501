"""Predictions and evaluations as lines and tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from emovox.errors import typed
from emovox.terminal.screen import counted, duration, say, visible

if TYPE_CHECKING:
    from emovox.corpora.listing import Listing
    from emovox.evaluation import ComparisonRow, Difference, Evaluation, Interval, Score
    from emovox.listening import Prediction, Timeline, UtteranceEnd
    from emovox.models import Kind
    from emovox.report.document import Section
    from emovox.runs import Run


def describe_artifact(path: Path, metadata: Mapping[str, Any]) -> Text:
    """One line on what answers: which file, trained on what, under which licence."""
    text = Text.assemble("Predicted by ", (str(path), "bold"))
    corpus = metadata.get("corpus")
    if corpus:
        text.append(f", trained on {corpus}")
    if metadata.get("synthetic"):
        text.append(" (synthetic: not for real voices)", style="yellow")
    if metadata.get("licence"):
        text.append(f", licence {metadata['licence']}")
    return text


def prediction_line(file: Path, heard: Prediction, top: int = 3, with_set: bool = False) -> Text:
    """``recording.wav  angry 81 %   then fearful 9 %, happy 6 %``, or why there is no such answer.

    Args:
        file: What was heard.
        heard: The answer.
        top: How many emotions are named.
        with_set: Whether the emotions are named among which the true one is to be.
    """
    _, *others = heard.ranked()
    text = Text.assemble((str(file), "bold"), "  ", answer(heard))
    if shown := others[: top - 1]:
        text.append("   then " + ", ".join(f"{emotion} {p:.0%}" for emotion, p in shown), style="dim")
    if with_set:
        text.append("   one of: " + (", ".join(heard.set) or "any, because this artifact has no threshold for sets"))
    for warning in heard.warnings[: len(heard.warnings) - heard.unfamiliar]:  # that one stands in front
        text.append(f"   ({warning})", style="yellow")
    return text


def answer(heard: Prediction) -> Text:
    """The emotion and how surely, or why there is no such answer."""
    first = visible(f"{heard.emotion} {heard.confidence:.0%}")
    if heard.unfamiliar:
        return Text(f"unlike the training clips (at most {first})", style="yellow")
    return Text(f"not sure (at most {first})", style="yellow") if heard.abstains else Text(first, style="green")


def show_timeline(console: Console, name: str, timeline: Timeline) -> None:
    """Print what is heard when: a row for every part of an utterance in which one emotion is told."""
    spoken = sum(each.end_seconds - each.start_seconds for each in timeline.utterances)
    totals = totals_line(timeline.duration_seconds, spoken, len(timeline.utterances))
    console.print(Text.assemble((name, "bold"), f"  {totals}"), soft_wrap=True)
    if not timeline.utterances:
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("time", justify="right", no_wrap=True)
    for column in ("heard", "", "the utterance as a whole"):
        table.add_column(column)
    wholes = {each.start_seconds: each.prediction for each in timeline.utterances}
    for span in timeline.spans:
        whole = wholes.get(span.start_seconds)
        table.add_row(
            f"{moment(span.start_seconds)} – {moment(span.end_seconds)}",
            Text(visible(span.said), style="green" if span.emotion else "yellow"),
            f"{bar(span.confidence)} {span.confidence:.0%}" if span.emotion else "",
            answer(whole) if whole else "",
        )
    console.print(table)


def totals_line(seconds: float, speech_seconds: float, utterances: int) -> str:
    """How much was heard.

    >>> totals_line(15.2, 9.0, 4)
    '15 s, 4 utterances, 9 s of speech'
    """
    return f"{duration(seconds)}, {counted(utterances, 'utterance')}, {duration(speech_seconds)} of speech"


def utterance_line(utterance: UtteranceEnd) -> Text:
    """When an utterance was, and what is heard in the whole of it."""
    when = f"{moment(utterance.start_seconds)} – {moment(utterance.end_seconds)}  "
    return Text.assemble(when, answer(utterance.prediction))


def bar(share: float, width: int = 10) -> str:
    """A bar for a number from 0 to 1.

    >>> bar(0.5)
    '█████     '
    """
    eighths = round(8 * width * min(1.0, max(0.0, share)))
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()).ljust(width)


def moment(seconds: float) -> str:
    """A moment of a recording.

    >>> moment(75.25)
    '1:15.2'
    """
    tenths = int(10 * seconds + 1e-6)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def show_listings(console: Console, listings: Iterable[Listing]) -> None:
    """Print a corpus's tables."""
    for listing in listings:
        table = Table(title=Text(visible(listing.title)), title_justify="left", box=box.SIMPLE_HEAD)
        for i, column in enumerate(listing.header):
            numbers = all(row[i][:1].isdigit() or not row[i] for row in listing.rows)
            table.add_column(Text(visible(column)), overflow="fold", justify="right" if numbers else "left")
        for row in listing.rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        console.print(table)


def show_section(console: Console, section: Section) -> None:
    """Print the words and tables of a section of the report."""
    from emovox.corpora.listing import Listing
    from emovox.report.document import Paragraph

    for block in section.blocks:
        if isinstance(block, Listing):
            show_listings(console, [block])
        elif isinstance(block, Paragraph):
            say(console, block.words)


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print the models of one run, best UAR first, with protocol, intervals and what must be said beside them."""
    say(console, f"{evaluation.corpus['name']}, {evaluation.protocol}: {evaluation.protocol_rule}.")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("model")
    for column in ("UAR, %", "accuracy, %", "parameters", "trained in"):
        table.add_column(column, justify="right", no_wrap=True)
    for model in sorted(evaluation.models.values(), key=lambda m: -m.uar.value):
        table.add_row(
            model.name,
            interval(model.uar),
            interval(model.accuracy),
            f"{model.parameters:,}",
            duration(model.training_seconds),
            style="bold" if model is evaluation.best else "",
        )
    console.print(table)
    speakers = len(set(evaluation.speakers))
    say(
        console,
        f"{counted(len(evaluation.clip_ids), 'test clip')} of {counted(speakers, 'speaker')}. UAR is the mean of the "
        f"recalls, {100 * evaluation.chance_uar:.1f} % by chance. In brackets: 95 % interval over {evaluation.units} "
        f"{evaluation.unit}." + (f" After ±: deviation over {evaluation.seeds} seeds." if evaluation.seeds > 1 else ""),
    )
    if len(evaluation.models) > 1:
        say(console, f"{evaluation.best.name} is the best on validation clips, and the one that predicts by default.")
    few: tuple[str, ...] = ()
    if evaluation.few_speakers:
        few = (f"Only {counted(speakers, 'test speaker')}: other voices may be recognised much better or worse.",)
    _show_warnings(console, (*evaluation.warnings, *few, *evaluation.notices))
    for name in evaluation.missing:
        console.print(Text(f"{name} is not finished and is left out.", style="yellow"))


def show_classes(console: Console, evaluation: Evaluation) -> None:
    """Print each model's recall and precision of each emotion."""
    table = Table(title="Recall / precision, %", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("emotion")
    table.add_column("clips", justify="right")
    for name in evaluation.models:
        table.add_column(name, justify="right")
    for label in evaluation.labels:
        of_label = [model.classes[label] for model in evaluation.models.values()]
        cells = [f"{_percent(scores.recall)} / {_percent(scores.precision)}" for scores in of_label]
        table.add_row(label, str(of_label[0].clips), *cells)
    console.print(table)


def show_pairs(console: Console, evaluation: Evaluation) -> None:
    """Print every two models' difference with its tests."""
    if not evaluation.pairs:
        return
    table = Table(title="Pairs of models, on the same clips", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("higher – lower UAR", overflow="fold")
    for column in ("points", "p", "p, Holm", "+/−", "MDD"):
        table.add_column(column, justify="right", no_wrap=True)
    for pair in evaluation.pairs:
        uar = pair.uar
        table.add_row(
            f"{pair.one} – {pair.other}", _points(uar), f"{uar.p_value:.2g}", f"{uar.p_holm:.2g}",
            f"{pair.better}/{pair.worse}", f"{100 * uar.detectable:.1f}",
            style="bold" if uar.p_holm < 0.05 else "",
        )  # fmt: skip
    console.print(table)
    say(
        console,
        f"p: sign-flip test over {evaluation.unit}, at least {evaluation.smallest_p:.2g} with {evaluation.units:,} of "
        f"them; Holm's is corrected for all pairs. +/−: {evaluation.unit} on which the first is better, and worse. "
        "MDD: the smallest true difference that such a run would find four times in five.",
    )


def show_trust(console: Console, evaluation: Evaluation) -> None:
    """Print how far each model's confidence can be believed, and between which groups the best one differs."""
    models = sorted(evaluation.models.values(), key=lambda m: -m.uar.value)
    sets, abstention = models[0].sets, models[0].abstention
    table = Table(title="Confidence, %", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("model", overflow="fold")
    for column in ("calibration error", "true in set", "emotions per set", "answered", "right"):
        table.add_column(column, justify="right", overflow="fold")
    for model in models:
        right = model.abstention.accuracy
        table.add_row(
            model.name, f"{100 * model.calibration.error:.1f}", f"{100 * model.sets.coverage.value:.1f}",
            f"{model.sets.size:.2f}", f"{100 * model.abstention.answered:.0f}",
            "–" if right is None else f"{100 * right:.1f}", style="bold" if model is evaluation.best else "",
        )  # fmt: skip
    console.print(table)
    say(
        console,
        f"Sets should contain the true emotion in {100 * sets.target:.0f} % of clips; {100 * abstention.target:.0f} "
        "% of the answers given should be right. No threshold comes from the clips it is measured on.",
    )
    for part in evaluation.best.breakdowns:
        if part.gap and part.gap.low > 0:
            say(
                console,
                f"By {part.attribute}: the UAR of {evaluation.best.name} is {_points(part.gap)} points higher on "
                f"{part.highest} than on {part.lowest}.",
            )


def _points(difference: Difference | Interval) -> str:
    """A difference in points of UAR, with its interval."""
    return f"{100 * difference.value:.1f} [{100 * difference.low:.1f}, {100 * difference.high:.1f}]"


def show_comparison(console: Console, rows: Iterable[ComparisonRow]) -> None:
    """Print models of several runs side by side: a table for each set of rows that were judged on the same clips."""
    tables: list[Table] = []
    leaky = False
    for row in rows:
        if row.behind is None or not tables:
            tables.append(_comparison_table(f"{row.dataset}, {row.clips:,} test clips"))
        behind = ("best", "")
        if row.behind is not None:
            behind = (f"{100 * row.behind.uar.value:.1f}", f"{row.behind.uar.p_holm:.3f}")
        protocol = f"{row.protocol} (leaky)" if row.leaky else row.protocol
        tables[-1].add_row(
            Text(visible(row.run)), row.model, protocol, interval(row.uar), interval(row.accuracy), *behind
        )
        leaky = leaky or row.leaky
    for table in tables:
        console.print(table)
    say(
        console,
        "In brackets: 95 % intervals. Behind: points of UAR below the best row of the table. p: sign-flip test over "
        "speakers (leaky: over clips), corrected for all pairs of the table after Holm.",
    )
    _show_warnings(console, ["leaky: speakers shared"] if leaky else [])


def _comparison_table(title: str) -> Table:
    table = Table(title=Text(visible(title)), title_justify="left", title_style="", box=box.SIMPLE_HEAD)
    table.add_column("run", overflow="fold", min_width=12)
    for column in ("model", "protocol"):
        table.add_column(column)
    for column in ("UAR, %", "accuracy, %", "behind", "p"):
        table.add_column(column, justify="right")
    return table


def _show_warnings(console: Console, warnings: Iterable[str]) -> None:
    sentences = {
        "synthetic": "Synthetic corpus: no person spoke. These results show only that everything works.",
        "leaky: speakers shared": "Leaky: test speakers are in training too. Expect worse results for new voices.",
    }
    for warning in warnings:
        console.print(Text(sentences.get(warning, warning), style="yellow"))


def show_kinds(console: Console, kinds: Iterable[Kind]) -> None:
    """Print the kinds of model, their variants and their parameters."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("model", "", "variant"):
        table.add_column(column)
    table.add_column("parameters", justify="right")
    for kind in kinds:
        for number, (variant, parameters) in enumerate(kind.variants.items()):
            first = (kind.name, kind.title) if not number else ("", "")
            table.add_row(*first, variant, f"{parameters:,}" if parameters else "those of its members")
    console.print(table)
    say(
        console,
        "Parameters: all of them, with those of a published network and of every member, for eight emotions and "
        "the built-in recipes.",
    )


def interval(score: Score) -> str:
    """A score in percent with its interval, and its deviation over seeds where there are several."""
    deviation = "" if score.deviation is None else f" ± {100 * score.deviation:.1f}"
    return f"{100 * score.value:.1f}{deviation} [{100 * score.low:.0f}–{100 * score.high:.0f}]"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}"


def show_finished(console: Console, run: Run, evaluation: Evaluation, given: Mapping[str, Any]) -> None:
    """Print how the models compare, where the files lie, and what to do next with the options that were given."""
    console.print()
    show_evaluation(console, evaluation)
    console.print()
    for name, what in _FILES.items():
        if (run.path / name).exists():
            console.print(Text.assemble(f"{what:<9}", (str(run.path / name), "bold")), soft_wrap=True)
    for command, why in _next_steps(run, given):
        console.print(Text.assemble(f"\n# {why}\n", (command, "cyan")), soft_wrap=True)


_FILES = {
    "report.html": "Report",
    "training_summary.txt": "Summary",
    "final_comparison_all_models.png": "Figure",
    "training_results.json": "Numbers",
    "artifacts": "Models",
}


def _next_steps(run: Run, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Commands worth trying after a run, each with a reason."""
    predict = typed("emovox", "predict", "recording.wav", "--run", run.path)
    steps = [(predict, f"Predict a recording with the {'best ' * (len(run.recipe.models) > 1)}model")]
    if run.synthetic:
        steps.append(("emovox run --data PATH", "The same on real recordings"))
    if run.recipe.protocol != "speakers6":
        again = typed("emovox", "run", *_options({**given, "protocol": "speakers6"}))
        steps.append((again, "Test every speaker once: the result to report"))
    steps.append((typed("emovox", "compare", run.path, "OTHER_RUN"), "Compare two runs"))
    return steps


def _options(given: Mapping[str, Any]) -> Iterator[str]:
    """Options as they are typed; what was not given is left out."""
    for name, value in given.items():
        if value is not None and value is not False:
            yield f"--{name.replace('_', '-')}"
            if value is not True:
                yield ",".join(value) if isinstance(value, tuple) else str(value)
