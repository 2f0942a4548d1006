"""Imports inside the plugin go down: commands, server, audit, statistics, reader, study."""

import pytest


def test_imports_go_one_way():
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("brainzoo_quiz")
    upward = graph.find_illegal_dependencies_for_layers(
        layers=(
            "plugin",
            "commands",
            "exporter",
            "server",
            {"audit", "statistics"},
            "reader",
            "study",
        ),
        containers={"brainzoo_quiz"},
    )
    assert not upward
