"""Questions on a terminal: asked on standard error, so that standard output holds nothing but data.

questionary is imported when something is asked, never at start-up. On a terminal that cannot move its cursor
(`TERM=dumb`) the same questions are asked line by line.
"""

from __future__ import annotations

import getpass
import os
import sys
import termios
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from avnz_int.errors import CancelledError, InvalidInputError, UsageError

if TYPE_CHECKING:
    from prompt_toolkit.output import Output
    from questionary import Question

T = TypeVar("T")
Validate = Callable[[str], str | None]
"""Why an answer cannot be taken, in words without the answer; None if it can."""

CANCELLED = "cancelled: nothing was saved"
_FILTERED_FROM = 9


def select(
    message: str, choices: Sequence[tuple[str, T]], *, default: T | None = None, instruction: str = ""
) -> T:
    """The value of the choice that was picked; a long list is narrowed by typing.

    Args:
        message: the question.
        choices: (label, value), at least one.
        default: the value to stand on at first.
        instruction: what helps to answer.

    Raises:
        CancelledError: Ctrl-C, Ctrl-D, or the terminal went away.
        UsageError: standard input is not a terminal.
    """
    _require_terminal()
    values = [value for _, value in choices]
    start = values.index(default) if default is not None and default in values else 0
    labels = [label for label, _ in choices]
    ask = _plain_select if _is_dumb() else _select
    return values[_answer(partial(ask, message, labels, start, instruction))]


def text(message: str, *, default: str = "", validate: Validate | None = None, instruction: str = "") -> str:
    """The line that was typed; a bad one is asked for again, after the reason and with the line to mend.

    Args:
        message: the question.
        default: stands in the line at first.
        validate: judges the line.
        instruction: what helps to answer; stands above the question.

    Raises:
        CancelledError: Ctrl-C, Ctrl-D, or the terminal went away.
        UsageError: standard input is not a terminal.
    """
    _require_terminal()
    ask = _plain_text if _is_dumb() else _text
    _explain(instruction)
    while True:
        line = _answer(partial(ask, message, default))
        reason = None if validate is None else validate(line)
        if reason is None:
            return line
        say(f"{message}: {reason}")
        default = line if line.isprintable() else default


def secret(message: str, *, validate: Validate | None = None, instruction: str = "") -> str:
    """What was typed or pasted without being shown; one line end after it is cut off.

    Args:
        message: the question.
        validate: judges it; a bad one is asked for again, after the reason.
        instruction: what helps to answer.

    Raises:
        CancelledError: Ctrl-C, Ctrl-D, or the terminal went away.
        UsageError: standard input is not a terminal.
    """
    _require_terminal()
    ask = _plain_secret if _is_dumb() else _secret
    _explain(instruction)
    while True:
        line = _answer(partial(ask, message)).removesuffix("\n")
        reason = None if validate is None else validate(line)
        if reason is None:
            return line
        say(f"{message}: {reason}")


def confirm(message: str, *, default: bool) -> bool:
    """Yes or no.

    Raises:
        CancelledError: Ctrl-C, Ctrl-D, or the terminal went away.
        UsageError: standard input is not a terminal.
    """
    _require_terminal()
    ask = _plain_confirm if _is_dumb() else _confirm
    return _answer(partial(ask, message, default))


def confirm_or_refuse(*, interactive: bool, yes: bool, question: str) -> None:
    """Go on only where `--yes` was given or a person says yes.

    Raises:
        CancelledError: the person says no.
        UsageError: nobody can be asked and `--yes` was not given.
    """
    if yes:
        return
    if not interactive:
        raise UsageError(
            f"{question.rstrip('?')}: this needs --yes where nobody can be asked",
            hint="repeat the command with --yes",
        )
    if not confirm(question, default=False):
        raise CancelledError("cancelled: nothing was changed")


@contextmanager
def quiet() -> Iterator[None]:
    """Several questions: what is typed ahead of one is not shown in between, since it may be a secret."""
    if sys.stdin is None or not sys.stdin.isatty() or _is_dumb():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[3] = before[3] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def say(line: str) -> None:
    """Put a line between two questions."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


# --- what all questions share --------------------------------------------------------------------


def _require_terminal() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        # questionary would take the bytes of a pipe for keystrokes.
        raise UsageError(
            "standard input is not a terminal: nobody can be asked",
            hint="give every value as an option; --help lists them",
        )


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in {"dumb", "unknown"}


def _explain(instruction: str) -> None:
    """Put the instruction above its question: beside it, a long one would be cut at the terminal's edge."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        columns = 0
    for line in textwrap.wrap(instruction, max(columns - 3, 40)):
        say(f"  {line}")


def _answer(ask: Callable[[], T]) -> T:
    # From None throughout: a frame or a decoder's error may hold what was typed.
    try:
        return ask()
    except (KeyboardInterrupt, EOFError):
        raise CancelledError(CANCELLED) from None
    except UnicodeDecodeError:
        raise InvalidInputError("what was typed is not UTF-8", hint="set the terminal to UTF-8") from None


# --- questionary ---------------------------------------------------------------------------------


def _output() -> Output:
    from prompt_toolkit.output import create_output  # noqa: PLC0415
    from prompt_toolkit.output.vt100 import Vt100_Output  # noqa: PLC0415

    output = create_output(stdout=sys.stderr)
    if isinstance(output, Vt100_Output):
        # Asking the terminal where its cursor is serves menus that we have none of; terminals that do not
        # answer cost two seconds and a warning, and a late answer ends up in the next question.
        output.enable_cpr = False
    return output


def _ask(question: Question) -> Any:
    """The answer; Ctrl-D and a signal end lists and yes-or-no as they end a line of text."""
    from prompt_toolkit.filters import Condition  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings  # noqa: PLC0415
    from prompt_toolkit.keys import Keys  # noqa: PLC0415

    app = question.application
    bindings = KeyBindings()

    @bindings.add(Keys.SIGINT)
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt)

    @bindings.add(Keys.ControlD, filter=Condition(lambda: not app.current_buffer.text))
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    app.key_bindings = merge_key_bindings([b for b in (app.key_bindings, bindings) if b is not None])
    return question.unsafe_ask()


def _select(message: str, labels: Sequence[str], start: int, instruction: str) -> int:
    import questionary  # noqa: PLC0415

    filtered = len(labels) >= _FILTERED_FROM
    keys = "arrow keys, or type to narrow the list" if filtered else "arrow keys"
    question = questionary.select(
        message,
        [questionary.Choice(label, value=i) for i, label in enumerate(labels)],
        default=start,  # type: ignore[arg-type]  # compared with the values, which may be anything
        instruction=f"({instruction}; {keys})" if instruction else f"({keys})",
        use_jk_keys=False,
        use_search_filter=filtered,
        output=_output(),
    )
    if filtered:
        _refuse_enter_without_match(question)
    return int(_ask(question))


def _refuse_enter_without_match(question: Question) -> None:
    """Where nothing fits what was typed, the list is shown whole: Enter must not take its first line."""
    from prompt_toolkit.filters import Condition  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings  # noqa: PLC0415
    from prompt_toolkit.keys import Keys  # noqa: PLC0415
    from questionary.prompts.common import InquirerControl  # noqa: PLC0415

    app = question.application
    lists = [w.content for w in app.layout.find_all_windows() if isinstance(w.content, InquirerControl)]

    @Condition
    def matches_nothing() -> bool:
        # Looking at the list judges the search anew; what was typed may not have been drawn yet.
        return any(one.search_filter and not (one.filtered_choices and one.found_in_search) for one in lists)

    bindings = KeyBindings()

    @bindings.add(Keys.ControlM, eager=True, filter=matches_nothing)
    def _(event: KeyPressEvent) -> None:
        event.app.output.bell()

    app.key_bindings = merge_key_bindings([b for b in (app.key_bindings, bindings) if b is not None])


def _text(message: str, default: str) -> str:
    import questionary  # noqa: PLC0415

    return str(_ask(questionary.text(message, default=default, output=_output())))


def _secret(message: str) -> str:
    import questionary  # noqa: PLC0415

    return str(_ask(questionary.password(message, output=_output())))


def _confirm(message: str, default: bool) -> bool:
    import questionary  # noqa: PLC0415

    return bool(_ask(questionary.confirm(message, default=default, output=_output())))


# --- line by line --------------------------------------------------------------------------------


def _line(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _plain_select(message: str, labels: Sequence[str], start: int, instruction: str) -> int:
    say(f"? {message} ({instruction})" if instruction else f"? {message}")
    for number, label in enumerate(labels, 1):
        say(f"  {number}. {label}")
    while True:
        answer = _line(f"number [{start + 1}]: ").strip()
        if not answer:
            return start
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(labels):
            return int(answer) - 1
        say(f"must be a number from 1 to {len(labels)}")


def _plain_text(message: str, default: str) -> str:
    shown = f" [{default}]" if default else ""
    return _line(f"? {message}{shown}: ") or default


def _plain_secret(message: str) -> str:
    with warnings.catch_warnings():
        # getpass only warns before it asks with the echo on.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"? {message}: ", stream=sys.stderr)
        except getpass.GetPassWarning:
            raise UsageError(
                "this terminal cannot hide what is typed",
                hint="give the secret with --credential FIELD=@file or FIELD=env:NAME",
            ) from None


def _plain_confirm(message: str, default: bool) -> bool:
    while True:
        answer = _line(f"? {message} ({'Y/n' if default else 'y/N'}): ").strip().lower()
        if answer in {"y", "yes", "n", "no", ""}:
            return default if not answer else answer.startswith("y")
        say("must be y or n")
