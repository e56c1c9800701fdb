"""A study in one file: nothing of captions and names in it, and nothing changed unseen."""

import zipfile
from pathlib import Path

import orjson
import pytest

from core.errors import AgeScopeError, InputError
from core.maintenance.arguments import PackStudyArguments, UnpackStudyArguments
from core.maintenance.pack_study import pack_study, unpack_study
from core.privacy.names_of_study import names_of_study
from core.privacy.study_settings import change_study
from core.settings import get_settings
from tests.made_study import add_model, add_predictions


@pytest.fixture
def packed(data_dir: Path, sample_study: Path, tmp_path: Path) -> Path:
    add_model(data_dir / "models" / "the-model")
    add_predictions(data_dir, data_dir / "models" / "the-model")
    change_study(get_settings(), title="Title", contact="ada@example.org", people="ada@example.org")
    pack_study(PackStudyArguments(tmp_path / "study.zip"), get_settings())
    return tmp_path / "study.zip"


@pytest.mark.slow
def test_no_name_caption_path_or_mail_address_is_in_it(packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        everything = b"\n".join(archive.read(name) for name in archive.namelist()).decode()
        split = orjson.loads(archive.read("models/the-model/training.json"))["split"]
    names = names_of_study(get_settings())
    assert len(names) >= 420 and not [name for name in names if name in everything]
    assert "@example.org" not in everything and str(tmp_path) not in everything
    assert all(name.startswith("p-") for part in split.values() for name in part) and split["train"]
    assert '"title": "Title"' in everything


@pytest.mark.slow
def test_it_is_unpacked_elsewhere_and_its_figures_are_counted_again(packed: Path, tmp_path: Path) -> None:
    said = unpack_study(UnpackStudyArguments(packed, tmp_path / "check"))
    assert "as it was packed" in said[0] and "run-0: accounts 420" in said[1]
    assert (tmp_path / "check" / "predictions" / "run-0" / "predictions.csv").is_file()
    with pytest.raises(AgeScopeError, match="not empty"):
        unpack_study(UnpackStudyArguments(packed, tmp_path / "check"))


def test_a_figure_that_was_changed_is_refused(packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content.replace(b"0.5", b"0.9") if "training" in name else content)
    with pytest.raises(InputError, match="not what it was"):
        unpack_study(UnpackStudyArguments(tmp_path / "other.zip", tmp_path / "check"))


@pytest.mark.parametrize("name", ["../evil", "/evil", "a\\b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    from hashlib import sha256

    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, b"x")
        manifest = {"format": 1, "agescope": "0", "files": {name: sha256(b"x").hexdigest()}}
        archive.writestr("manifest.json", orjson.dumps(manifest))
    with pytest.raises(InputError, match="other files"):
        unpack_study(UnpackStudyArguments(tmp_path / "evil.zip", tmp_path / "check"))


def test_what_is_no_packed_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a packed study"):
        unpack_study(UnpackStudyArguments(tmp_path / "a.zip", tmp_path / "check"))
