"""A toy that is wrong before it is opened: importing it changes global state."""

import sys
import warnings

import numpy as np
from right_toy import Toy  # noqa: F401

np.random.seed(0)
warnings.filterwarnings("ignore")
sys.path.insert(0, "/nowhere")
print("hello")
