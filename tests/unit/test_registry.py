"""Names of methods and backbones: what there is, and one line for what there is not."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from dnr_core import registry
from dnr_core.config import preset
from dnr_core.errors import UsageError
from dnr_core.model.backbones.base import Backbone
from dnr_core.model.methods.base import Method
from dnr_core.registry import check_backbone, default_backbone, lookup, names


def test_every_name_is_a_class_of_its_kind():
    for name in names("method"):
        assert issubclass(lookup("method", name), Method), name
    for name in names("backbone"):
        assert issubclass(lookup("backbone", name), Backbone), name
    assert {"plain", "dnr"} <= set(names("method"))
    assert {"late_fusion", "mmgcn", "dialogue_gcn", "mm_dfn", "sdt"} <= set(names("backbone"))


@pytest.mark.parametrize("size", ["fast", "paper"])
def test_both_presets_of_every_method_have_its_stages(size):
    for name in names("method"):
        config = preset(name, "mmgcn", size)
        assert {stage.name for stage in lookup("method", name).stages} == set(config.stages)
        if size == "fast":
            assert all(stage.epochs <= 60 for stage in config.stages.values()) and config.width == 128


@pytest.mark.parametrize("kind", ["method", "backbone"])
def test_an_unknown_name_lists_the_choices(kind):
    with pytest.raises(UsageError) as caught:
        lookup(kind, "drn")
    assert str(caught.value) == f"unknown {kind}: got 'drn'; expected one of {', '.join(names(kind))}"


def test_entry_points_add_names_but_never_replace_ours(monkeypatch):
    added = {
        "dnr_core.backbones": [
            EntryPoint("tiny", "collections:OrderedDict", "dnr_core.backbones"),
            EntryPoint("mmgcn", "collections:Counter", "dnr_core.backbones"),
        ],
        "dnr_core.methods": [],
    }
    monkeypatch.setattr(registry, "entry_points", lambda group: added[group])
    registry.registered.cache_clear()
    try:
        assert names("backbone") == (*registry.BACKBONES, "tiny") and names("method") == tuple(registry.METHODS)
        assert lookup("backbone", "tiny").__name__ == "OrderedDict" and lookup("backbone", "mmgcn").__name__ == "MMGCN"
    finally:
        registry.registered.cache_clear()


def test_a_backbone_is_for_methods_without_a_network_of_their_own():
    assert (default_backbone("dnr"), default_backbone("df_erc"), default_backbone("drkf")) == ("mmgcn", None, None)
    for method, backbone in (("dnr", "mmgcn"), ("dnr", None), ("df_erc", None), ("drkf", None)):
        check_backbone(method, backbone)
    with pytest.raises(
        UsageError, match="method drkf carries its own network: got backbone mmgcn; leave --backbone out"
    ):
        check_backbone("drkf", "mmgcn")
    with pytest.raises(UsageError, match="unknown backbone: got 'drn'"):
        check_backbone("df_erc", "drn")


def test_names_are_known_without_torch():
    code = "import sys; from dnr_core.registry import names; names('method'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
