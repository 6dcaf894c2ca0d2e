from __future__ import annotations

import base64
import math
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from tests.making import make_engine, search
from tuner.data.examples import Examples
from tuner.evidence.confirmation import confirm
from tuner.evidence.rows.mistakes import (
    MOST_MISTAKES,
    classification_mistakes,
    doubtful,
    one_class,
    one_class_in_words,
    recall,
    residuals,
    suspects,
)
from tuner.study.schema import CONFIRMATION, MISTAKES

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.study.configuration import StudyConfig


def logits(guesses: list[int], confidence: list[float], classes: int = 3) -> torch.Tensor:
    found = torch.zeros(len(guesses), classes)
    found[range(len(guesses)), guesses] = torch.tensor(confidence, dtype=torch.float32)
    return found


def test_confusion_over_all_models_and_mistakes_of_the_first() -> None:
    targets = torch.tensor([0, 0, 1, 2, 2])
    images = torch.arange(5 * 3 * 2 * 2, dtype=torch.uint8).reshape(5, 3, 2, 2)
    first = logits([0, 1, 1, 0, 2], [1, 2, 1, 5, 1])
    second = logits([0, 0, 1, 2, 2], [1, 1, 1, 1, 1])
    found = classification_mistakes(
        [first, second], Examples(features=images, targets=targets), ["a", "b", "c"]
    )
    assert found["confusion"] == [[3, 1, 0], [0, 2, 0], [1, 0, 3]]
    assert found["models"] == 2
    told = [(one["row"], one["true"], one["predicted"]) for one in found["mistakes"]]
    assert told == [(3, "c", "a"), (1, "a", "b")], "the surest first"
    assert found["mistakes"][0]["probability"] == pytest.approx(
        torch.tensor([5.0, 0, 0]).softmax(0)[0].item()
    )
    picture = Image.open(BytesIO(base64.b64decode(found["mistakes"][0]["png"])))
    assert picture.getpixel((1, 0)) == tuple(images[3, :, 0, 1].tolist())


def say(guesses: torch.Tensor, sure: float, seed: int) -> torch.Tensor:
    """Return one model's outputs: these classes, with some noise."""
    noise = torch.randn(len(guesses), 4, generator=torch.Generator().manual_seed(seed))
    noise[torch.arange(len(guesses)), guesses] += sure
    return noise


def rows_of(targets: torch.Tensor, names: tuple[str, ...] = ()) -> Examples:
    return Examples(features=torch.zeros(len(targets), 2), targets=targets, names=names)


def test_wrong_labels_are_suspects_and_right_ones_are_not() -> None:
    true = torch.arange(200) % 4
    labels = true.clone()
    planted = [3, 50, 121]
    labels[planted] = (true[planted] + 1) % 4
    names = tuple(f"{number}.png" for number in range(200))
    models = [say(true, 8.0, seed) for seed in range(6)]
    found = suspects(models, rows_of(labels, names), "abcd")
    assert sorted(one["row"] for one in found) == planted
    assert all(one["models"] == 6 and one["probability"] > 0.9 for one in found)
    first = found[0]
    assert first["file"] == f"{first['row']}.png"
    assert first["said"] == "abcd"[int(true[first["row"]])]
    assert suspects(models, rows_of(true), "abcd") == []


@pytest.mark.parametrize("sure", [0.0, 0.5, 1.0, 2.0])
def test_models_that_know_little_accuse_nearly_nobody(sure: float) -> None:
    """All labels are right, and the models share their errors, as on hard rows."""
    true = torch.arange(400) % 4
    shared = 2 * torch.randn(400, 4, generator=torch.Generator().manual_seed(9))
    models = [say(true, sure, seed) + shared for seed in range(6)]
    assert len(suspects(models, rows_of(true), "abcd")) <= 4


@pytest.mark.parametrize("rare", [0.5, 0.1, 0.03])
def test_good_models_do_not_accuse_all_rows_that_they_are_wrong_of(rare: float) -> None:
    """All labels and probabilities are right; most errors are rows between classes.

    The two classes differ by three standard deviations of their feature, or by half of that if one
    is so rare that hardly any model would ever predict it.
    """
    random = torch.Generator().manual_seed(3)
    true = (torch.rand(4000, generator=random) < rare).long()
    apart = 1.5 if rare < 0.1 else 3.0
    seen = torch.randn(4000, generator=random) + apart * true
    logit = apart * seen - apart**2 / 2 + math.log(rare / (1 - rare))
    models = [torch.stack((torch.zeros(4000), logit), dim=1)] * 4
    found = classification_mistakes(models, rows_of(true), ["no", "yes"])
    wrong = sum(found["confusion"][place][1 - place] for place in (0, 1)) / 4
    found["suspects"] = doubtful(torch.stack(models).softmax(dim=2).double(), true)
    assert wrong > 100
    assert len(found["suspects"]) < (0.7 if rare < 0.1 else 0.35) * wrong
    assert len(found["suspects"]) == pytest.approx(found["sure"]["wrong"], rel=0.3), "as it is told"


def test_a_row_that_models_disagree_about_is_no_suspect() -> None:
    true = torch.arange(200) % 4
    labels = true.clone()
    labels[7] = (true[7] + 1) % 4
    against = say(true, 6.0, 0)
    for_it = say(labels, 6.0, 1)
    assert suspects([against, for_it], rows_of(labels), "abcd") == []


def test_grey_images_tables_and_too_many_mistakes() -> None:
    count = MOST_MISTAKES + 5
    targets, wrong = torch.zeros(count, dtype=torch.int64), logits([1] * count, [1.0] * count, 2)
    grey = classification_mistakes(
        [wrong],
        Examples(features=torch.zeros(count, 1, 4, 4, dtype=torch.uint8), targets=targets),
        ["a", "b"],
    )
    assert [one["row"] for one in grey["mistakes"]] == list(range(MOST_MISTAKES))
    assert Image.open(BytesIO(base64.b64decode(grey["mistakes"][0]["png"]))).mode == "L"
    table = classification_mistakes(
        [wrong], Examples(features=torch.zeros(count, 4), targets=targets), ["a", "b"]
    )
    assert table["mistakes"][0]["png"] is None


def test_residuals() -> None:
    found = residuals(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.5], [2.5]]))
    assert found == {"true": [1.5, 2.5], "predicted": [1.0, 2.0]}


def test_a_confirmation_keeps_what_the_best_gets_wrong(
    config: StudyConfig, url: str, tmp_path: Path
) -> None:
    study = search(url, config, 4)
    confirm(study, config, make_engine(1), 2, tmp_path, lambda _: None)
    found, best = study.user_attrs[MISTAKES], study.user_attrs[CONFIRMATION]["arms"]["best"]
    assert found["trial"] == best["trial"]
    assert (found["classes"], found["models"]) == (["left", "right"], 2)
    assert set(found["always"]) == set(study.user_attrs[CONFIRMATION]["arms"])
    counts = torch.tensor(found["confusion"])
    assert counts.sum().item() == 2 * 40
    accuracy = sum(score["accuracy"] for score in best["scores"]) / 2
    assert counts.diagonal().sum().item() / 80 == pytest.approx(accuracy)


def test_recall_of_each_class_and_a_model_that_says_one_class() -> None:
    assert recall([[3, 1, 0], [0, 0, 0], [1, 0, 3]]) == [0.75, None, 0.75]
    assert one_class([[9, 0], [3, 0]], ["no", "yes"]) == "no"
    assert one_class([[0, 9], [0, 3]], ["no", "yes"]) == "yes"
    assert one_class([[9, 0], [2, 1]], ["no", "yes"]) is None
    assert "The baseline always answers 'no'" in one_class_in_words("baseline", "no")
    targets = torch.tensor([0, 0, 0, 1])
    found = classification_mistakes(
        [logits([0] * 4, [1.0] * 4, 2)],
        Examples(features=torch.zeros(4, 2), targets=targets),
        ["no", "yes"],
    )
    assert (found["recall"], found["one_class"]) == ([1.0, 0.0], "no")
