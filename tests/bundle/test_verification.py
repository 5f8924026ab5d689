import json

import pytest

from tabgan.bundle.names import DP_STATEMENT, LEDGER_EXTRACT, MANIFEST, MODEL, REPORT_JSON
from tabgan.bundle.verification import verify
from tabgan.errors import BundleError, ConfigError


def edited(path, edit):
    """Change the JSON in a file."""
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def problems_of(folder):
    return "\n".join(verify(folder).problems)


def test_an_intact_bundle(made):
    result = verify(made)
    assert result.problems == ()
    files, signature, epsilon = result.notes
    n_files = len(list(made.iterdir())) - 1
    assert files == f"files: {n_files} of {n_files} as in the manifest"
    assert signature.startswith("signature: none")
    assert "epsilon: 5 at delta 1e-06 is stated everywhere" in epsilon


def test_its_archive(made):
    assert verify(made.with_name("people.zip")) == verify(made)


def test_a_changed_byte_of_any_file_is_found(copy, monkeypatch):
    monkeypatch.setattr("tabgan.bundle.verification._epsilon", lambda *of: [])  # digests alone find it
    for path in sorted(copy.iterdir()):
        raw = path.read_bytes()
        for place in {0, len(raw) // 3, len(raw) - 1}:
            path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
            try:
                found = problems_of(copy)
            except BundleError as error:
                found = str(error)
            assert path.name in found, place
        path.write_bytes(raw)
    assert problems_of(copy) == ""


def test_a_file_that_is_cut_off_or_goes_on_is_found(copy):
    raw = (copy / "synthetic.csv").read_bytes()
    for other in (raw[:-1], raw + b"\n", b""):
        (copy / "synthetic.csv").write_bytes(other)
        assert problems_of(copy) == "changed: synthetic.csv"


def test_what_is_missing_or_extra_is_named(copy):
    (copy / "schema.yaml").unlink()
    (copy / "report.pdf").write_text("more")
    (copy / "synthetic.csv").write_text("other")
    assert problems_of(copy).splitlines() == [
        "missing: schema.yaml",
        "extra: report.pdf, which the manifest does not list",
        "changed: synthetic.csv",
    ]
    with pytest.raises(BundleError, match=r"bundle: missing: schema\.yaml\nbundle: extra"):
        verify(copy).raise_if_failed()


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"expected a file manifest\.json, found none"):
        verify(tmp_path)
    with pytest.raises(ConfigError, match="found neither"):
        verify(tmp_path / "nothing")
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(BundleError, match="expected at most 16,000,000 bytes"):
        verify(tmp_path)


class TestEpsilon:
    """A forger who seals anew must make every file agree, and the accountant too."""

    def test_noise_that_was_made_up(self, copy, resealed):
        def less(data):
            for release in data["parts"][0]["releases"]:
                release["noise_multiplier"] /= 2

        edited(copy / LEDGER_EXTRACT, less)
        resealed(copy)
        found = problems_of(copy)
        assert "over the promised 5" in found
        assert f"{MODEL} states other releases than {LEDGER_EXTRACT}" in found

    @pytest.mark.parametrize("name", [DP_STATEMENT, REPORT_JSON])
    def test_a_file_that_promises_more(self, copy, resealed, name):
        def promise(data):
            told = data["privacy"]["total"] if name == REPORT_JSON else data["guarantee"]
            told["epsilon"] = 1.0

        edited(copy / name, promise)
        resealed(copy)
        assert f"{name} states epsilon 1 and delta 1e-06, {LEDGER_EXTRACT} 5 and 1e-06" in problems_of(copy)

    @pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, '{"guarantee": {"epsilon": NaN}}', "\0"])
    def test_files_that_state_nothing(self, copy, resealed, content):
        (copy / DP_STATEMENT).write_text(content)
        resealed(copy)
        assert DP_STATEMENT in problems_of(copy)

    def test_an_extract_that_is_gone(self, copy, resealed):
        (copy / LEDGER_EXTRACT).unlink()
        resealed(copy)
        assert "cannot be recomputed without" in problems_of(copy)

    def test_a_model_that_cannot_be_loaded(self, copy, resealed):
        (copy / MODEL).write_bytes(b"pickle")
        resealed(copy)
        assert f"epsilon: {MODEL} cannot be loaded: model file: '{MODEL}' is damaged" in problems_of(copy)


def test_an_input_key_for_a_bundle_without_a_commitment(made, tmp_path):
    with pytest.raises(ConfigError, match="commits to no line of a ledger"):
        verify(made, None, tmp_path / "key.json")
