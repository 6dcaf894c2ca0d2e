"""A saved model in a program: a torch module that scales its input itself."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tuner.bundle.bundle import open_bundle
from tuner.bundle.files import reader_of
from tuner.bundle.finding import at_hand
from tuner.bundle.prediction import finite_outputs
from tuner.errors import UsageError
from tuner.training.inference import autocast, call, scaled_batch
from tuner.training.randomness import undisturbed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tuner.bundle.bundle import Bundle


class Model(nn.Module):
    """A model that `tuner retrain` has saved; it scales rows and targets itself.

    Like any module, it can be called with (unscaled) rows, trained further, exported or moved to
    another device. `predict` and `predict_proba` give the same answers as `tuner predict`.

    >>> model = load("bundle", case="mine.py")
    >>> model.columns, model.classes
    (('x', 'y'), ('left', 'right'))
    >>> model(torch.zeros(4, 2)).shape
    torch.Size([4, 2])

    Attributes:
        network: the model without the scaling; it takes scaled rows.
        classes: their names, in the order of the outputs; empty for a regression.
        columns: names of a table's features, in the order of a row; empty for others.
        manifest: everything known about the model: data, hyperparameters, scores, versions.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self._bundle = bundle
        self.network = bundle.fitted.model
        self.classes = bundle.interface.classes
        self.columns = bundle.interface.columns
        self.manifest: Mapping[str, Any] = bundle.manifest

    def forward(self, rows: Tensor) -> Tensor:
        """Apply the model to unscaled rows (N, ...), on its device.

        Returns:
            (N, classes) logits; or (N, 1) numbers in the target's own units.
        """
        fitted, plan = self._bundle.fitted, self._bundle.plan
        batch = scaled_batch(rows, fitted.features.to(rows.device), plan)
        with autocast(plan):
            outputs = (fitted.apply or call)(self.network, batch)
        if self.classes:
            return outputs.float()
        return fitted.targets.to(rows.device).undo(outputs.float())

    def predict(self, rows: object) -> NDArray[Any]:
        """Predict each row.

        Args:
            rows: (N, F) numbers of a table, as a tensor, an array, lists, or a data frame with
                the model's columns; (N, C, H, W) pixels, uint8; or paths of files, which
                are read as `tuner predict` reads them. A model of `tuner study table` takes a data
                frame with the columns of its file, as pandas reads them: numbers, text, dates, and
                missing cells. Read codes such as 007 as text (dtype=str).

        Returns:
            (N,) names of classes; (N, labels) of 0 and 1, if a row may have several; or (N,)
            numbers in the target's own units.

        Raises:
            UsageError: rows are not what the model takes.
            DataError: a file cannot be read, a cell of a data frame does not fit its column, or an
                output is not finite.
            BundleError: files were named, and it is not known how the case reads them.
        """
        outputs = self._outputs(rows)
        if self._bundle.interface.several:
            labels: NDArray[Any] = (outputs > 0).long().numpy()
            return labels
        if self.classes:
            named: NDArray[Any] = np.array(self.classes)[outputs.argmax(dim=1).numpy()]
            return named
        numbers: NDArray[Any] = self._bundle.fitted.targets.undo(outputs)[:, 0].numpy()
        return numbers

    def predict_proba(self, rows: object) -> NDArray[np.float64]:
        """Return the probability of each class or label: (N, classes), in the order of `classes`.

        Args:
            rows: as in `predict`.

        Raises:
            UsageError: the model is a regression, or rows are not of the right form.
            DataError, BundleError: as in `predict`.
        """
        if not self.classes:
            raise UsageError("a regression has no probabilities; call predict")
        outputs = self._outputs(rows).double()
        several = self._bundle.interface.several
        found: NDArray[np.float64] = (outputs.sigmoid() if several else outputs.softmax(1)).numpy()
        return found

    def _outputs(self, rows: object) -> Tensor:
        """Return outputs (N, outputs) on the processor, on whatever device the model is."""
        features = self._features(rows)
        device = next((weight.device for weight in self.network.parameters()), torch.device("cpu"))
        was_training = self.network.training
        try:
            self.network.to(self._bundle.plan.device)
            names = [f"row {number}" for number in range(1, len(features) + 1)]
            return finite_outputs(self._bundle, features, names)
        finally:
            self.network.to(device).train(was_training)

    def _takes(self) -> str:
        """Return which kinds of rows the model takes, for a message."""
        if self._bundle.interface.table is not None:
            return "a data frame with the columns of its file (of one row: frame.iloc[[0]])"
        return "a list of files, or rows of numbers"

    def _features(self, rows: object) -> Tensor:
        """Return rows as a tensor for the model, unscaled.

        Raises:
            UsageError: they are not rows.
        """
        shape, kinds = self._bundle.interface.row, self._bundle.interface.kinds
        if isinstance(rows, str | Path):
            raise UsageError(f"rows is {str(rows)!r}; give {self._takes()}")
        if getattr(getattr(rows, "dtype", None), "kind", "") in {"O", "U", "T"}:
            rows = list(rows)  # type: ignore[call-overload]  # texts of NumPy or pandas
        if isinstance(rows, Sequence) and rows and all(isinstance(one, str | Path) for one in rows):
            if (read := reader_of(self._bundle)) is None:
                raise UsageError(
                    f"the model's files are tables; give {self._takes()}, or use tuner predict"
                )
            return torch.stack([read(Path(one)) for one in rows])
        names, table = getattr(rows, "columns", None), self._bundle.interface.table
        if names is not None and table is not None:
            from tuner.bundle.sheets import features_of_frame  # imports pyarrow

            return features_of_frame(table, rows)
        if names is not None and self.columns:
            missing = [name for name in self.columns if name not in set(names)]
            if missing:
                raise UsageError(f"the rows have no column {', '.join(map(repr, missing))}")
            rows = np.asarray(rows[list(self.columns)])  # type: ignore[index]  # a data frame
        try:
            found = (rows if isinstance(rows, Tensor) else _as_tensor(rows)).cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            why = str(error) if table is None else f"give {self._takes()}"
            raise UsageError(f"rows cannot be read as numbers: {why}") from error
        if found.dim() and len(found) == 0:
            raise UsageError("there are no rows")
        if self.columns and found.dtype not in kinds:
            found = found.double()
        if found.dtype not in kinds or tuple(found.shape[1:]) != shape or found.dim() == 0:
            raise UsageError(
                f"rows are {found.dtype} of shape {tuple(found.shape)}; the model takes "
                f"{' or '.join(map(str, kinds))} of shape (N, {', '.join(map(str, shape))})"
            )
        if found.is_floating_point() and table is None and not found.isfinite().all():
            raise UsageError("a number in the rows is missing or not finite")
        return found


def _as_tensor(rows: object) -> Tensor:
    """Return rows of numbers as a tensor; torch warns of an array that may only be read."""
    array = np.asarray(rows)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def load(bundle: str | Path, case: str | Path | None = None) -> Model:
    """Load a model that `tuner retrain` has saved.

    >>> model = load("bundle", case="mine.py")
    >>> model.predict([[-2.0, 0.1]]).tolist()
    ['left']
    >>> model.predict_proba([[-2.0, 0.1], [3.0, 2.5]]).shape
    (2, 2)

    Args:
        bundle: its folder, the ZIP file that the service offers for download, or its URL in S3, as
            tuner retrain prints it.
        case: for a model of your own case, the path of that case's file. It is never read from
            the bundle: a bundle from a stranger must not choose what code is run.

    Returns:
        The model, ready to use, on this machine's GPU if there is one.

    Raises:
        BundleError: the bundle is damaged, or its case cannot be found.
        CaseError: the model is of your own case, and its file was not given.
        DepotError: S3 cannot be reached.
    """
    with at_hand(bundle) as folder, undisturbed():  # its weights are drawn before they are loaded
        opened = open_bundle(folder, None if case is None else str(case))
        if opened.remark is not None:
            warnings.warn(f"{bundle}: {opened.remark}", stacklevel=2)
        return Model(opened)
