"""The synthetic sample: made by its script, loaded whole, and worth learning from."""

from pathlib import Path

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from bench import make_sample
from core.errors import InputError
from core.importers.detect import read
from core.index import Filter, Store
from core.maintenance.sample import load_sample
from core.settings import SAMPLE_DIR, Settings
from core.statistics.prevalence import FEWEST_PER_CLASS
from core.storage.account_files import account_files, read_account
from core.storage.user_lists import read_labels, read_user_list


def test_the_script_gives_the_files_that_are_kept(tmp_path: Path) -> None:
    make_sample.main(tmp_path)
    for name in ("users.csv", "labels.csv", "posts.csv"):
        assert (tmp_path / name).read_bytes() == (SAMPLE_DIR / name).read_bytes()


@pytest.mark.slow
def test_the_sample_has_what_its_readme_says() -> None:
    users = read_user_list(SAMPLE_DIR / "users.csv")
    labels = read_labels(SAMPLE_DIR / "labels.csv")
    accounts = list(read(SAMPLE_DIR / "posts.csv"))
    assert (len(users.usernames), len(labels.ages), len(accounts)) == (420, 340, 412)
    assert not users.rejected
    assert not labels.rejected
    assert all(name.startswith("sample_") for name in users.usernames)
    assert all(8 <= len(account.posts) <= 24 for account in accounts)
    with_posts = {account.username for account in accounts}
    under = [age < 21 for name, age in labels.ages.items() if name in with_posts]
    assert 0.15 * min(sum(under), len(under) - sum(under)) >= FEWEST_PER_CLASS  # so that the test part is enough
    assert sum(18 <= age <= 24 for age in labels.ages.values()) >= 100


@pytest.mark.slow
def test_loading_it_fills_an_empty_study(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    load_sample(settings)
    with Store(settings) as store:
        store.refresh()
        counts = store.counts()
        assert (counts.listed, counts.missing, counts.collected, counts.with_posts) == (420, 0, 420, 412)
        assert (counts.labelled, counts.labelled_with_posts, counts.damaged) == (340, 332, 0)
        assert counts.outcomes == {"collected": 412, "empty": 8}
        assert store.count_accounts(Filter(sources=("sample",))) == 420
    before = {path: read_account(path).posts for path in account_files(settings.accounts_dir)}
    load_sample(settings)
    assert {path: read_account(path).posts for path in account_files(settings.accounts_dir)} == before


def test_a_missing_sample_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"users\.csv"):
        load_sample(Settings(data_dir=tmp_path / "data"), tmp_path)


@pytest.mark.slow
def test_it_holds_something_real_but_imperfect_to_learn() -> None:
    labels = read_labels(SAMPLE_DIR / "labels.csv").ages
    known = [account for account in read(SAMPLE_DIR / "posts.csv") if account.username in labels]
    texts = ["\n".join(account.captions) for account in known]
    at_least_21 = [labels[account.username] >= 21 for account in known]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probabilities = cross_val_predict(model, texts, at_least_21, cv=folds, method="predict_proba")[:, 1]
    assert 0.75 < roc_auc_score(at_least_21, probabilities) < 0.97
