"""A scientist with a token, and a campaign of theirs on the sky."""

import pytest
from django.core.cache import cache

from tests import make
from tests.webapp.api.programs import Program, placed
from webapp.accounts.models import Role, User
from webapp.workflows.models import Workflow


@pytest.fixture(autouse=True)
def fresh_limits(db):
    cache.clear()


@pytest.fixture
def alice() -> User:
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def program(alice) -> Program:
    return Program(alice)


@pytest.fixture
def workflow(alice) -> Workflow:
    made = make.owned(alice)
    galaxies = placed(make.subjects(3), [(0.0, 0.0), (359.95, 0.0), (180.0, 45.0)])
    make.link(made, galaxies[0].subject_set)
    return made
