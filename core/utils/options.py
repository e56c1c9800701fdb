"""One source for an option: a field of a dataclass is an option of a command, its help and a form's field.

A command's dataclass derives from :class:`CommandArguments`, and each of its fields says in one line
what it is::

    epoch_num: Annotated[int, Option("Passes over the training accounts.", min=1)] = 10

From that come the option on the command line (:func:`with_options`), the bounds, default and help of
the field in a form (:meth:`CommandArguments.option`), the command that a job runs
(:meth:`CommandArguments.to_argv`) and the reading back of that command (:meth:`CommandArguments.from_argv`).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import JsonValue
from typer.exceptions import TyperException

from core.errors import InputError

DEVICES = ("cpu", "cuda", "mps")
"""Where an encoder may run."""


def as_text(value: object) -> str:
    """A value as one writes it in a shell: 2.0 as ``2``, every other number with all of its digits."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def json_value(value: Any) -> JsonValue:
    """A value of an option as JSON holds it."""
    if isinstance(value, Path):
        return str(value)
    return [json_value(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Option:
    """What people are told of a field, and which values it takes.

    Attributes:
        help: a sentence for ``--help`` and for the form.
        name: its name on the command line, without dashes; "" is the field's own.
        metavar: what stands for the value in the help; None is the name of its type.
        min, max: bounds of a number, both allowed.
        choices: the words that a ``str`` may be; a ``Literal`` needs none.
        path: what a path leads to.
        exists: whether it must be there already.
        has_negative: whether a switch has ``--no-NAME`` as well.
        is_positional: whether it is given by its place, without a name.
        read, write: one value from and to the shell's text, where its type alone does not tell.
    """

    help: str
    name: str = ""
    metavar: str | None = None
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    path: Literal["any", "file", "folder"] = "any"
    exists: bool = False
    has_negative: bool = False
    is_positional: bool = False
    read: Callable[[str], Any] | None = None
    write: Callable[[Any], str] = as_text


@dataclass(frozen=True)
class CommandOption:
    """A field of a command's dataclass with all that is known of it.

    Attributes:
        field: the field's name.
        about: what people are told of it.
        hint: its type.
        default: what it is unless one says otherwise; ``dataclasses.MISSING`` where it must be given.
    """

    field: str
    about: Option
    hint: Any
    default: Any

    @property
    def flag(self) -> str:
        """``--its-name``, as a shell has it."""
        return f"--{self.about.name or self.field.replace('_', '-')}"

    @property
    def types(self) -> tuple[Any, ...]:
        """The types that a value may have; None is none of them."""
        given = get_args(self.hint) if get_origin(self.hint) in (Union, UnionType) else (self.hint,)
        return tuple(each for each in given if each is not NoneType)

    @property
    def is_repeatable(self) -> bool:
        """Whether it takes several values."""
        return any(get_origin(each) is Sequence for each in self.types)

    def number(self, value: float | None) -> Any:
        """``value`` as a number of the option's type; None where there is none."""
        return None if value is None else self.types[0](value)

    def words(self, value: Any) -> list[str]:
        """The words of a command that give it ``value``; none for None, and for a switch that can only be left out."""
        if value is None:
            return []
        if isinstance(value, bool):
            off = [f"--no-{self.flag.removeprefix('--')}"] if self.about.has_negative else []
            return [self.flag] if value else off
        several = isinstance(value, Sequence) and not isinstance(value, str)
        texts = [self.about.write(each) for each in (value if several else [value])]
        return texts if self.about.is_positional else [word for text in texts for word in (self.flag, text)]

    def parse(self, value: Any) -> Any:
        """What the command line has read, as the dataclass holds it."""
        if not self.is_repeatable:
            return value
        return tuple(map(self.about.read, value)) if self.about.read else tuple(value)

    def parameter(self, is_checked: bool) -> inspect.Parameter:
        """The parameter from which typer makes the option; unless ``is_checked``, a path need not be there."""
        default = None if self.is_repeatable and self.default is not MISSING else self.default
        return inspect.Parameter(
            self.field,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is MISSING else default,
            annotation=Annotated[self._typer_type(), self._typer_info(is_checked)],
        )

    def _typer_type(self) -> Any:
        kind = self.types[0]
        if self.is_repeatable:
            [several] = [each for each in self.types if get_origin(each) is Sequence]
            kind = list[str] if self.about.read else list[get_args(several)[0]]  # type: ignore[misc]
        elif self.about.choices:
            kind = Literal[self.about.choices]
        is_optional = self.default is None or (self.is_repeatable and self.default is not MISSING)
        return kind | None if is_optional else kind

    def _typer_info(self, is_checked: bool) -> Any:
        about = self.about
        known: dict[str, Any] = {"help": about.help, "metavar": about.metavar, "min": about.min, "max": about.max}
        if is_checked:
            known |= {"exists": about.exists, "file_okay": about.path != "folder", "dir_okay": about.path != "file"}
        if about.is_positional:
            return typer.Argument(**known)
        return typer.Option(
            f"{self.flag}/--no-{self.flag.removeprefix('--')}" if about.has_negative else self.flag, **known
        )


class CommandArguments:
    """What a command is asked to do; the base of a frozen dataclass whose fields are its options."""

    COMMAND: ClassVar[str]
    """The command's name on the command line."""

    @classmethod
    def options(cls) -> dict[str, CommandOption]:
        """Every option by its field's name, in the order of the help."""
        return _options(cls)  # type: ignore[arg-type]  # mypy takes a class for unhashable

    def to_argv(self) -> list[str]:
        """The command that does this, with every option: it means the same when a default has changed."""
        return self._argv({name: getattr(self, name) for name in self.options()})

    def short_argv(self) -> list[str]:
        """The command that does this as a person would type it: without what is the default."""
        options = self.options()
        given = {name: getattr(self, name) for name in options}
        return self._argv({name: value for name, value in given.items() if value != options[name].default})

    def _argv(self, values: Mapping[str, object]) -> list[str]:
        words: dict[bool, list[str]] = {True: [], False: []}
        for name, value in values.items():
            option = self.options()[name]
            words[option.about.is_positional] += option.words(value)
        by_place = words[True]
        divider = ["--"] if any(word.startswith("-") for word in by_place) else []
        return [self.COMMAND, *words[False], *divider, *by_place]

    @classmethod
    def from_argv(cls, argv: Sequence[str]) -> Self:
        """Read back what :meth:`to_argv`, or a person in a shell, has written; a path in it need not be there.

        Raises:
            InputError: it is another command, or one that cannot be understood.
        """
        if list(argv[:1]) != [cls.COMMAND]:
            raise InputError(f"This is not the command {cls.COMMAND}: {' '.join(argv)}")
        try:
            reader = _reader(cls)  # type: ignore[arg-type]  # mypy takes a class for unhashable
            found = reader.main(args=list(argv[1:]), prog_name=cls.COMMAND, standalone_mode=False)
        except TyperException as error:
            raise InputError(f"The command {' '.join(argv)} cannot be read. {error}") from error
        if not isinstance(found, cls):
            raise InputError(f"The command {' '.join(argv)} only asks for help.")
        return found


Arguments = TypeVar("Arguments", bound=CommandArguments)
Result = TypeVar("Result")


def arguments_of(run: Callable[[Arguments], object]) -> type[Arguments]:
    """The class of the one object that ``run`` takes."""
    of: type[Arguments]
    [of] = [hint for name, hint in get_type_hints(run).items() if name != "return"]
    return of


def with_options(run: Callable[[Arguments], Result]) -> Callable[..., Result]:
    """``run``, which takes the arguments of a command as one object, as a function whose parameters are its options."""
    return _with_parameters(arguments_of(run), run, is_checked=True)


def _with_parameters(
    of: type[Arguments], run: Callable[[Arguments], Result], *, is_checked: bool
) -> Callable[..., Result]:
    options = of.options()

    def command(**given: Any) -> Result:
        # what was not given is left to the dataclass, whose default it is
        return run(of(**{name: options[name].parse(value) for name, value in given.items() if value not in (None, [])}))

    command.__name__, command.__doc__, command.__annotations__ = run.__name__, run.__doc__, {}
    parameters = [option.parameter(is_checked) for option in options.values()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where typer looks
    return command


@cache
def _reader(of: type[Arguments]) -> Any:
    """The command line of a command that does nothing but return its arguments."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    def itself(arguments: Arguments) -> Arguments:
        return arguments

    app.command()(_with_parameters(of, itself, is_checked=False))
    return typer.main.get_command(app)


@cache
def _options(of: type[CommandArguments]) -> dict[str, CommandOption]:
    hints = get_type_hints(of, include_extras=True)
    return {field.name: _option(field, hints[field.name]) for field in fields(of)}  # type: ignore[arg-type]


def _option(field: "Field[Any]", hint: Any) -> CommandOption:
    about = next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Option)), None)
    if about is None:
        raise TypeError(f"The field {field.name} says nothing of itself: write Annotated[TYPE, Option(HELP)].")
    return CommandOption(field.name, about, get_args(hint)[0], field.default)
