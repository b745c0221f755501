"""Every fenced block of README and documentation runs, is parsed by what reads it, or is marked as not run."""

import re
import shlex
import shutil
import sys
import tomllib
import types
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import soundfile
from typer.main import get_command
from typer.testing import CliRunner

from emovox import cli
from emovox.corpora.facts import FACTS, read_facts
from emovox.models import KINDS
from emovox.recipe import recipe_from_toml
from fake_run import LABELS, fake_run
from loudness import ABOUT, make_adaptable, write_loudness_model
from waveforms import babble

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = sorted((ROOT / "src" / "emovox" / "texts").glob("*.md"))
NOT_RUN = 7
"""Blocks that install packages, go on until they are stopped, or ask a server."""

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
PLAIN = {"cat", "curl", "docker", "source", "sed"}
"""Commands of a shell that pages need and that say nothing of Emovox."""

CHEAP = (("models",), ("--version",), ("predict",), ("evaluate",), ("compare",))
"""Commands that are run, where no option makes them train; others are parsed alone."""


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    code: str
    marked: bool

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for page in [*PAGES, *TEXTS]:
        text = page.read_text(encoding="utf-8")
        for fence in re.finditer(r"^([ ]*)```(\w*)\n(.*?)^\1```$", text, re.M | re.S):
            code = re.sub(rf"^{fence[1]}", "", fence[3], flags=re.M)
            line = text[: fence.start()].count("\n") + 1
            marked = (
                text[: fence.start()].rstrip(" ").endswith("-->\n")
                and "<!-- not run: " in text[: fence.start()].splitlines()[-1]
            )
            found.append(Block(str(page.relative_to(ROOT)), line, fence[2], code, marked))
    return found


BLOCKS = blocks()


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language and not block.marked]


def lines(block: Block) -> list[list[str]]:
    """The simple commands of a shell block, in words."""
    joined = block.code.replace("\\\n", " ")
    commands = [shlex.split(line, comments=True) for line in joined.splitlines()]
    found: list[list[str]] = []
    for words in filter(None, commands):
        part: list[str] = []
        for word in [*words, "|"]:
            if word in ("|", "&&"):
                while part and re.fullmatch(r"[A-Z_]+=.*", part[0]):
                    part = part[1:]
                found.append(part)
                part = []
            else:
                part.append(word)
    return found


SHELL = [(block.where, words) for block in of("sh") for words in lines(block)]
INLINE = sorted(
    {
        (str(page.relative_to(ROOT)), code.replace("\n", " "))
        for page in [*PAGES, *TEXTS]
        for code in re.findall(r"(?<!`)`((?:[A-Z_]+=\S+ )?emovox [^`…]+)`", page.read_text(encoding="utf-8"))
    }
)


def parse(words: list[str]) -> None:
    """Hold the words against the command's own parser, without running anything."""
    command: click.Command = get_command(cli.app)
    context = click.Context(command, info_name="emovox")
    rest = words
    while hasattr(command, "commands") and (rest or command.name != "data"):
        if rest and rest[0].startswith("--"):
            assert any(rest[0] in option.opts for option in command.params), words
            return
        assert rest and rest[0] in command.commands, f"no command {rest[:1]} in {words}"
        command, rest = command.commands[rest[0]], rest[1:]
    if not hasattr(command, "commands"):
        command.make_context(command.name, list(rest), parent=context, resilient_parsing=False)


def test_every_block_says_its_language_and_few_are_not_run():
    assert not [block.where for block in BLOCKS if block.language not in {"sh", "python", "toml", "text", "mermaid"}]
    assert len([block for block in BLOCKS if block.marked]) == NOT_RUN


@pytest.mark.parametrize(("where", "words"), SHELL, ids=[f"{where} {' '.join(words)}"[:90] for where, words in SHELL])
def test_every_shell_command_exists(where, words):
    program, rest = Path(words[0]).name, words[1:]
    if program == "make":
        targets = [word for word in rest if "=" not in word]
        assert set(targets) <= TARGETS
        asked = [word.removeprefix("ARGS=") for word in rest if word.startswith("ARGS=")]
        if targets == ["run"] and asked:
            parse(["run", *shlex.split(asked[0])])
    elif program == "emovox":
        parse(rest)
    elif program in ("python", "python3"):
        assert (ROOT / rest[0]).is_file()
    elif program == "pre-commit":
        assert (ROOT / ".pre-commit-config.yaml").is_file()
    else:
        assert program in PLAIN


@pytest.mark.parametrize(("page", "code"), INLINE, ids=[f"{page} {code}"[:90] for page, code in INLINE])
def test_every_command_within_a_sentence_exists(page, code):
    words = [word for word in shlex.split(code) if not re.fullmatch(r"[A-Z_]+=.*", word)][1:]
    if words[0] in ("COMMAND", "…"):
        return
    if words[-1].startswith("--"):  # an option that is named, its value left out
        words = words if _is_flag(words) else [*words, "1"]
    parse(_with_arguments(words))


def _is_flag(words: list[str]) -> bool:
    command = get_command(cli.app)
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return any(words[-1] in option.opts and option.is_flag for option in command.params)


def _with_arguments(words: list[str]) -> list[str]:
    """The words, and a run where a sentence leaves out what the command needs."""
    command = get_command(cli.app).commands[words[0]] if not words[0].startswith("-") else None
    needs = [each for each in getattr(command, "params", ()) if each.param_type_name == "argument" and each.required]
    given = [word for word in words[1:] if not word.startswith("-")]
    return [*words, "runs/NAME"] if needs and not given else words


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder as pages suppose it: runs with artifacts, recordings, and a speaker's own."""
    folder = tmp_path_factory.mktemp("workplace")
    about = {**ABOUT, "licence": "CC0", "protocol": "speakers1", "metrics": {}, "intended_use": "tests"}
    for name in ("NAME", "first", "mine", "another", "second"):
        run = fake_run(folder / "runs" / name, models=("cnn", "yamnet"), speakers=12)
        CliRunner().invoke(cli.app, ["evaluate", str(run.path)])
        for model in run.recipe.models:
            make_adaptable(write_loudness_model(run.path / "artifacts" / f"{model}.onnx", about))
    for path in ("recording.wav", "anna-7.wav", "anna/1.wav", "anna/2.wav", "anna/3.wav"):
        (folder / path).parent.mkdir(exist_ok=True)
        soundfile.write(folder / path, babble(1.0), 16_000)
    return folder


@pytest.mark.parametrize("page", sorted({block.page for block in of("python")}))
def test_python_blocks_run_one_after_the_other(page, workplace, monkeypatch, tmp_path):
    shutil.copytree(workplace, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    names = run_page(page, monkeypatch)
    if "MeanSpectrum" in names:
        _builds(names["MeanSpectrum"]())


def run_page(page: str, monkeypatch) -> dict:
    """Run a page's Python blocks as one module, and give what they name."""
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for block in of("python"):
        if block.page == page:
            code = compile("\n" * block.line + block.code, block.page, "exec", dont_inherit=True)
            exec(code, vars(module))
    return vars(module)


def _builds(kind):
    """What a page shows as a whole kind is one, of the size that it declares."""
    settings = kind.settings()
    network = kind.build(settings, settings.front_end.shape, len(LABELS))
    assert network.output_shape == (None, len(LABELS))
    assert network.count_params() == kind.variants["default"]


def _runs(words: list[str]) -> bool:
    trains = {"--robustness", "--learning-curve", "--adapt", "--map"} if words[1:2] == ["evaluate"] else set()
    return words[0].endswith("emovox") and tuple(words[1:2]) in CHEAP and "-" not in words and not trains & set(words)


RUN = [(where, words) for where, words in SHELL if _runs(words)]


@pytest.mark.parametrize(("where", "words"), RUN, ids=[f"{where} {' '.join(words)}"[:90] for where, words in RUN])
def test_cheap_commands_run(where, words, workplace, monkeypatch, tmp_path):
    shutil.copytree(workplace, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    named = [str(p) for word in words[1:] for p in (sorted(Path().glob(word)) if "*" in word else [word])]
    named = ["cnn" if word == "whisper" else word for word in named]  # of the models that the small run has
    done = CliRunner().invoke(cli.app, named, prog_name="emovox")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("block", of("toml"), ids=lambda block: block.where)
def test_toml_blocks_are_read(block, tmp_path, monkeypatch):
    tables = tomllib.loads(block.code)
    if "models" not in tables:
        (tmp_path / FACTS).write_text(block.code, encoding="utf-8")
        assert read_facts(tmp_path).labels
        return
    text = block.code
    if "mean_spectrum" in tables["models"]:
        kind = run_page(block.page, monkeypatch)["MeanSpectrum"]()
        monkeypatch.setitem(KINDS, kind.name, kind)
    assert set(tables["models"]) <= set(recipe_from_toml(text).models)
