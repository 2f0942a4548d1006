"""What ``brainzoo quiz serve`` and ``score`` cannot use is one line."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

from click.testing import CliRunner

from brainzoo.cli import main
from brainzoo_quiz.study.package import write

from .postgres import Cluster
from .serving import changed, make_study
from .stores import AGREED, prepared


def serve(*words: object) -> tuple[int, str]:
    """Run the command where it fails before it serves."""
    found = CliRunner().invoke(main, ["quiz", "serve", *map(str, words), "--port", "0"])
    assert found.stderr.count("\n") == 1, found.stderr
    return found.exit_code, found.stderr


def test_a_database_of_something_else_is_one_line(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", str(tmp_path / "one.sqlite"))
    one.store.engine.dispose()
    make_study(tmp_path / "two")
    code, said = serve(tmp_path / "two", "--database", tmp_path / "one.sqlite")
    assert code == 9
    assert "holds another study" in said
    (tmp_path / "garbage.sqlite").write_bytes(b"no database at all" * 100)
    code, said = serve(tmp_path / "two", "--database", tmp_path / "garbage.sqlite")
    assert code == 9
    assert "not a database" in said
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE patients (name)")
    connection.close()
    code, said = serve(tmp_path / "two", "--database", tmp_path / "other.sqlite")
    assert code == 9
    assert "holds other tables" in said
    code, said = serve(tmp_path / "two", "--database", tmp_path / "nowhere" / "x.sqlite")
    assert code == 3
    code, said = serve(tmp_path / "two", "--database", "mysql://me:hidden@here/x")
    assert code == 2
    assert "hidden" not in said


def test_scoring_another_studys_database_is_one_line(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", str(tmp_path / "one" / "answers.sqlite"))
    one.store.start(one.session, AGREED)
    one.show(1)
    one.answer(1)
    one.store.engine.dispose()
    make_study(tmp_path / "two")
    words = ["quiz", "score", "--database", str(tmp_path / "one")]
    found = CliRunner().invoke(main, [*words, "--key", str(tmp_path / "two" / "key.json")])
    assert found.exit_code == 9
    assert "are of another study" in found.stderr
    empty = str(tmp_path / "empty.sqlite")
    sqlite3.connect(empty).close()
    found = CliRunner().invoke(main, [*words[:-1], empty, "--key", str(tmp_path / "x")])
    assert found.exit_code == 9
    assert "holds no study" in found.stderr


def test_a_study_that_was_changed_is_not_served_on(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", str(tmp_path / "one" / "answers.sqlite"))
    one.store.engine.dispose()
    image = next((tmp_path / "one" / "server" / "images").iterdir())
    pixels = image.read_bytes()
    image.write_bytes(bytes(len(pixels)))
    code, said = serve(tmp_path / "one")
    assert code == 6
    assert "is not as it was" in said
    image.write_bytes(pixels)
    seats = one.store.package.seats
    first, second, third, *others = seats[0].order
    swapped = (changed(seats[0], order=(first, third, second, *others)), *seats[1:])
    write(changed(one.store.package, seats=swapped), tmp_path / "one", {})
    assert serve(tmp_path / "one")[0] == 6


def test_postgresql_that_refuses_is_one_line_without_the_password(
    tmp_path: Path, postgresql: Cluster
) -> None:
    make_study(tmp_path / "one")
    for url, why in (
        (postgresql.url("postgres", "wrong-one"), "password authentication failed"),
        (postgresql.url("nowhere"), "does not exist"),
        ("postgresql://me:wrong-one@127.0.0.1:1/x", "127.0.0.1"),
    ):
        code, said = serve(tmp_path / "one", "--database", url)
        assert code == 5
        assert why in said
        assert "wrong-one" not in said


def test_a_port_that_is_taken_and_a_broken_certificate_are_one_line(tmp_path: Path) -> None:
    make_study(tmp_path / "one")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [str(tmp_path / "one"), "--port", str(taken.getsockname()[1])]
        found = CliRunner().invoke(main, ["quiz", "serve", *words])
    assert found.exit_code == 2
    assert words[-1] in found.stderr
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no PEM", encoding="utf-8")
    tls = ("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    assert serve(tmp_path / "one", *tls)[0] == 9
    assert serve(tmp_path / "one", *tls[:3], tmp_path / "none.pem")[0] == 3
    assert serve(tmp_path / "nothing")[0] == 3
