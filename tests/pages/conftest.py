"""The sample as a study, made once a run and copied: writing 420 files so that they outlive a crash takes seconds."""

from pathlib import Path

import pytest

from core.index import Store
from core.maintenance.sample import load_sample
from core.settings import Settings
from tests.made_study import add_model, add_predictions


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the sample, two runs of a model, and the index of it all."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("sample") / "data")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.fsync", lambda handle: None)
        load_sample(settings)
        add_model(settings.models_dir / "the-model")
        add_predictions(settings.data_dir, settings.models_dir / "the-model")
    with Store(settings) as store:
        store.refresh()
    return settings.data_dir
