"""Counts of networks, against a model that counts anew each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanline.model.networks import NetworkShares

HOSTS = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::1", "::ffff:192.0.2.1"]
NETWORK = {host: host.removeprefix("::ffff:") if "." in host else host[:10] for host in HOSTS}


@given(st.lists(st.one_of(st.tuples(st.integers(0, 20), st.sampled_from(HOSTS)), st.integers(0, 20)), max_size=80))
def test_the_fullest_network_and_its_oldest_are_always_known(steps: list[tuple[int, str] | int]) -> None:
    shares: NetworkShares[int] = NetworkShares()
    model: dict[int, str] = {}
    for step in steps:
        if isinstance(step, int):
            shares.drop(step)
            model.pop(step, None)
        elif step[0] not in model:
            shares.add(*step)
            model[step[0]] = NETWORK[step[1]]
        networks = list(model.values())
        most = max(map(networks.count, networks), default=0)
        assert list(shares) == list(model)
        assert shares.held_by_fullest == most
        for host in HOSTS:
            near = [key for key, network in model.items() if network == NETWORK[host]]
            assert shares.held_near(host) == len(near)
            assert not near or shares.oldest_near(host) == near[0]
        if model:
            oldest = shares.oldest_of_fullest()
            near = [key for key, network in model.items() if network == model[oldest]]
            assert len(near) == most
            assert oldest == near[0]
    assert len(shares) == len(model)
