"""Where data sets are looked for, what is said of those that are missing, damaged or unknown."""

import os
import re
import warnings

import pytest
from support.published import BESIDE, digest, make_known, needs, put, use_published

from experiments.cli import flags
from seqjax.data import agreement, folder, idx, piano_rolls, poems, releases, texts


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    make_known(monkeypatch, "set", {"file": b"abc"})
    return tmp_path


def test_data_sets_are_looked_for_where_the_user_says(tmp_path, monkeypatch):
    make_known(monkeypatch, "set", {"file": b"abc"})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("SEQJAX_DATA_DIR", raising=False)
    place = put(tmp_path / "home/.cache/seqjax/data/set/file")
    assert folder.find("set/file") == place
    for variable, value, under in [
        ("XDG_CACHE_HOME", tmp_path / "cache", "seqjax/data/set/file"),
        ("SEQJAX_DATA_DIR", tmp_path / "data", "set/file"),
    ]:
        monkeypatch.setenv(variable, str(value))
        with pytest.raises(folder.DataError):
            folder.find("set/file")
        place = put(value / under)
        assert folder.find("set/file") == folder.find("set/file", exact=True) == place


def test_a_file_that_a_package_brings_is_second(data_dir, tmp_path):
    also = put(tmp_path / "package/file")
    assert folder.find("set/file", also=also) == also
    own = put(data_dir / "set/file")
    assert folder.find("set/file", also=also) == own


BROKEN = {
    "nothing there": (lambda place: None, "cannot read {}: No such file"),
    "a folder": (lambda place: place.mkdir(parents=True), "cannot read {}: it is a folder"),
    "a pipe": (lambda place: (place.parent.mkdir(), os.mkfifo(place)), "it is no regular file"),
    "too large": (lambda place: put(place, bytes(9)), "cannot read {}: it is larger than 8 bytes"),
}


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("make", "said"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_told(data_dir, monkeypatch, make, said, exact):
    monkeypatch.setattr(folder, "LARGEST", 8)
    place = data_dir / "set" / "file"
    make(place)
    with pytest.raises(folder.DataError) as told:
        folder.find("set/file", exact=exact)
    message = str(told.value)
    assert message.startswith("set/file: ") and said.format(place) in message
    assert "--data_dir" in message and "$SEQJAX_DATA_DIR" in message
    assert message.endswith("python -m experiments.data get set fetches it")
    assert "\n" not in message


def test_another_file_is_refused_or_used_with_a_warning(data_dir):
    place = put(data_dir / "set" / "file", b"abd")
    known, found = digest(b"abc"), digest(b"abd")
    with pytest.raises(folder.DataError) as told:
        folder.find("set/file", exact=True)
    said = f"{place} is another file: its SHA-256 is {found}, expected {known}"
    assert said in str(told.value) and "data get set" in str(told.value)
    with pytest.warns(folder.DataWarning, match=re.escape(str(place)) + ".*" + found):
        assert folder.find("set/file") == place


def test_commands_tell_of_an_unknown_file_in_one_line_once(data_dir, capsys):
    place = put(data_dir / "set" / "file", b"abd")
    with flags.data_warnings_on_one_line():
        for _ in range(3):
            folder.find("set/file")
    said = f"{place} is no known release: its SHA-256 is {digest(b'abd')}"
    source = "python -m experiments.data get set fetches the published file"
    assert capsys.readouterr().err == f"warning: {said}; {source}\n"


@pytest.mark.parametrize("name", ["set/other", "nobody/file", "file"])
def test_what_no_release_has_is_read_with_a_warning(data_dir, name):
    with pytest.raises(folder.DataError) as told:
        folder.find(name)
    assert "--data_dir" in str(told.value) and "data get" not in str(told.value)
    place = put(data_dir / name)
    with pytest.warns(folder.DataWarning, match=digest(b"abc") + "$"):
        assert folder.find(name) == place


def test_what_a_package_brings_is_not_fetched(data_dir, monkeypatch):
    monkeypatch.setattr(folder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(folder.DataError, match=r"pip install sktime brings it$"):
        folder.find("japanese_vowels/JapaneseVowels_TEST.ts")


def test_releases_are_whole():
    for name, release in releases.RELEASES.items():
        assert re.fullmatch("[a-z0-9_]+", name) and release.title and release.licence
        assert bool(release.package) != release.address.startswith("https://")
        names = [file.name for file in release.files]
        assert len(set(names)) == len(names) > 0
        for file in release.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256) and 0 < file.size <= folder.LARGEST
            assert file.name == os.path.basename(file.name) and not file.name.startswith(".")


QUANTISED = ("quarter", "16th", "voices")
READERS = {
    "jsb_chorales": lambda: [piano_rolls.piano_rolls(f"jsb_{k}") for k in QUANTISED],
    "mnist": idx.mnist,
    "polyphonic_music": lambda: [piano_rolls.piano_rolls(k) for k in ("jsb", "nottingham")],
    "subject_verb_agreement": agreement.agreement,
    "tang_poems": lambda: [poems.collected(at()).read for at in (poems.tang, poems.three_hundred)],
    "tinyshakespeare": texts.tiny_shakespeare,
}
BESIDE_NAMES = sorted(path.name for path in BESIDE.iterdir()) if BESIDE.is_dir() else []


@pytest.mark.parametrize("name", BESIDE_NAMES)
def test_every_set_beside_the_checkout_is_read(name, monkeypatch):
    """Without a skip: a set that is there and cannot be read, or has no reader, is a failure."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(BESIDE))
    with warnings.catch_warnings():
        warnings.simplefilter("error", folder.DataWarning)
        assert len(READERS[name]())


@needs("mnist")
def test_published_files_are_known(monkeypatch):
    use_published(monkeypatch)
    for file in releases.RELEASES["mnist"].files:
        folder.find(f"mnist/{file.name}", exact=True)
