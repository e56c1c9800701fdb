"""From a batch of accounts to their rows: the one way, whoever asks for it on whatever machine."""

from collections.abc import Callable, Collection, Iterable, Sequence

from core.encoder.vector_cache import VectorCache
from core.models.captions_read import as_read, captions_used
from core.models.folder import cutoff_index
from core.models.loading import load_predictor
from core.models.predictor import Predictor
from core.prediction.arguments import PredictArguments
from core.storage.account_files import AccountFile
from core.storage.models import Account
from core.storage.predictions_file import Prediction, prediction
from core.storage.usernames import username_error

ACCOUNTS_AT_ONCE = {"cpu": 64, "cuda": 1_024, "mps": 1_024}


class AccountPredictor:
    """A model, ready to turn accounts into rows.

    Attributes:
        predictor: the model.
        column: which of its cutoffs.
        threshold: from which probability on "at least" is predicted.
    """

    def __init__(self, predictor: Predictor, age_cutoff: float | None) -> None:
        self.predictor = predictor
        self.column = cutoff_index(predictor.settings, age_cutoff)
        self.threshold = predictor.settings.thresholds[self.column]

    def rows(self, accounts: Sequence[Account], name_in_file: Callable[[str], str] = str) -> list[Prediction]:
        """A row for each account, in their order; ``name_in_file`` says what its name becomes."""
        if not accounts:
            return []
        settings = self.predictor.settings
        captions = [as_read(settings, captions_used(settings, account.captions)) for account in accounts]
        probabilities = self.predictor.probabilities(captions)
        return [
            prediction(name_in_file(account.username), float(p[self.column]), self.threshold, len(its), p.tolist())
            for account, p, its in zip(accounts, probabilities, captions, strict=True)
        ]


def load_account_predictor(arguments: PredictArguments, cache: VectorCache | None) -> AccountPredictor:
    """Load the model that ``arguments`` ask for.

    Raises:
        InputError: see :func:`core.models.loading.load_predictor`.
    """
    predictor = load_predictor(
        arguments.finetuned_model_path,
        arguments.model_name_or_path,
        arguments.device,
        arguments.max_seq_len,
        arguments.precision,
        cache,
    )
    return AccountPredictor(predictor, arguments.age_cutoff)


class AccountReader:
    """Takes accounts, each once, and tells why files hold none.

    Args:
        unlike_the_model: accounts that did not make the model; told of each that is read.
        labelled: the accounts that made or tested it.
        name_in_file: what an account's name becomes.
        leave_out: told the name of each file without an account, and the reason.
    """

    def __init__(
        self,
        unlike_the_model: Callable[[Account], None],
        labelled: Collection[str],
        leave_out: Callable[[str, str], None],
        name_in_file: Callable[[str], str] = str,
    ) -> None:
        self._offer, self._labelled = unlike_the_model, labelled
        self._leave_out, self._name_in_file = leave_out, name_in_file

    def read(self, files: Iterable[AccountFile], seen: set[str]) -> list[Account]:
        """The accounts of ``files`` that are not ``seen`` yet; they are, after it."""
        accounts = []
        for file in files:
            account = file.account
            if account is None:
                self._leave_out(file.name, file.fault)
                continue
            if account.username not in self._labelled:  # those would look like themselves
                self._offer(account)
            fault = username_error(account.username)
            if fault:
                self._leave_out(file.name, f"its username cannot be used: {fault}")
            elif (name := self._name_in_file(account.username)) not in seen:
                seen.add(name)
                accounts.append(account)
        return accounts
