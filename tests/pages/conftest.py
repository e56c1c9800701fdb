"""The sample as a study with results, made once a worker and copied."""

import shutil
from pathlib import Path

import pytest

from core.index import Store
from core.settings import Settings
from tests.made_study import add_model, add_predictions


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Path:
    """A data folder with the sample, two runs of a model, and the index of it all."""
    folder = Path(shutil.copytree(sample_data, tmp_path_factory.mktemp("results") / "data"))
    add_model(folder / "models" / "the-model")
    add_predictions(folder, folder / "models" / "the-model")
    with Store(Settings(data_dir=folder)) as store:
        store.refresh()
    return folder
