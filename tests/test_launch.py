"""The launch scripts with a stub of Python: no network, no installation.

Each test gets a copy of `launch/` and a PATH with only the tools named here and a `python3` that
logs its calls, creates empty environments and passes the rest to the real Python.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.subprocess
ROOT = Path(__file__).resolve().parent.parent
TOOLS = ["bash", "cat", "dirname", "env", "grep", "ls", "mkdir", "nproc", "rm", "sleep"]

# FAKE_PRELUDE is Python run before each `-c`; FAKE_PIP and FAKE_RUN are bash.
PYTHON = f"""#!{shutil.which("bash")}
echo "$*" >>"$FAKE_LOG"
[[ $1 != -I ]] || shift
case "$1 $2" in
  '-c '*)
    code=$2
    shift 2
    exec {sys.executable} -I -c "$FAKE_PRELUDE"$'\\n'"$code" "$@"
    ;;
  '-m venv')
    mkdir -p "$3/bin"
    cat "$0" >"$3/bin/python"
    {shutil.which("chmod")} +x "$3/bin/python"
    ;;
  '-m pip') eval "$FAKE_PIP" ;;
  '-m experiments.run' | '-m pytest' | '-m ruff') eval "$FAKE_RUN" ;;
esac
"""


class Machine:
    """A repository and a PATH of stubs under one folder."""

    def __init__(self, folder: Path):
        self.bin, self.root, self.log = folder / "bin", folder / "repo", folder / "log"
        self.venv = self.root / ".venv"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        shutil.copytree(ROOT / "launch", self.root / "launch")
        (self.root / "requirements.txt").write_text("jax\n")
        self.stub("python3", PYTHON)
        self.env = {"PATH": str(self.bin), "FAKE_LOG": str(self.log)}

    def stub(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, *arguments, script="launch/run.sh", cwd=None, **env):
        return subprocess.Popen(
            ["bash", self.root / script, *arguments],
            cwd=cwd or self.root,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def calls(self, what: str) -> int:
        return self.log.read_text().count(what)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def error_line(result) -> str:
    """The one line of a failed call on stderr, apart from the notice that it installs."""
    assert result.returncode == 2, result
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "installing the packages" not in line]
    assert len(lines) == 1, result.stderr
    return lines[0]


SHOW = 'shift 2; printf "[%s]" "$@"'
QUICKSTART = "--flagfile=experiments/flags/quickstart.flags"


def version(minor):
    return f"import sys; sys.version_info = (3, {minor}, 1)"


@pytest.mark.parametrize(
    ("python3", "prelude", "words"),
    {
        "old": (PYTHON, version(10), ["Python >= 3.11", "3.10.1", "PYTHON="]),
        "missing": (None, "", ["Python >= 3.11", "PYTHON="]),
        "a shim": ("#!/bin/sh\nexit 127\n", "", ["Python >= 3.11", "PYTHON="]),
        "without venv": (
            PYTHON,
            f"{version(12)}; sys.modules['venv'] = None",
            ["apt install python3.12-venv"],
        ),
        "a full disk": (
            PYTHON.replace('mkdir -p "$3/bin"', "echo 'no space'; exit 1"),
            "",
            ["cannot create", ".venv: no space"],
        ),
    }.values(),
)
def test_an_unusable_python_is_one_line(machine, python3, prelude, words):
    (machine.bin / "python3").unlink()
    if python3:
        machine.stub("python3", python3)
    line = error_line(machine.run(FAKE_PRELUDE=prelude))
    assert all(word in line for word in words), line
    assert not (machine.venv / "bin").exists()


@pytest.mark.parametrize(
    ("output", "reason"),
    [("NewConnectionError: failed", "package index"), ("ERROR: no match", "requirements.txt")],
)
def test_failing_pip(machine, output, reason):
    line = error_line(machine.run(FAKE_PIP=f"echo {output!r} >&2; exit 1"))
    log = machine.venv / "pip.log"
    assert reason in line and str(log) in line
    assert log.read_text() == output + "\n"
    assert machine.calls("experiments.run") == 0


def test_a_folder_of_something_else_is_not_changed(machine):
    (machine.venv / "bin").mkdir(parents=True)
    assert "SEQJAX_VENV" in error_line(machine.run())
    assert machine.calls("-m pip") == 0


def test_requirements_are_installed_once_and_again_in_place_when_they_change(machine):
    first, second = machine.run(FAKE_PIP="echo Collecting; echo a warning >&2"), machine.run()
    assert (first.stdout, first.stderr.count("\n")) == ("", 1)
    assert (second.returncode, second.stderr) == (0, "")
    assert machine.calls("-m venv") == machine.calls("-m pip install") == 1
    assert machine.calls(f"-r {machine.root}/requirements.txt") == 1
    (machine.root / "requirements.txt").write_text("jax\nflax\n")
    machine.run()
    assert (machine.calls("-m venv"), machine.calls("-m pip install")) == (1, 2)
    assert machine.calls("-m experiments.run") == 3


@pytest.mark.parametrize("death", ["exit 1", "kill -9 $PPID"])
def test_an_interrupted_installation_is_redone(machine, death):
    half = "${0%/bin/*}/half-written"
    assert machine.run(FAKE_PIP=f"echo >{half}; {death}").returncode != 0
    assert (machine.venv / "half-written").exists()
    assert machine.run().returncode == 0
    assert not (machine.venv / "half-written").exists()
    assert machine.calls("-m pip install") == 2


def test_calls_at_once_install_once(machine):
    processes = [machine.start(FAKE_PIP="sleep 0.5") for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert machine.calls("-m venv") == machine.calls("-m pip install") == 1
    assert machine.calls("-m experiments.run") == 4


def test_another_python_rebuilds_the_environment_and_is_remembered(machine):
    machine.run()
    other = machine.stub("other", PYTHON)
    (machine.bin / "python3").unlink()
    for python in ({"PYTHON": str(other)}, {}):
        assert machine.run(FAKE_PRELUDE=version(99), **python).returncode == 0
        assert machine.calls("-m venv") == 2


def test_the_environment_can_be_another_folder(machine, tmp_path):
    for folder, place in ((".next/", machine.root / ".next"), (tmp_path / "a/b", tmp_path / "a/b")):
        assert machine.run(cwd=tmp_path, SEQJAX_VENV=str(folder)).returncode == 0
        assert (place / "bin/python").exists() and not machine.venv.exists()


@pytest.mark.parametrize(
    ("arguments", "quickstart"),
    [
        (["--flagfile=a.flags"], False),
        (["-flagfile", "a.flags"], False),
        (["--lr=1", "--study=gates"], False),
        (["--list"], False),
        (["--help"], False),
        ([], True),
        (["--note=a --study b", ""], True),
        (["--study_dir=a"], True),
    ],
)
def test_the_quickstart_comes_first_unless_a_study_is_chosen(machine, arguments, quickstart):
    result = machine.run(*arguments, FAKE_RUN=SHOW)
    given = [QUICKSTART, *arguments] if quickstart else arguments
    assert result.stdout == "".join(f"[{argument}]" for argument in given)


@pytest.mark.parametrize("script", ["launch/run.sh", "launch/test.sh"])
def test_the_script_replaces_itself_in_the_repository_root(machine, tmp_path, script):
    process = machine.start(script=script, cwd=tmp_path, FAKE_RUN='echo "$$ $PWD"; exit 7')
    out, err = process.communicate(timeout=60)
    assert process.returncode == 7, err
    assert out == f"{process.pid} {machine.root}\n"  # so signals reach it


@pytest.mark.parametrize("quick", [True, False])
def test_the_quick_suite_deselects_slow_tests_and_processes(machine, quick):
    arguments = ["-k", "a or b", *["--quick"] * quick]
    show = 'echo "$SEQJAX_QUICK"; ' + SHOW
    result = machine.run(*arguments, script="launch/test.sh", FAKE_RUN=show)
    selection = "[-m][not slow and not subprocess]" * quick
    assert re.fullmatch(
        rf"{'1' * quick}\n\[-n\]\[[1-4]\]{re.escape(selection)}\[-k\]\[a or b\]", result.stdout
    )


@pytest.mark.parametrize("broken", ["check", "format", "neither"])
def test_lint_runs_both_parts(machine, broken):
    result = machine.run(script="launch/lint.sh", FAKE_RUN=f"echo $3; [[ $3 != {broken} ]]")
    assert (result.returncode, result.stdout) == (broken != "neither", "check\nformat\n")


PARTS = ["test python3  ", "lint python3  "]
PARTS += ["test python3  -m exhaustive", "test python3  -m faults -n 0 -s"]
NEXT = "test python3.13 .venv-next -m core"


@pytest.mark.parametrize(
    ("newest", "broken", "calls"),
    [(11, "-", PARTS), (13, "-", [*PARTS, NEXT]), (13, "lint*", [*PARTS, NEXT])],
)
def test_ci_runs_all_parts_and_the_core_on_the_newest_python(machine, newest, broken, calls):
    shutil.copytree(ROOT / ".ci", machine.root / ".ci")
    for name in ["test", "lint"]:
        (machine.root / f"launch/{name}.sh").write_text(
            f'call="{name} $PYTHON $SEQJAX_VENV $*"; echo ">$call"; [[ $call != {broken} ]]'
        )
    machine.stub("python3.14", "#!/bin/sh\nexit 127\n")  # a shim of a version not selected
    machine.stub("python3.13", PYTHON.replace("$FAKE_PRELUDE", version(newest)))
    result = machine.run(script=".ci/run", FAKE_PRELUDE=version(11))
    assert [line[1:] for line in result.stdout.splitlines() if line.startswith(">")] == calls
    assert result.returncode == (broken != "-")


@pytest.mark.parametrize("installable", [True, False])
def test_ci_requires_a_browser_where_it_can_install_one(machine, installable):
    shutil.copytree(ROOT / ".ci", machine.root / ".ci")
    for name in ["test", "lint"]:
        (machine.root / f"launch/{name}.sh").write_text('echo ">$SEQJAX_BROWSER"')
    if installable:
        machine.stub("apt-get", f'#!{shutil.which("bash")}\necho >&2 ">apt-get $1"')
    result = machine.run(script=".ci/run", FAKE_PRELUDE=version(11))
    installed = installable and os.geteuid() == 0
    assert set(re.findall("^>(.*)", result.stdout, flags=re.M)) == {"required" * installed}
    calls = re.findall("^>apt-get (.*)", result.stderr, flags=re.M)
    assert calls == ["update", "install"] * installed


def test_requirements_are_the_dependencies_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = [line for line in lines if line and not line.startswith("#")]
    extras = project["optional-dependencies"]
    assert required == project["dependencies"] + extras["dev"]
