"""Samplers: what is drawn how often, the same in every process, and nobody's random state."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from view_toys import Stranger, toy

from xrv_core.datasets import ClassBalancedSampler, DomainBalancedSampler, PatientSampler
from xrv_core.errors import ArgumentError

NAN = float("nan")
RARE = [(1, 0)] * 2 + [(0, 1)] * 6 + [(0, 0)] * 30 + [(NAN, NAN)] * 2


def test_one_label_is_half_and_half() -> None:
    d = toy("a", RARE)
    drawn = list(ClassBalancedSampler(d, "Mass", num_samples=200))
    assert len(drawn) == 200
    assert Counter(d.labels[drawn, 0].tolist()) == {1.0: 100, 0.0: 100}


def test_several_labels_and_none_of_them_are_drawn_equally_often() -> None:
    d = toy("a", RARE)
    drawn = d.labels[list(ClassBalancedSampler(d, num_samples=300))]
    assert Counter(map(tuple, drawn.tolist())) == {(1.0, 0.0): 100, (0.0, 1.0): 100, (0.0, 0.0): 100}


def test_items_whose_labels_are_unknown_are_not_drawn() -> None:
    d = toy("a", RARE)
    assert max(ClassBalancedSampler(d, num_samples=2_000)) < 38


def test_domains_are_drawn_equally_often_whatever_their_size() -> None:
    merged = toy("a", [(1, 0), (0, 0)] * 20).merge(toy("b", [(1, 0), (0, 0)]), Stranger())
    drawn = list(DomainBalancedSampler(merged, num_samples=300))
    assert Counter(merged.csv["source_name"].iloc[drawn]) == {"a": 100, "b": 100, "Stranger": 100}
    both = merged.filter(query="source_name != 'Stranger'")
    drawn = list(DomainBalancedSampler(both, labels="Mass", num_samples=400))
    pairs = Counter(zip(both.csv["source_name"].iloc[drawn], both.labels[drawn, 0].tolist(), strict=True))
    assert pairs == {("a", 1.0): 100, ("a", 0.0): 100, ("b", 1.0): 100, ("b", 0.0): 100}


def test_one_image_of_each_patient_and_another_one_another_time() -> None:
    d = toy("a", [(0, 0)] * 40)
    d.csv.loc[38:, "patientid"] = pd.NA
    sampler = PatientSampler(d)
    assert len(sampler) == 21
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        assert sorted(i // 2 for i in drawn if i < 38) == list(range(19))
        assert {38, 39} <= set(drawn)
        epochs.append(tuple(drawn))
    assert len(set(epochs)) == 3
    assert tuple(sampler) == epochs[2], "one epoch is always the same"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(1, 60), st.integers(0, 3))
def test_processes_share_one_draw(replicas: int, samples: int, seed: int) -> None:
    d = toy("a", RARE)
    whole = list(ClassBalancedSampler(d, num_samples=samples, seed=seed))
    shares = [
        list(ClassBalancedSampler(d, num_samples=samples, seed=seed, num_replicas=replicas, rank=rank))
        for rank in range(replicas)
    ]
    assert len({len(share) for share in shares}) == 1
    together = [shares[i % replicas][i // replicas] for i in range(len(shares[0]) * replicas)]
    assert together[:samples] == whole
    assert len(together) - samples < replicas


def test_no_global_random_state_is_touched() -> None:
    before = (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    list(ClassBalancedSampler(toy("a", RARE)))
    list(PatientSampler(toy("a", RARE)))
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_it_serves_a_data_loader() -> None:
    d = toy("a", RARE)
    d.pathology_masks = False
    loader = DataLoader(d, batch_size=8, sampler=ClassBalancedSampler(d, "Mass", num_samples=32))
    labels = torch.cat([batch["lab"] for batch in loader])
    assert labels[:, 0].sum() == 16


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ClassBalancedSampler(toy(), "Mas"),
         r"\['Mas'\] is not a label .*Mass, Nodule"),
        (lambda: ClassBalancedSampler(toy("a", [(0, 0)] * 4)),
         "one class.*balanced"),
        (lambda: ClassBalancedSampler(toy(), num_samples=-1), "num_samples=-1 must be positive"),
        (lambda: ClassBalancedSampler(toy(), num_replicas=2, rank=2), "rank=2 must be from 0 to 1"),
        (lambda: DomainBalancedSampler(toy()),
         "by='source_name' is not a column .*view or sex"),
        (lambda: DomainBalancedSampler(toy("a").merge(toy("b", [(0, 0)] * 2)), labels="Mass"),
         "domain 'b' has only one class.*labels"),
        (lambda: DomainBalancedSampler(toy(), by="offset_day_int"),
         "'offset_day_int' is NA everywhere"),
        (lambda: PatientSampler(toy(), by="patient"),
         "by='patient' is not a column .*patientid"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used(make: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()
