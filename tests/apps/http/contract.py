"""Schemathesis against a service that runs: requests made from its OpenAPI, and what came of them."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_REPORT = "events.ndjson"


@dataclass(frozen=True, slots=True)
class Contract:
    """What a run of Schemathesis found.

    Attributes:
        passed: whether no check failed.
        output: what it printed.
        requests: how many it sent.
        statuses: how often each status was answered; 0 where there was no answer.
        operations: how often each status was answered by ``METHOD /path``.
    """

    passed: bool
    output: str
    requests: int
    statuses: Mapping[int, int]
    operations: Mapping[str, Mapping[int, int]]


def check_contract(
    url: str,
    folder: Path,
    *,
    max_examples: int,
    known: Mapping[str, Sequence[str]],
    phases: str = "examples,coverage,fuzzing,stateful",
    workers: int = 1,
    seconds: int | None = None,
) -> Contract:
    """Send valid and invalid requests of every operation, and check every answer.

    Args:
        folder: where the configuration and the report go.
        max_examples: requests made up for an operation, besides those at its bounds.
        seconds: to go on making up requests for so long; none stops at ``max_examples``.
        phases: what is tried: the schema's examples, its bounds, made-up requests, chains of them.
        known: values that exist, by parameter, such as ``path.ticker``: most requests take them.
    """
    (folder / "schemathesis.toml").write_text(_configuration(known))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *("--phases", phases, "--max-examples", str(max_examples), "--seed", "7"),
        *("--workers", str(workers), "--continue-on-failure", "--no-color"),
        *("--suppress-health-check", "all", "--generation-database", ":memory:"),
        *("--report", "ndjson", "--report-ndjson-path", _REPORT),
    ]
    if seconds is not None:
        command += ["--max-time", str(seconds)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    operations = _answers(folder / _REPORT)
    statuses: Counter[int] = sum(operations.values(), Counter())
    return Contract(
        passed=ran.returncode == 0,
        output=ran.stdout + ran.stderr,
        requests=statuses.total(),
        statuses=statuses,
        operations=operations,
    )


def _configuration(known: Mapping[str, Sequence[str]]) -> str:
    lines = [
        "[checks]",
        # What no pattern can say, such as which file is there, is refused as well.
        'positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 429]',
        "[[operations]]",
        'include-path = "/ml/train"',
        # The numbers in a feature's name have bounds that are not in the schema.
        'checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422, 429]',
        "[[operations]]",
        'include-path = "/ml/raw/{name}"',
        # Of bytes Schemathesis makes none as well, whatever their minLength.
        'checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]',
        "[[operations]]",
        'include-path = "/ml/models/{ticker}/{interval}/rollback"',
        # A GET of it is one of /ml/models/{ticker}/{interval}, whose ticker may hold slashes: 422.
        "checks.unsupported_method.enabled = false",
        "[[operations]]",
        'include-path = "/readyz"',
        # It says by its status what is missing.
        'checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 503]',
    ]
    for name, values in known.items():
        lines += [f'[dictionaries."{name}"]', f"values = {json.dumps(list(values))}"]
    lines.append("[parameters]")
    lines += [f'"{name}" = {{ dictionary = "{name}", probability = 0.7 }}' for name in known]
    return "\n".join(lines) + "\n"


def _answers(report: Path) -> dict[str, Counter[int]]:
    found: dict[str, Counter[int]] = {}
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        cases = recorder.get("cases", {})
        for name, interaction in recorder.get("interactions", {}).items():
            case, response = cases[name]["value"], interaction["response"]
            operation = f"{case['method']} {case['path']}"
            found.setdefault(operation, Counter())[response["status_code"] if response else 0] += 1
    return found
