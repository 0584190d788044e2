"""The launch scripts with a stub of Python: no network, no installation.

Each test gets a copy of `launch/` and a PATH with only the tools named here and a `python3` that
logs its calls, creates empty environments and passes the rest to the real Python.
"""

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


@pytest.mark.parametrize("prelude", ["(3, 9, 18)", "(3, 10, 0)"])
def test_old_python(machine, prelude):
    line = error_line(machine.run(FAKE_PRELUDE=f"import sys; sys.version_info = {prelude}"))
    version = prelude.strip("()").replace(", ", ".")
    assert f"needs Python >= 3.11, and python3 is {version};" in line
    assert "PYTHON=/path/to/python3.12 bash launch/run.sh chooses another" in line


def test_oldest_python_that_will_do(machine):
    result = machine.run(FAKE_PRELUDE="import sys; sys.version_info = (3, 11, 0)")
    assert result.returncode == 0, result.stderr


def test_no_python(machine):
    (machine.bin / "python3").unlink()
    assert "needs Python >= 3.11, and python3 is missing or does not run;" in error_line(
        machine.run()
    )
    # As a pyenv shim whose version is not selected.
    machine.stub("python3", "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    line = error_line(machine.run(script="launch/test.sh"))
    assert "python3 is missing or does not run" in line
    assert "bash launch/test.sh" in line


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_no_venv_module(machine, module):
    prelude = f"import sys; sys.version_info = (3, 12, 1); sys.modules[{module!r}] = None"
    assert "apt install python3.12-venv" in error_line(machine.run(FAKE_PRELUDE=prelude))
    assert not machine.venv.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("NewConnectionError: Failed to establish a new connection", "cannot reach the package"),
        ("ERROR: No matching distribution found for jax", "could not install requirements.txt"),
    ],
)
def test_failing_pip(machine, words, reason):
    line = error_line(machine.run(FAKE_PIP=f"echo {words!r} >&2; exit 1"))
    assert reason in line
    log = machine.venv / "pip.log"
    assert str(log) in line
    assert log.read_text() == words + "\n"
    assert machine.calls("experiments.run") == 0


def test_failing_venv(machine):
    machine.stub("python3", PYTHON.replace('mkdir -p "$3/bin"', "echo -e 'a\\nno space'; exit 1"))
    assert f"cannot create {machine.venv}: no space" in error_line(machine.run())


def test_a_folder_that_is_not_ours_is_not_changed(machine):
    (machine.venv / "bin").mkdir(parents=True)
    (machine.venv / "bin/keep").touch()
    assert "SEQJAX_VENV" in error_line(machine.run())
    assert (machine.venv / "bin/keep").exists()
    assert machine.calls("-m pip") == 0


def test_installs_once(machine):
    first, second = machine.run(), machine.run()
    assert first.stderr.startswith("seqjax: installing the packages (once, about ")
    assert (second.returncode, second.stderr) == (0, "")
    assert machine.calls("-m venv") == machine.calls("-m pip install") == 1
    assert machine.calls(f"-r {machine.root}/requirements.txt") == 1
    assert machine.calls("-m experiments.run") == 2


def test_pip_is_quiet(machine):
    result = machine.run(FAKE_PIP="echo Collecting; echo a warning >&2")
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_changed_requirements_are_installed_in_place(machine):
    machine.run()
    added = machine.venv / "lib-added-by-hand"
    added.touch()
    (machine.root / "requirements.txt").write_text("jax\nflax\n")
    machine.run()
    machine.run()
    assert machine.calls("-m pip install") == 2
    assert machine.calls("-m venv") == 1
    assert added.exists()


@pytest.mark.parametrize("death", ["exit 1", "kill -9 $PPID"])
def test_an_interrupted_installation_is_redone(machine, death):
    half = "${0%/bin/*}/half-written"
    assert machine.run(FAKE_PIP=f"echo >{half}; {death}").returncode != 0
    assert (machine.venv / "half-written").exists()
    assert machine.run().returncode == 0
    assert not (machine.venv / "half-written").exists()
    assert machine.run().returncode == 0
    assert machine.calls("-m pip install") == 2
    assert machine.calls("-m experiments.run") == 2


def test_calls_at_once_install_once(machine):
    processes = [machine.start(FAKE_PIP="sleep 0.5") for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert machine.calls("-m venv") == machine.calls("-m pip install") == 1
    assert machine.calls("-m experiments.run") == 4


def test_another_python_rebuilds_and_is_remembered(machine):
    machine.run()
    (machine.venv / "old").touch()
    newer = "import sys; sys.version_info = (3, 99, 1)"
    other = machine.stub("other", PYTHON)
    (machine.bin / "python3").unlink()
    assert machine.run(PYTHON=str(other), FAKE_PRELUDE=newer).returncode == 0
    assert machine.calls("-m venv") == 2
    assert not (machine.venv / "old").exists()
    # The environment's own Python answers from here on.
    assert machine.run(FAKE_PRELUDE=newer).returncode == 0
    assert machine.calls("-m venv") == 2


def test_an_environment_without_its_python_is_rebuilt(machine):
    machine.run()
    (machine.venv / "bin/python").unlink()
    assert machine.run().returncode == 0
    assert machine.calls("-m venv") == 2


@pytest.mark.parametrize("folder", [".venv-next", ".venv-next/"])
def test_the_environment_can_be_another_folder(machine, tmp_path, folder):
    assert machine.run(cwd=tmp_path, SEQJAX_VENV=folder).returncode == 0
    assert (machine.root / ".venv-next/bin/python").exists()
    assert not machine.venv.exists()
    assert machine.run(SEQJAX_VENV=str(tmp_path / "deep/er")).returncode == 0
    assert (tmp_path / "deep/er/bin/python").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--flagfile=a.flags"],
        ["--flagfile", "a.flags"],
        ["-flagfile=a.flags"],
        ["-flagfile", "a.flags"],
        ["--lr=1", "--study=gates"],
        ["--study", "gates"],
        ["-study=gates"],
        ["-study", "gates"],
        ["--list"],
        ["--help"],
        ["-h"],
        ["--helpfull"],
        ["--helpshort"],
    ],
)
def test_arguments_pass_as_they_are(machine, arguments):
    result = machine.run(*arguments, FAKE_RUN=SHOW)
    assert result.stdout == "".join(f"[{argument}]" for argument in arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--lr=1"],
        ["--note=two words", ""],
        ["--note=a --study b"],
        ["study", "list"],
        ["--study_dir=a"],
        ["--workdir=--study"],
    ],
)
def test_quickstart_comes_first(machine, arguments):
    result = machine.run(*arguments, FAKE_RUN=SHOW)
    assert result.stdout == "".join(f"[{argument}]" for argument in [QUICKSTART, *arguments])


@pytest.mark.parametrize("script", ["launch/run.sh", "launch/test.sh"])
def test_the_script_replaces_itself_in_the_repository_root(machine, tmp_path, script):
    process = machine.start(script=script, cwd=tmp_path, FAKE_RUN='echo "$$ $PWD"; exit 7')
    out, err = process.communicate(timeout=60)
    assert process.returncode == 7, err
    assert out == f"{process.pid} {machine.root}\n"  # so signals reach it


def test_suite_takes_arguments_after_its_own(machine):
    result = machine.run("-n", "9", "-k", "a or b", script="launch/test.sh", FAKE_RUN=SHOW)
    workers = result.stdout.removeprefix("[-n][").removesuffix("][-n][9][-k][a or b]")
    assert 1 <= int(workers) <= 4


@pytest.mark.parametrize("arguments", [["--quick", "-x"], ["-x", "--quick"]])
def test_the_quick_suite_deselects_slow_tests_and_processes(machine, arguments):
    show = 'echo "$SEQJAX_QUICK"; ' + SHOW
    result = machine.run(*arguments, script="launch/test.sh", FAKE_RUN=show)
    assert result.stdout.startswith("1\n[-n]")
    assert result.stdout.endswith("[-m][not slow and not subprocess][-x]")


@pytest.mark.parametrize("broken", ["check", "format"])
def test_lint_runs_both_parts(machine, broken):
    result = machine.run(script="launch/lint.sh", FAKE_RUN=f"echo $3; [[ $3 != {broken} ]]")
    assert (result.returncode, result.stdout) == (1, "check\nformat\n")
    assert machine.run(script="launch/lint.sh").returncode == 0


FAULTS = "test python3  -m faults -n 0 -s"


class TestCI:
    @pytest.fixture
    def ci(self, machine):
        """`.ci/run` with two scripts that print how they are called; FAKE_FAIL makes one fail."""
        shutil.copytree(ROOT / ".ci", machine.root / ".ci")
        for name in ["test", "lint"]:
            (machine.root / f"launch/{name}.sh").write_text(
                f'call="{name} $PYTHON $SEQJAX_VENV $*"; echo ">$call"; [[ $call != $FAKE_FAIL ]]'
            )
        machine.env |= {"FAKE_FAIL": "-", "FAKE_PRELUDE": self.version(11)}

        def run(**env):
            result = machine.run(script=".ci/run", **env)
            calls = [line[1:] for line in result.stdout.splitlines() if line.startswith(">")]
            return result, calls

        return run

    @staticmethod
    def version(minor):
        return f"import sys; sys.version_info = (3, {minor}, 0)"

    def add(self, machine, path, minor):
        """Add a Python that reports version 3.`minor`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = PYTHON.replace("$FAKE_PRELUDE", self.version(minor))
        machine.stub(path, text)

    def test_without_a_second_python(self, ci):
        result, calls = ci()
        assert calls == ["test python3  ", "lint python3  ", FAULTS]
        assert "no Python >= 3.12 found" in result.stdout
        assert result.returncode == 0

    def test_shims_are_skipped(self, ci, machine, tmp_path):
        machine.stub("python3.13", "#!/bin/sh\nexit 127\n")
        for minor in [9, 12]:
            self.add(machine, tmp_path / f"pyenv/versions/3.{minor}/bin/python", minor)
        result, calls = ci(PYENV_ROOT=str(tmp_path / "pyenv"))
        assert calls[3:] == [f"test {tmp_path}/pyenv/versions/3.12/bin/python .venv-next -m core"]
        assert result.returncode == 0

    def test_the_path_comes_before_pyenv(self, ci, machine, tmp_path):
        self.add(machine, machine.bin / "python3.13", 13)
        self.add(machine, tmp_path / ".pyenv/versions/3.12/bin/python", 12)
        assert ci(HOME=str(tmp_path))[1][3:] == ["test python3.13 .venv-next -m core"]

    def test_python3_that_is_new_enough_is_enough(self, ci, machine):
        self.add(machine, machine.bin / "python3.13", 13)
        result, calls = ci(FAKE_PRELUDE=self.version(12))
        assert len(calls) == 3
        assert "no second Python" in result.stdout

    @pytest.mark.parametrize("broken", ["test python3  ", "lint*", FAULTS, "test python3.13*"])
    def test_one_failure_fails_and_stops_nothing(self, ci, machine, broken):
        self.add(machine, machine.bin / "python3.13", 13)
        result, calls = ci(FAKE_FAIL=broken)
        assert len(calls) == 4
        assert result.returncode == 1
        assert result.stdout.count("== failed: ") == 1


def test_requirements_are_the_dependencies_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = [line for line in lines if line and not line.startswith("#")]
    extras = project["optional-dependencies"]
    assert required == project["dependencies"] + extras["dev"]
