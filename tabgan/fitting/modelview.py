"""HTML of a synthesizer for notebooks: its arguments, and once it is fitted its promise, columns and losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tabgan._util import html
from tabgan._util.printed import at_most

if TYPE_CHECKING:
    from tabgan.fitting.modelfile import Fitted

#: The caveat on a model that was loaded from a file.
UNSIGNED = "the file is not signed; its privacy statement is consistent, but not proven"

#: Names of columns that are shown.
_MAX_NAMES = 40


def model_html(params: Mapping[str, object], fitted: Fitted | None, caveat: str = "") -> str:
    """Return a synthesizer as HTML. All of it is public or released.

    Args:
        params: Its arguments, without the schema.
        fitted: The result of its fit; ``None`` before.
        caveat: A remark on where it came from.
    """
    told = ", ".join(f"{key}={value!r}" for key, value in params.items() if value is not None)
    head = f"TabGAN({told})"
    if fitted is None:
        return html.card(
            head, html.soft("Not fitted yet: fit(df) reads a table, and spends at most epsilon.")
        )
    privacy, schema = fitted.privacy, fitted.encoder.schema
    parts = [html.note(f"Loaded: {caveat}.")] if caveat else []
    if privacy.is_private:
        promise = (
            f"epsilon {at_most(privacy.epsilon)}, delta {at_most(privacy.delta)}, for one {privacy.unit.name}"
        )
    else:
        promise = "none"
        said = "No privacy guarantee (epsilon=None): model and rows may reveal rows of the table."
        parts.append(html.note(said, "bad"))
    names = [str(name) for name in schema.names]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    parts.append(
        html.facts(
            [
                ("Promise", promise),
                (
                    "Rows of the table",
                    f"about {round(fitted.n_rows):,}" + (" (noisy)" if privacy.is_private else ""),
                ),
                ("Columns", f"{len(names)}: {', '.join(names[:_MAX_NAMES])}{more}"),
                *([("Targets", ", ".join(schema.targets))] if schema.targets else []),
                *(("Critic", str(critic)) for critic in privacy.critics),
            ]
        )
    )
    if fitted.losses:
        rows = [
            (loss.column, "–" if loss.share is None else f"{loss.share:.1%}", loss.text, loss.remedy)
            for loss in fitted.losses
        ]
        lost = html.table(
            ("Column", "Rows (noisy)", "No sample shows", "Remedy in the schema"), rows, numbers=(1,)
        )
        parts.append(html.folded(f"Values that no sample shows: {len(rows)} of the columns", lost))
    parts.append(html.soft("sample(n) draws rows at no cost; privacy_ and schema_ have the details."))
    return html.card(head, *parts)


class NotebookMixin:
    """Methods of a synthesizer by which a notebook shows it, in place of scikit-learn's diagram."""

    def _repr_html_(self: Any) -> str:
        fitted: Fitted | None = getattr(self, "_fitted", None)
        known = {key: value for key, value in self.get_params(deep=False).items() if key != "schema"}
        is_loaded = fitted is not None and not hasattr(self, "plan_")
        return model_html(known, fitted, UNSIGNED if is_loaded else "")

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
