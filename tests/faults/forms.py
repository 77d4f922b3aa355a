"""What is too long for every run: `make faults` says FAULTS=long."""

import os

import pytest

IS_LONG = os.environ.get("FAULTS") == "long"
long_form = pytest.mark.skipif(not IS_LONG, reason="A long form, run by make faults.")
