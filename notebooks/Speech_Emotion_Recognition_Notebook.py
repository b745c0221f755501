# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Speech emotion recognition
#
# This notebook downloads the RAVDESS corpus, describes it, shows the input that a network gets from a recording, trains
# several models, tests them on speakers who are not in the training data, explains the models and the results, and
# predicts the emotion of a recording of your own. Choose **Run all**; nothing else is needed.
#
# | what | two CPU cores |
# |---|---|
# | the whole notebook, as it is | about 9 minutes |
# | with `PROTOCOL = "speakers6"`, the result to report | about 25 minutes |
#
# A GPU is used if there is one; how much time it saves was not measured.
#
# All work is done by the package Emovox; the cells only call it and show what it returns.

# %% [markdown]
# ## 1. Set-up
#
# The first cell installs the package if it is missing. In a checkout of the project everything is already there.

# %%
# %pip install --quiet "emovox[train,notebook]"

# %%
from emovox import notebook

print(notebook.machine())

# %% [markdown]
# ### The knobs
#
# Change a value here, and run all cells again. The cost and the gain of each were measured:

# %%
notebook.Text("knobs")

# %% tags=["parameters"]
DATA = None  # None: RAVDESS, downloaded if need be (208 MB). Or the path of your own corpus; or "synthetic"
PROTOCOL = "speakers1"  # "speakers6": every speaker is tested once, six times the work
MODELS = None  # None: all. Or some: ("cnn", "whisper")
EPOCHS = None  # None: what the recipe says; fewer are faster and worse
BATCH_SIZE = None  # None: what the recipe says; halve it when memory runs out
AUGMENT = True  # False: train on the clips as they are
SEEDS = 1  # trainings of each model; results are then means
RESUME = False  # True: continue the run in OUT that was stopped
OUT = "runs/notebook"  # the run folder: everything that comes out
RECORDING = None  # the path of a recording of your own; None takes a test clip

# %% [markdown]
# ## 2. The problem

# %%
notebook.Text("problem", "notation")

# %% [markdown]
# ## 3. The corpus
#
# The recordings are found or downloaded, and every file is decoded and compared with the published one.

# %%
from emovox import load_corpus
from emovox.corpora.verify import verify

corpus = load_corpus(DATA or "ravdess")
verification = verify(corpus)
display(*verification.listings())

# %%
notebook.Text("corpus")

# %% [markdown]
# ### What it sounds like
#
# One clip of each emotion, by the same speaker. (The copy of this notebook in the repository contains no sounds,
# because of their licence: run it to hear them.)

# %%
speaker = corpus.speakers[0]
clips = [next(c for c in corpus.clips if (c.emotion, c.speaker) == (emotion, speaker)) for emotion in corpus.labels]
notebook.sounds(clips)

# %% [markdown]
# ### What it holds, in numbers and pictures

# %%
from emovox.corpora.describe import describe
from emovox.report.corpus import PLOTS

description = describe(corpus)
display(*description.listings())

# %%
display(*(draw(description) for draw in PLOTS))

# %% [markdown]
# ## 4. Preprocessing
#
# One clip, step by step, from the waveform to the input of a network.

# %%
from emovox import plan
from emovox.report.steps import preprocessing

recipe = plan(
    protocol=PROTOCOL,
    models=MODELS,
    epochs=EPOCHS,
    batch_size=BATCH_SIZE,
    seeds=SEEDS,
    no_augment=not AUGMENT,
    corpus=corpus.name,
)
first = next(iter(recipe.models.values()))
preprocessing(clips[0], first.front_end)

# %%
notebook.Text("preprocessing")

# %% [markdown]
# ## 5. The models
#
# First the way from a corpus to an answer; then each model, drawn from the network that is trained below.

# %%
from emovox.report.diagrams import architecture, workflow

display(workflow())
for name in recipe.models:
    display(architecture(recipe, name, classes=len(corpus.labels)))

# %%
notebook.Text("convolution", "memory")

# %%
notebook.Text("transfer", "attention")

# %%
notebook.Text("head", "teacher", "ensembles")

# %%
notebook.Text("learning")

# %% [markdown]
# ## 6. Training
#
# All models of the recipe are trained, tested, exported and reported, into one folder. A run that was stopped
# continues with `RESUME = True`.

# %%
from pathlib import Path

from emovox import run_study

progress = notebook.LiveProgress()
run = run_study(recipe, corpus, Path(OUT), resume=RESUME, progress=progress, optional=tuple(recipe.models))

# %% [markdown]
# ## 7. Who is tested, and what the scores mean

# %%
notebook.Text("protocols", "scores")

# %% [markdown]
# ## 8. Results
#
# Every result has its interval, and is on speakers who are not in the training data.

# %%
from emovox import evaluate
from emovox.report.document import render
from emovox.report.summary import page

evaluation = evaluate(run)
print(render(page(evaluation, run.path), ".txt"))

# %%
from emovox.report import confidence, figures, groups

figures.final_comparison(evaluation)

# %%
for model in evaluation.models.values():
    display(figures.confusion(evaluation, model))

# %%
for model in evaluation.models.values():
    if model.has_history:
        display(figures.history(evaluation, model))

# %% [markdown]
# ### For whom it works
#
# By sex, intensity, sentence and speaker; the dashed lines are people who rated the same clips.

# %%
groups.groups_figure(evaluation)

# %% [markdown]
# ### Which clips are hardest
#
# Wrong predictions of the best model with the highest confidence. Listen: would you have known?

# %%
from emovox.evaluation.hardest import hardest

hard = hardest(evaluation, count=10)
display(hard.listing())
notebook.sounds([clip for clip in corpus.clips if clip.id in hard.ids])

# %% [markdown]
# ### Confidence: calibration, sets and "not sure"

# %%
display(confidence.reliability_figure(evaluation), confidence.doubt_figure(evaluation))

# %%
notebook.Text("confidence", "statistics")

# %% [markdown]
# ## 9. The run folder
#
# It contains a report, tables, trained models, and one file for each model that can be used alone.

# %%
for path in sorted(run.path.rglob("*")):
    if path.is_file() and path.parent.name in (run.path.name, "artifacts"):
        print(f"{path.stat().st_size / 1e6:8.2f} MB  {path.relative_to(run.path)}")

# %% [markdown]
# TensorBoard shows the same trainings, with all their curves:

# %%
# %load_ext tensorboard
# %tensorboard --logdir $run.path/logs

# %% [markdown]
# ## 10. Try a recording of your own
#
# Set `RECORDING` above to the path of a file (wav, flac, ogg, mp3). Without one, a test clip is used.

# %%
from emovox import Recognizer

recognizer = Recognizer.from_run(run.path)
heard = next(clip for clip in corpus.clips if clip.id in set(evaluation.clip_ids))
if RECORDING is None:
    print(f"{heard.id}: the true emotion is {heard.emotion}")
recognizer.predict(RECORDING or heard.path)

# %% [markdown]
# A few recordings of the same person and microphone, without labels, make the predictions better:

# %%
if recognizer.adapts:
    others = [clip.path for clip in corpus.clips if clip.speaker == heard.speaker and clip.id != heard.id][:10]
    display(recognizer.adapted(others).predict(RECORDING or heard.path))

# %%
notebook.Text("adaptation")

# %% [markdown]
# ## 11. How the recipe was chosen

# %%
notebook.Text("choices")

# %% [markdown]
# ## 12. Limits, and what it must not be used for

# %%
notebook.Text("limits", "conclusions")

# %% [markdown]
# ## References

# %%
notebook.References()
