"""What Ctrl-C says."""

import pytest
from typer.testing import CliRunner

from leadlens.cli import commands


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["simulate", "--out", "there"], "run the same command again to go on"),
        (["explain", "MODEL", "FILE"], "stopped\n"),
    ],
)
def test_only_commands_that_go_on_say_that_they_do(
    command: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("leadlens.data.sources.CohortSource.__init__", stop)
    monkeypatch.setattr("leadlens.report.explanation_page.explain_file", stop)
    result = CliRunner().invoke(commands.app, command)
    assert result.exit_code == 130
    assert said in result.stderr
