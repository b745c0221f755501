"""What is typed wrongly."""

from __future__ import annotations

from hostile.case import Case, Place


def typed(*words: str, says: tuple[str, ...] | str, made: str = "") -> Case:
    def make(place: Place) -> None:
        if made:
            place.write(made, "[models.cnn]\n")

    says = (says,) if isinstance(says, str) else says
    return Case("typed, " + " ".join(words), words, says, make)


NUMBERS = [
    typed("run", option, value, says=(f"'{option}'", "try 'emovox run --help'"))
    for option in ("--seeds", "--epochs", "--batch-size", "--workers")
    for value in ("0", "-1", "many", "1.5")
]

CASES = [
    *NUMBERS,
    typed("frobnicate", says="No such command 'frobnicate'; try 'emovox --help'"),
    typed("data", "gte", says=("No such command 'gte'", "try 'emovox data --help'")),
    typed("--frobnicate", says="No such option: --frobnicate; try 'emovox --help'"),
    typed("run", "--epoch", "3", says="(Possible options: --epochs"),
    typed("run", "--data", says="requires an argument; try 'emovox run --help'"),
    typed("run", "here", says="unexpected extra argument(s) (here); try 'emovox run --help'"),
    typed("models", "cnn", says="unexpected extra argument(s) (cnn); try 'emovox models --help'"),
    typed("predict", says="Missing argument 'FILE|FOLDER'; try 'emovox predict --help'"),
    typed("predict", "=good.wav", "--model", says="requires an argument; try 'emovox predict --help'"),
    typed("predict", "=good.wav", "--run", says="requires an argument"),
    typed("evaluate", says="Missing argument 'RUN|FILE.onnx'; try 'emovox evaluate --help'"),
    typed("evaluate", "a", "b", says="unexpected extra argument(s) (b); try 'emovox evaluate --help'"),
    typed("compare", says="Missing argument 'RUN'; try 'emovox compare --help'"),
    typed("audit", says="Missing argument 'RUN'; try 'emovox audit --help'"),
    typed("data", "verify", "a", "b", says="unexpected extra argument(s) (b); try 'emovox data verify --help'"),
    typed("data", "describe", "--out", says="requires an argument; try 'emovox data describe --help'"),
    typed("run", "--protocol", "speakers7", says="Unknown protocol 'speakers7'; available: speakers1, speakers6"),
    typed("run", "--protocol", "", says="--protocol is empty"),
    typed("run", "--variant", "huge", says="Unknown variant 'huge'; available: default, best"),
    typed("run", "--variant", "", says="--variant is empty"),
    typed("run", "--models", "cnm", says="Unknown model 'cnm'; available: cnn, cnn_lstm"),
    typed("run", "--models", "CNN", says="Unknown model 'CNN'; available: cnn"),
    typed("run", "--models", "cnn;yamnet", says="Unknown model 'cnn;yamnet'; available"),
    typed("run", "--models", "", says="--models is empty"),
    typed("run", "--models", ",", says="No model is named; available: cnn"),
    typed("run", "--models", "ensemble", says="an ensemble needs at least two other models"),
    typed("run", "--models", "[red]", says="Unknown model '[red]'"),
    typed("run", "--models", "\x1b[31m", says=r"Unknown model '\x1b[31m'"),
    typed("run", "--data", "", says="--data is empty"),
    typed("run", "--out", "", says="--out is empty"),
    typed("run", "--recipe", "", says="--recipe is empty"),
    typed("run", "--data=", says="--data is empty"),
    typed("run", "--seeds", "", says="--seeds is empty"),
    typed("predict", "", "--model", "=model.onnx", says="An argument is empty"),
    typed("predict", "a\0b.wav", "--model", "=model.onnx", says=("'FILE|FOLDER'", "null byte", "predict --help'")),
    typed("run", "--seeds", str(10**9), "--data", "=corpus", says="seeds must be at least 1 and at most 1,000,000"),
    typed("run", "--data", "@missing", says=("missing does not exist", "check the path")),
    typed("run", "--recipe", "@missing.toml", says=("Cannot read the recipe", "missing.toml", "give a TOML file")),
    typed("run", "--recipe", "@.", says=("Cannot read the recipe", "give a TOML file")),
    typed("run", "--recipe", "@a.toml", "--variant", "best", says="give one of the two", made="a.toml"),
    typed("run", "--recipe", "@a.toml", "--models", "yamnet", says="available: cnn", made="a.toml"),
    typed("run", "--resume", says="runs/ contains no run to continue; start one with 'emovox run'"),
    *(
        typed("run", "--resume", *more, says=(f"{more[0]} cannot be given with it", "leave it out"))
        for more in (
            ("--protocol", "loso"), ("--models", "cnn"), ("--variant", "best"), ("--epochs", "3"), ("--seeds", "2"),
            ("--batch-size", "8"), ("--quick",), ("--recipe", "@a.toml"),
        )
    ),
    typed("run", "--resume", "--out", "@missing", says=("missing does not exist", "emovox run")),
    typed("data", "get", "emodb", says="Unknown corpus 'emodb'; available: ravdess, synthetic"),
    typed("data", "verify", "", says="An argument is empty; give it a value"),
    typed("data", "get", "", says="An argument is empty; give it a value"),
    typed("data", "verify", "@missing", says=("missing", "available: ravdess, synthetic")),
    typed("data", "describe", "@missing", says=("missing", "available: ravdess, synthetic")),
]  # fmt: skip
