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
# From recordings to an honest result: this notebook fetches the RAVDESS corpus, looks at it, shows what a network reads
# of a recording, trains several models, tests them on people they have never heard, explains them, and answers for a
# recording of your own. Choose **Run all**; everything happens by itself.
#
# | what | two CPU cores | one GPU |
# |---|---|---|
# | the whole notebook, as it is | about 8 minutes | about 5 minutes |
# | with `PROTOCOL = "speakers6"`, the figure to quote | about 25 minutes | about 10 minutes |
#
# All work is done by the package [Emovox](https://pypi.org/project/emovox/); the cells only call it and show what it
# returns.

# %% [markdown]
# ## 1. Set-up
#
# The first cell installs the package where it is missing. In a checkout of the project it finds everything there.

# %%
# %pip install --quiet "emovox[train,notebook]"

# %%
from IPython.display import Audio, Markdown, display

import emovox
from emovox import notebook

print(notebook.machine())

# %% [markdown]
# ### The knobs
#
# Change a value here, and run all cells again. What each costs and gives was measured:

# %%
Markdown(notebook.text("knobs"))

# %% tags=["parameters"]
DATA = None  # None: RAVDESS, downloaded if need be (208 MB). Or the path of your own corpus; or "synthetic"
PROTOCOL = "speakers1"  # "speakers6": every speaker is tested once, six times the work
MODELS = None  # None: all. Or some: ("cnn", "whisper")
EPOCHS = None  # None: what the recipe says; fewer are faster and worse
BATCH_SIZE = None  # None: what the recipe says; halve it when memory runs out
AUGMENT = True  # False: learn from the clips as they are
SEEDS = 1  # trainings of each model; figures are then means
RESUME = False  # True: go on with the run in OUT that was stopped
OUT = "runs/notebook"  # the run folder: everything that comes out
RECORDING = None  # the path of a recording of your own; None takes a test clip
