"""A charter's progress: live in a terminal, else a line for each step."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from services.gateway.stages import Stage
from services.simulator.calendar import Step

#: In the order of the journey.
ORDER = tuple(each.value for each in Stage)
_BAR = 40
_LAST_STEPS = 6


class Progress:
    """What is shown while a charter is played."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._steps: list[Step] = []
        self._line = ""
        self._spinner = Spinner("dots")

    def say(self, line: str) -> None:
        """The suite says something while it starts."""
        self._line = line

    def step(self, step: Step) -> None:
        """The simulation has come to a step."""
        self._line = ""
        self._steps.append(step)

    def __rich__(self) -> Group:
        lines = [Text(self.title, style="bold")]
        for each in self._steps[-_LAST_STEPS:-1]:
            lines.append(Text(f"  {each.day}  {each.action}", style="dim"))
        now = f"{self._steps[-1].day}  {self._steps[-1].action}" if self._steps else self._line
        self._spinner.update(text=Text(self._line or now))
        return Group(*lines, self._spinner, self._stages())

    def _stages(self) -> Table:
        stages = self._steps[-1].stages if self._steps else {}
        total = sum(stages.values()) or 1
        table = Table(box=None, show_header=False, padding=(0, 1))
        for name in ORDER:
            if count := stages.get(name, 0):
                bar = Text("━" * max(1, round(_BAR * count / total)), style="green")
                table.add_row(name.replace("_", " "), str(count), bar)
        return table


class PlainProgress(Progress):
    """The same where nothing can be drawn again."""

    def __init__(self, title: str, console: Console) -> None:
        super().__init__(title)
        self._console = console
        console.print(title, markup=False)

    def say(self, line: str) -> None:
        self._console.print(line, markup=False)

    def step(self, step: Step) -> None:
        counts = ", ".join(f"{name.replace('_', ' ')} {step.stages[name]}" for name in ORDER if step.stages.get(name))
        self._console.print(f"{step.day}  {step.action:<52} {counts}", markup=False)


@contextmanager
def showing(title: str, *, quiet: bool) -> Iterator[Progress]:
    """Progress on the terminal; ``quiet`` leaves the standard output alone and shows it only to a terminal."""
    console = Console(stderr=quiet, highlight=False, soft_wrap=True)
    if console.is_terminal:
        progress = Progress(title)
        with Live(progress, console=console, refresh_per_second=8, transient=quiet):
            yield progress
    elif quiet:
        yield Progress(title)
    else:
        yield PlainProgress(title, console)
