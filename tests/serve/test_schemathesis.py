"""Random requests of every kind to the API, from its own document: none breaks it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from tests.making import TINY, retrained
from tests.serve.making import listening, make_service
from tests.waiting import SECONDS_TO_HANG
from tuner.serve import api
from tuner.serve.api.document import document
from tuner.serve.web.operation import JSON
from tuner.workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("schemathesis")]
load_all_checks()
DOCUMENT = document(api.routes())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [cast("Any", one).ok() for one in SCHEMA.get_all_operations()]
CHECKS = (
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
)
REFUSED = checks.negative_data_rejection
# Routes with a query or a path that can be invalid.
BOUNDED = ("/compare", "/{act}", "/reports/{file}", "/waste", "/studies")
ENDLESS, SLOW = "/events", "/predict"  # not called with existing names
EXAMPLES = 25


@pytest.fixture(scope="module")
def place(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service with a study and a model, and the model's name."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(workplace / "storage", home)
    service = make_service(Workplace.at(home))
    bundle = retrained("tiny", case_file=TINY, workplace=service.workplace).name
    with listening(service) as address:
        yield address, bundle
    service.storage.engine.dispose()


def can_be_wrong(operation: Any) -> bool:
    """Whether a request can violate the document; it cannot if it only contains free names."""
    has_json = JSON in operation.definition.raw.get("requestBody", {}).get("content", {})
    return has_json or operation.path.endswith(BOUNDED)


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(one, mode, id=f"{one.label} {mode.value}")
        for one in OPERATIONS
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or can_be_wrong(one)
    ],
)
def test_no_request_breaks_a_route(
    place: tuple[str, str], operation: Any, mode: GenerationMode
) -> None:
    address, bundle = place
    known = {"name": "tiny", "study": "tiny", "bundle": bundle, "case": "tiny"}

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
    def every(case: Any, there: bool) -> None:
        may = mode is GenerationMode.POSITIVE and not operation.path.endswith((ENDLESS, SLOW))
        if there and may:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known.get(name, case.path_parameters[name])
        answer = case.call(base_url=address, timeout=SECONDS_TO_HANG)
        more = [REFUSED] if mode is GenerationMode.NEGATIVE else []
        case.validate_response(answer, checks=[*CHECKS, *more])

    every()
