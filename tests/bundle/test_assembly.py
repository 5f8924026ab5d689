import errno
import json

import pytest

from tabgan.bundle import assembly
from tabgan.bundle.assembly import assemble, seal_again
from tabgan.bundle.names import DE_IDENTIFICATION, MANIFEST
from tabgan.bundle.terms import Terms
from tabgan.bundle.verification import verify
from tabgan.errors import BundleError, ConfigError
from tabgan.evaluation.gate import Gate


def made_of(model, folder, **options):
    return assemble(model, folder, title="people", n_rows=20, pdf=False, random_state=0, **options)


def test_the_same_model_and_seed_give_the_same_bytes(model, tmp_path):
    for name in ("one", "two"):
        made_of(model, tmp_path / name / "people", archive=True)
    first, second = (tmp_path / name / "people.zip" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.family
def test_a_gate_on_promises_decides(model, tmp_path):
    decision = made_of(model, tmp_path / "people", gate=Gate(epsilon=1.0), archive=True)
    assert decision.outcome == "failed"
    assert list(tmp_path.iterdir()) == []
    assert made_of(model, tmp_path / "people", gate=Gate(epsilon=6.0)).outcome == "passed"


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("step", ["_write_payload", "complete", "pack"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_leaves_nothing(model, tmp_path, monkeypatch, step, error):
    sound = getattr(assembly, step)

    def fail(*arguments, **options):
        sound(*arguments, **options)
        raise error

    monkeypatch.setattr(assembly, step, fail)
    expected = (ConfigError, "No space left on device. Nothing of it") if isinstance(error, OSError) else (
        KeyboardInterrupt, None)  # fmt: skip
    with pytest.raises(expected[0], match=expected[1]):
        made_of(model, tmp_path / "people", archive=True)
    assert list(tmp_path.iterdir()) == []


def test_a_model_in_no_ledger_has_no_input_key(model, tmp_path):
    with pytest.raises(ConfigError, match="whose fit is in none"):
        made_of(model, tmp_path / "people", input_key=tmp_path / "key.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.family
def test_what_the_controller_states_is_in_the_report_too(model, tmp_path):
    made_of(model, tmp_path / "people", terms=Terms.of({"title": "Wards", "controller": "The wards"}))
    report = json.loads((tmp_path / "people/report.json").read_text())
    assert (report["title"], report["controller"]) == ("Wards", "The wards")


class TestSealAgain:
    def test_after_the_controller_completed_the_statement(self, copy):
        path = copy / DE_IDENTIFICATION
        path.write_text(path.read_text().replace("____", "signed", 1))
        with pytest.raises(BundleError, match=f"changed: {DE_IDENTIFICATION}"):
            verify(copy).raise_if_failed()
        before = json.loads((copy / MANIFEST).read_text())
        assert seal_again(copy, archive=True) == [DE_IDENTIFICATION]
        verify(copy).raise_if_failed()
        verify(copy.with_name("people.zip")).raise_if_failed()
        after = json.loads((copy / MANIFEST).read_text())
        assert {key for key in before if before[key] != after[key]} == {"files", "seal"}

    @pytest.mark.parametrize("name", ["synthetic.csv", "more.csv", "schema.yaml"])
    def test_nothing_else_may_change(self, copy, name):
        before = (copy / MANIFEST).read_bytes()
        (copy / name).write_text("other")
        with pytest.raises(BundleError, match=f"found others: {name}"):
            seal_again(copy)
        assert (copy / MANIFEST).read_bytes() == before

    def test_nothing_may_go(self, copy):
        (copy / DE_IDENTIFICATION).unlink()
        with pytest.raises(BundleError, match="found others"):
            seal_again(copy)

    def test_a_signed_bundle_is_signed_again(self, copy):
        (copy / "manifest.json.sig").write_bytes(b"signature")
        with pytest.raises(ConfigError, match="--sign-key: expected the key"):
            seal_again(copy)
