"""What most notebooks import and look up, loaded once; each notebook of the tests runs in a fork of it.

Nothing of trs_lab but its list of names, which nbdev's links need: a notebook must find its own imports.
"""

import gc
import os

import accelerate  # noqa: F401
import anywidget  # noqa: F401
import av  # noqa: F401
import distributed  # noqa: F401
import einops  # noqa: F401
import filelock  # noqa: F401
import huggingface_hub  # noqa: F401
import IPython.core.interactiveshell  # noqa: F401
import ipywidgets  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import nbdev.processors  # noqa: F401
import nbdev.test  # noqa: F401
import pandas  # noqa: F401
import plotly.graph_objs._figurewidget  # noqa: F401  read when a widget of plotly is first asked for
import plotly.subplots  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pytest  # noqa: F401  a fork imports the file with its function; that would cost each of them .7 s of a core
import scipy.stats  # noqa: F401
import seaborn  # noqa: F401
import sklearn.svm  # noqa: F401
import torch._dynamo  # noqa: F401
import torch._inductor.config  # noqa: F401
from matplotlib.backends.registry import backend_registry
from nbdev.doclinks import NbdevLookup

NbdevLookup()  # keeps the names of all packages that nbdev documents
backend_registry.list_all()  # asks every installed package for backends
# No test cuts the power. What is loaded anew, such as the kernels of papermill, does wait for the disk.
os.fsync = lambda file: None
# What is loaded is not garbage. Each search for garbage would go through all of it, and copy its pages for the fork.
gc.collect()
gc.freeze()
