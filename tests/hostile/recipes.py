"""Recipes that cannot be trained by."""

from __future__ import annotations

from hostile.case import Case

TRAINED = "[models.cnn]\n[models.cnn.training]\n"
AUGMENTED = "[models.cnn.training.augment]\n"
FRONT_END = "[models.cnn.front_end]\n"


def recipe(name: str, text: str | bytes, *says: str) -> Case:
    return Case(f"recipe, {name}", ("run", "--recipe", "@bad.toml"), says, lambda place: place.write("bad.toml", text))


KEYS = [
    recipe(f"{line} in {table.strip().splitlines()[-1]}", f"{table}{line}\n", "bad.toml: models.cnn", *says)
    for table, line, says in [
        (TRAINED, "epoch = 3", ("unknown key 'epoch'", "known keys: epochs")),
        (TRAINED, "epochs = 0", ("epochs must be at least 1 and at most 1,000,000, got 0",)),
        (TRAINED, "epochs = -3", ("epochs must be at least 1",)),
        (TRAINED, "epochs = 1.5", ("epochs must be int",)),
        (TRAINED, "epochs = 'ten'", ("epochs must be int",)),
        (TRAINED, "epochs = true", ("epochs must be int",)),
        (TRAINED, "epochs = [3]", ("epochs must be int",)),
        (TRAINED, "epochs = 2026-11-25", ("epochs must be int",)),
        (TRAINED, "batch_size = 0", ("batch_size must be at least 1",)),
        (TRAINED, "learning_rate = 0.0", ("learning_rate must be above 0",)),
        (TRAINED, "learning_rate = -1e-3", ("learning_rate must be above 0",)),
        (TRAINED, "learning_rate = nan", ("learning_rate must be",)),
        (TRAINED, "learning_rate = inf", ("learning_rate must be",)),
        (TRAINED, "learning_rate = 'small'", ("learning_rate must be float",)),
        (TRAINED, "optimizer = 'sgd'", ("optimizer must be one of adam, adamw",)),
        (TRAINED, "schedule = 'step'", ("schedule must be one of constant, cosine, onecycle",)),
        (TRAINED, "plateau = 3", ("plateau needs a constant rate",)),
        (TRAINED, "label_smoothing = 1.0", ("label_smoothing must be at least 0 and below 1",)),
        (TRAINED, "ema = 1.5", ("ema must be at least 0 and below 1",)),
        (TRAINED, "class_weights = 1", ("class_weights must be bool",)),
        (TRAINED, "augment = 3", ("augment must be a table",)),
        (AUGMENTED, "mixup = -0.1", ("mixup must be at least 0",)),
        (AUGMENTED, "time_shift = 1.0", ("time_shift must be at least 0 and below 1",)),
        (AUGMENTED, "crop_frames = -1", ("crop_frames must be at least 0",)),
        (AUGMENTED, "pitch = 2", ("unknown key 'pitch'", "known keys: mixup")),
        (FRONT_END, "n_mels = 0", ("n_mels",)),
        (FRONT_END, "n_mels = 24.0", ("n_mels must be int",)),
        (FRONT_END, "fmin_hz = 9000.0", ("needs 0 <= fmin_hz < fmax_hz <= 8000",)),
        (FRONT_END, "hop_seconds = 0.0", ("hop_seconds",)),
        (FRONT_END, "hop_seconds = nan", ("hop_seconds must be a finite number",)),
        (FRONT_END, "window_seconds = 1.0", ("window_seconds must be above 0",)),
        (FRONT_END, "power = 3", ("power must be one of 1, 2",)),
        (FRONT_END, "scaling = 'log'", ("scaling must be one of none, minmax, standard",)),
        (FRONT_END, "sample_rate_hz = 8000", ("unknown key 'sample_rate_hz'",)),
        ("[models.cnn]\n", "members = 0", ("members must be at least 1",)),
        ("[models.cnn]\n", "members = 'all'", ("members must be int",)),
        ("[models.cnn]\n", "variant = {}", ("unknown variant {}", "reference")),
        ("[models.cnn]\n", "variant = 'huge'", ("unknown variant 'huge'", "reference")),
        ("[models.cnn]\n", "training = 3", ("training must be a table",)),
        ("[models.cnn]\n", "kind = 'cnm'", ("unknown kind 'cnm'", "available: cnn")),
        ("[models.cnn]\n", "kind = 3", ("unknown kind 3", "available: cnn")),
        ("[models.cnn.teacher]\n", "kind = 'cnn'", ("'cnn' cannot be a teacher; available",)),
        ("[models.cnn.teacher]\n", "kind = 'nobody'", ("'nobody' cannot be a teacher; available",)),
        ("[models.cnn.teacher]\n", "directions = 0", ("directions must be at least 1",)),
        ("[models.cnn.teacher]\nkind = 'whisper'\n", "layer = 99", ("layer",)),
    ]
]

TWO = "[models.cnn]\n[models.cnn_lstm]\n[models.ensemble]\n"
CASES = [
    *KEYS,
    recipe("no TOML", "[models.cnn\n", "bad.toml is not TOML"),
    recipe("JSON", '{"models": {}}', "bad.toml is not TOML"),
    recipe("a key twice", "seeds = 1\nseeds = 2\n", "bad.toml is not TOML"),
    recipe("NUL", "seeds = 1\0\n", "bad.toml is not TOML"),
    recipe("not UTF-8", "corpus = 'ütopia'\n".encode("latin-1"), "bad.toml: it is not text"),
    recipe("bytes", bytes(range(256)), "Cannot read the recipe", "bad.toml"),
    recipe("empty", "", "bad.toml names no models; add one, such as [models.cnn]"),
    recipe("no models", "seeds = 2\n", "bad.toml names no models; add one, such as [models.cnn]"),
    recipe("models that are none", "models = 3\n", "models must be tables such as [models.cnn]"),
    recipe("a list of models", "[[models]]\nkind = 'cnn'\n", "models must be tables"),
    recipe("a model that is a number", "[models]\ncnn = 3\n", "models.cnn must be a table"),
    recipe("an unknown kind", "[models.mine]\n", "models.mine: unknown kind 'mine'"),
    recipe("an unknown key", "[models.cnn]\n[trainings]\nepochs = 3\n", "unknown key 'trainings'; known keys"),
    recipe("no seeds", "seeds = 0\n[models.cnn]\n", "seeds must be at least 1"),
    recipe("a word for seeds", "seeds = 'two'\n[models.cnn]\n", "seeds must be int"),
    recipe("a huge number", f"seeds = {10**30}\n[models.cnn]\n", "seeds must be"),
    recipe("a number for a corpus", "corpus = 3\n[models.cnn]\n", "corpus must be str"),
    recipe(
        "an unknown corpus",
        "corpus = 'mine'\n[models.cnn]\n",
        "for the corpus 'mine'; give its location with --data PATH",
    ),
    recipe("an unknown protocol", "protocol = 'kfold'\n[models.cnn]\n", "'kfold'; available: speakers1"),
    recipe("a protocol that is a list", "protocol = ['loso']\n[models.cnn]\n", "protocol must be str"),
    recipe("a name that is a path", "[models.'../evil']\nkind = 'cnn'\n", "'../evil' is not a valid folder name"),
    recipe("a name of nothing", "[models.'']\nkind = 'cnn'\n", "'' is not a valid folder name"),
    recipe("a name with markup", "[models.'[red]']\nkind = 'cnn'\n", "'[red]' is not a valid folder name"),
    recipe("a name with ESC", '[models."\\u001b[31m"]\nkind = "cnn"\n', r"\x1b[31m' is not a valid folder name"),
    recipe("a name of 300 letters", f"[models.{300 * 'x'}]\nkind = 'cnn'\n", "is not a valid folder name"),
    recipe("an ensemble alone", "[models.ensemble]\n", "an ensemble needs at least two other models"),
    recipe("an ensemble of one", "[models.cnn]\n[models.ensemble]\n", "an ensemble needs at least two other models"),
    recipe(
        "an ensemble of one twice", TWO + "members = ['cnn', 'cnn']\n", "an ensemble needs at least two other models"
    ),
    recipe(
        "an ensemble of a stranger", TWO + "members = ['cnn', 'mine']\n", "an ensemble needs at least two other models"
    ),
    recipe(
        "an ensemble of itself", TWO + "members = ['cnn', 'ensemble']\n", "an ensemble needs at least two other models"
    ),
    recipe("members that are no list", TWO + "members = 'cnn'\n", "members must be a list"),
    recipe("a prior below 0", TWO + "prior = -1.0\n", "prior must be at least 0"),
    recipe("layers that are not there", "[models.yamnet]\nlayers = [99]\n", "layers must be numbers from 1 to 14"),
    recipe("no layers", "[models.yamnet]\nlayers = []\n", "layers must be numbers from 1 to 14"),
    recipe("layers out of order", "[models.yamnet]\nlayers = [6, 5]\n", "in rising order"),
    recipe("a layer that is a word", "[models.whisper]\nlayers = ['last']\n", "layers must be int"),
    recipe("a size that is none", "[models.whisper]\nvariant = 'gigantic'\n", "unknown variant 'gigantic'"),
]
