"""How often what is random is tried."""

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A few tries in the normal suite; many more under ``-m slow``."""
    for name, few, many in (("mutations", 1000, 40_000), ("kills", 25, 150)):
        if name in metafunc.fixturenames:
            slow = pytest.param(many, marks=[pytest.mark.slow, pytest.mark.timeout(900)])
            metafunc.parametrize(name, [few, slow])
