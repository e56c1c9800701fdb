"""Every control that a viewer may not use, pressed by one: nothing happens, because the server asks who it is.

Somebody who is an operator when the page is drawn is a viewer when the control is pressed: whatever a browser may
send, what the control does has to ask for itself.
"""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from core.errors import AgeScopeError
from core.index.sql_console import RunningQuery
from core.labelling.batches import Batch, create_batch
from core.labelling.records import Record, add_record
from core.maintenance.trash import list_removed, remove
from core.privacy.pseudonyms import open_pseudonyms
from core.privacy.roles import VIEWER_ACTIONS, NotAllowedError, Person
from core.settings import PROJECT_DIR, Settings, get_settings
from core.storage.account_files import write_account
from core.storage.models import Account, Post
from pages.parts import sign_in
from tests.made_study import add_ended_job, add_model, add_running_job
from tests.pages.controls import CONTROLS, KINDS, Place, controls

OPERATOR, VIEWER = Person("ada@example.org", "operator"), Person("ada@example.org", "viewer")
NOT_FOR_VIEWERS = [key for key, action in CONTROLS.items() if action and action not in VIEWER_ACTIONS]
Key = tuple[str, str]
KEYS: dict[Place, Key] = dict(controls())
DRAWN_FOR_OPERATORS = {"download_button", "data_editor"}
"""What a download holds, or a table begins with, is made when it is drawn, and is not drawn for a viewer."""


UPLOADED_ONLY = ("parts/list_upload.py", "kind")
"""Is shown to whoever has sent it (the server takes no uploads of a viewer), and kept by the button below it."""


_numbers: Iterator[int] = count()


@dataclass
class Upload:
    """A file as Streamlit hands it over."""

    name: str = "list.csv"
    content: bytes = b"username,age\nsample_dov_04,16\n"
    file_id: str = field(default_factory=lambda: f"upload-{next(_numbers)}")

    @property
    def size(self) -> int:
        return len(self.content)

    def getvalue(self) -> bytes:
        return self.content


@dataclass
class Hand:
    """Presses controls as a viewer, as soon as a page draws them for an operator.

    What a button calls is called for every one; of what a page does itself when a control says so, one at a time.

    Attributes:
        person: who is at the page.
        key: the one that is pressed.
        drawn: what the pages have drawn, with its kind.
        called: of whose buttons something was called.
        refused: what was refused, to a button or to the one that is pressed.
        has_uploads: whether every uploader holds a file.
        others: labels of buttons that an operator presses, so that what follows is drawn.
    """

    person: Person = OPERATOR
    key: Key | None = None
    drawn: dict[Key, str] = field(default_factory=dict)
    called: set[Key] = field(default_factory=set)
    refused: set[Key | None] = field(default_factory=set)
    has_uploads: bool = False
    others: frozenset[str] = frozenset()

    def on(self, kind: str, frame: FrameType, label: str, options: Mapping[str, Any], drawn: Callable[[], Any]) -> Any:
        """What a control gives back; ``drawn`` makes the real one."""
        key = KEYS.get(_place(frame))
        if key is None:
            return drawn()
        self.drawn[key] = kind
        found = drawn()
        if key in NOT_FOR_VIEWERS and callable(options.get("on_click")) and self.person is OPERATOR:
            self.call(key, options)
        if key == self.key:
            self.person = VIEWER
            return self.uploaded(options) if kind == "file_uploader" else True
        if kind == "file_uploader" and self.has_uploads:
            return self.uploaded(options)
        return True if label in self.others else found

    def call(self, key: Key, options: Mapping[str, Any]) -> None:
        """Call what a button calls, for a viewer."""
        before, self.key, self.person = self.key, key, VIEWER
        self.called.add(key)
        with suppress(NotAllowedError):
            options["on_click"](*options.get("args", ()))
        self.key, self.person = before, OPERATOR

    def uploaded(self, options: Mapping[str, Any]) -> Any:
        """What an uploader holds."""
        return [Upload()] if options.get("accept_multiple_files") else Upload()


def _place(frame: FrameType) -> Place:
    """Where the call that a frame makes just now ends."""
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    path = Path(frame.f_code.co_filename)
    pages = PROJECT_DIR / "pages"
    return (path.relative_to(pages).as_posix() if path.is_relative_to(pages) else "", positions[1], positions[3])


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    """Stands between the pages and Streamlit's controls."""
    hand = Hand()
    monkeypatch.setattr(sign_in, "person_of", lambda user, settings: hand.person)
    require = Person.require

    def noted(person: Person, action: Any) -> None:
        try:
            require(person, action)
        except NotAllowedError:
            hand.refused.add(hand.key)
            raise

    monkeypatch.setattr(Person, "require", noted)
    monkeypatch.setattr("core.maintenance.pack_study.packed_study", lambda settings: (b"packed", 1))
    monkeypatch.setattr("core.jobs.control._launch", lambda *given: pytest.fail("a process was started"))
    for kind in KINDS:
        for owner in (st, DeltaGenerator):
            monkeypatch.setattr(owner, kind, _watched(hand, kind, getattr(owner, kind)))
    return hand


def _watched(hand: Hand, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def control(*given: Any, **options: Any) -> Any:
        frame = sys._getframe(1)
        label = next((each for each in given if isinstance(each, str)), "")
        return hand.on(kind, frame, label, options, lambda: real(*given, **options))

    return control


@dataclass(frozen=True, eq=False)
class Visit:
    """A page at an address, in a state in which it draws some of the controls."""

    page: str
    address: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    has_uploads: bool = False
    presses: frozenset[str] = frozenset()
    on_empty_study: bool = False
    jobs: tuple[str, ...] = ()


def endless_query() -> RunningQuery:
    """A query that is never answered until it is stopped."""

    def answer(stop: Callable[[], bool]) -> Any:
        while not stop():
            threading.Event().wait(0.01)
        raise AgeScopeError("stopped")

    return RunningQuery(answer)


def just_removed() -> str:
    """The folder in the trash of the model that was removed last."""
    return next(each.folder.name for each in list_removed(get_settings()) if each.kind == "models")


OPEN, TOLD, LABELLING = {"batch": "open", "coder": "ada"}, {"batch": "told", "coder": "ada"}, "label.py"
SAMPLE = {"list": "sample"}
NAMED = "'Take the star away' if own.starred else 'Star: the one that counts'"
VISITS: dict[Visit, list[Key]] = {
    Visit("overview", on_empty_study=True): [("overview.py", "Load the sample"), ("overview.py", "Rebuild the index")],
    Visit("settings", state={"about": True, "all_studies": True}, presses=frozenset({"Gather a diagnostic file"})): [
        ("settings.py", label)
        for label in (
            *("Diagnostic file", "Drafts for a review board and of an impact assessment"),
            *("Gather a diagnostic file", "Make the study", "Save", "Pack this study"),
        )
    ],
    Visit("settings", state={"all_studies": True}, presses=frozenset({"Pack this study"})): [
        ("settings.py", "Download the packed study")
    ],
    Visit("jobs", state={"disk": True}, jobs=("train",)): [("jobs.py", "End at once"), ("jobs.py", "Stop")],
    Visit("jobs", state={"disk": True, "done": True}): [
        ("jobs.py", "Clear the caches"),
        ("jobs.py", "Remove from this list"),
        ("parts/job_widgets.py", "Go on"),
    ],
    Visit("collect", SAMPLE, has_uploads=True): [
        ("parts/list_upload.py", "'Keep these labels' if is_labels else 'Keep this list'"),
        ("parts/list_upload.py", "kind"),
    ],
    Visit("collect", SAMPLE, state={"proxies": "own list"}): [
        ("collect.py", "Proxies"),
        ("collect.py", "Remove it"),
        ("collect.py", "data_editor"),
        ("collect.py", "same and go_on_label(same) or 'Start collecting'"),
        ("parts/collection_runs.py", "Check Instagram"),
        ("parts/collection_runs.py", "label"),
    ],
    Visit("collect", SAMPLE, jobs=("collect",)): [("parts/collection_runs.py", "Stop collecting")],
    Visit("collect", {"source": "Import files"}, has_uploads=True): [
        ("parts/import_tab.py", "Files"),
        ("parts/import_tab.py", "Import"),
    ],
    Visit("posts", {"show": "SQL"}): [("posts.py", "Run")],
    Visit("posts", {"show": "SQL"}, state={"running_query": endless_query}): [("posts.py", "Stop the query")],
    Visit("label", state=OPEN): [(LABELLING, "Save"), (LABELLING, "Skip"), (LABELLING, "label")],
    Visit("label", state=TOLD): [(LABELLING, "f'Confirm {suggestion}'")],
    Visit("label", {"show": "Agreement"}, state={**OPEN, "seen_open": True}): [
        (LABELLING, "Keep as labels"),
        (LABELLING, "Settle"),
    ],
    Visit("label", {"show": "New batch"}): [(LABELLING, "Make the batch")],
    Visit("train", state={"just_removed": just_removed, "another": True}): [
        ("train.py", "Train"),
        ("train.py", "Download these figures"),
        ("parts/own_names.py", "Bring back"),
        ("parts/own_names.py", "Delete all that was removed, for good"),
        ("parts/own_names.py", "Undo"),
    ],
    Visit("train", jobs=("train",)): [
        ("train.py", "'Stop, keep the best so far' if job.events(EpochEvent) else 'Stop'")
    ],
    Visit("results", {"view": "Accounts"}, state={"own_name": True}): [
        ("parts/clicks.py", "Label these"),
        ("parts/downloads.py", "label"),
        ("parts/own_names.py", NAMED),
        ("parts/own_names.py", "Remove"),
        ("parts/own_names.py", "Save name and note"),
        ("results.py", "Predict now"),
    ],
    Visit("results", {"view": "Share"}): [
        ("parts/audit.py", "Draw and download"),
        ("parts/audit.py", "The sample, filled in"),
    ],
    Visit("erase", state={"whom": "sample_dov_04", "sure": True}): [("erase.py", "Erase")],
}
"""Visit -> the controls that are pressed on it."""
PRESSED = [(visit, key) for visit, keys in VISITS.items() for key in keys]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, sample_template: Path) -> Path:
    """The folder of a study in which everything was done once."""
    folder = Path(shutil.copytree(sample_template, tmp_path_factory.mktemp("done") / "data"))
    settings = Settings(data_dir=folder)
    add_model(settings.models_dir / "removed-model")
    remove(settings, settings.models_dir / "removed-model")
    remove(settings, settings.predictions_dir / "run-0")
    for kind, status in (("collect", 1), ("import", 0)):
        add_ended_job(folder, kind, [{"kind": "account", "username": "sample_dov_04"}], {}, status)
    figures = dict.fromkeys(("train_loss", "validation_loss", "validation_accuracy", "validation_auc", "seconds"), 0.5)
    add_ended_job(folder, "train", [{"kind": "epoch", "epoch": 1, **figures}], {})
    teller = Account(
        username="teller", posts=[Post(id="1", caption="i am 23 years old today", taken_at=datetime.now(UTC))]
    )
    write_account(settings.accounts_dir, teller)
    for name, account in (("told", "teller"), ("open", "sample_dov_04")):
        create_batch(settings.coding_dir, Batch(name=name, purpose="chosen", cutoff=21, usernames=(account,)))
    for coder, answer in (("bea", "16"), ("cai", "30")):
        record = Record(username="sample_dov_04", coder=coder, answer=answer)
        add_record(settings.coding_dir / "open", record)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_DATA_HOME", str(folder.parent / "home"))
        open_pseudonyms(settings)
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty") / "data"


def visited(visit: Visit, hand: Hand, template: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page, drawn for an operator, until the hand has pressed what it is to press."""
    folder = empty if visit.on_empty_study else template
    monkeypatch.setenv("AGESCOPE_DATA_DIR", str(folder))
    get_settings.cache_clear()
    hand.has_uploads, hand.others = visit.has_uploads, visit.presses
    jobs = [add_running_job(folder, kind, {}) for kind in visit.jobs]
    app = AppTest.from_file(str(PROJECT_DIR / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{visit.page}.py")
    for name, value in visit.address.items():
        app.query_params[name] = value
    state = {name: value() if callable(value) else value for name, value in visit.state.items()}
    for name, value in state.items():
        app.session_state[name] = value
    try:
        app.run()
    finally:
        for running in (value for value in state.values() if isinstance(value, RunningQuery)):
            running.stop()
        for job in jobs:
            shutil.rmtree(job)
    return app


def content(folder: Path) -> dict[Path, bytes]:
    """What a study holds, but for what the dashboard makes by itself: the index, caches, locks, who opened what."""
    own = ("index.duckdb", "actions.jsonl", ".")
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(own) and not path.is_relative_to(folder / "cache")
    }


def test_every_control_that_a_viewer_may_not_use_is_pressed_here() -> None:
    assert sorted(key for _, key in PRESSED) == sorted(NOT_FOR_VIEWERS)


@pytest.fixture
def go(hand: Hand, template: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Visit], Hand]:
    """Visits a page; whatever the hand does there, the study stays as it is."""

    def gone(visit: Visit) -> Hand:
        folder = empty if visit.on_empty_study else template
        before = content(folder)
        visited(visit, hand, template, empty, monkeypatch)
        assert content(folder) == before
        return hand

    return gone


AS_OPERATOR: dict[Visit, Hand] = {}
AS_VIEWER: dict[Visit, Hand] = {}
"""What came of a visit on which no control was pressed but those that call something; several tests look at it."""


@pytest.mark.parametrize(("visit", "key"), PRESSED, ids=[" ".join(key) for _, key in PRESSED])
def test_a_viewer_cannot_use_it(hand: Hand, go: Callable[[Visit], Hand], visit: Visit, key: Key) -> None:
    if visit not in AS_OPERATOR:
        AS_OPERATOR[visit] = replace(go(visit))
        hand.drawn, hand.called, hand.refused = {}, set(), set()
    first = AS_OPERATOR[visit]
    assert key in first.drawn
    if key in first.called:
        assert key in first.refused
    elif first.drawn[key] in DRAWN_FOR_OPERATORS:
        if visit not in AS_VIEWER:
            hand.person = VIEWER
            AS_VIEWER[visit] = go(visit)
        assert key not in AS_VIEWER[visit].drawn
    else:
        hand.key = key
        assert key in go(visit).refused or key == UPLOADED_ONLY
