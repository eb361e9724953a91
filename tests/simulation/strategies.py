"""What hypothesis makes up: lists of deeds. MINIKCTL_SIMULATE=500 tries so many instead of the few that CI tries.

Without it the examples are always the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.simulation.world import GENERAL, Deed

SIMULATE = int(os.environ.get("MINIKCTL_SIMULATE", "0"))
MOST = 45


def deeds(own: Iterable[str], *, without: Iterable[str] = ()) -> st.SearchStrategy[list[Deed]]:
    """Of the workload's own deeds and the general ones."""
    names = [*own, *(n for n in GENERAL if n not in set(without))]
    number = st.integers(0, 255)
    each = st.builds(Deed, st.sampled_from(names), number, number)
    return st.integers(0, MOST).flatmap(lambda n: st.lists(each, min_size=n, max_size=n))


def examples(count: int) -> settings:
    """So many in CI. A long simulation is no reason to complain."""
    return settings(
        max_examples=SIMULATE or count,
        deadline=None,
        derandomize=not SIMULATE,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
