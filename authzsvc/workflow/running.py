"""Tests run: each case of a suite decided as the service would, and held against what was expected.

Suites are gathered by the mapping that they name, so that coverage is of all of them together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from authzsvc.errors import Fault, MappingFaults, ToolError
from authzsvc.policy import source
from authzsvc.policy.by_version import begin_string_of
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question, Verdict
from authzsvc.workflow import clients, coverage, explain, suites
from authzsvc.workflow.coverage import Coverage
from authzsvc.workflow.explain import Explanation
from authzsvc.workflow.suites import Case, Suite


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case."""

    case: Case
    explanation: Explanation
    complaints: tuple[str, ...]
    """What is not as expected, a line each; empty where the test passed."""

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.complaints

    def report(self) -> list[str]:
        """Give all that a person needs to see why it failed."""
        shown = source.one_line(self.case.spec.message.replace("\x01", "|"))
        return [f"message   {shown}", *self.complaints, *explain.report(self.explanation)]


@dataclass(frozen=True, slots=True)
class Run:
    """All tests of one mapping."""

    mapping: Path
    results: tuple[Result, ...]
    coverage: Coverage

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return all(result.passed for result in self.results)


def run_all(path: Path) -> list[Run]:
    """Run the suites of a path. Raises `MappingFaults` with those of all suites and mappings, `ToolError` for none."""
    found, faults = read_all(path)
    policies: dict[Path, Policy] = {}
    for mapping in dict.fromkeys(suite.mapping for suite in found):
        try:
            policies[mapping] = compile_mapping(mapping)
        except MappingFaults as error:
            faults.extend(error.faults)
    if faults:
        raise MappingFaults(faults)
    if not found:
        raise ToolError(f"`{path}` has no tests (write a suite beside the mapping, as NAME{suites.SUFFIXES[0]})")
    return [_run_mapping(mapping, policy, found) for mapping, policy in policies.items()]


def read_all(path: Path) -> tuple[list[Suite], list[Fault]]:
    """Read the suites of a path, and the faults of those that cannot be read; beside a mapping, only its own."""
    found: list[Suite] = []
    faults: list[Fault] = []
    for file in suites.find(path):
        try:
            found.append(suites.read(file))
        except MappingFaults as error:
            faults.extend(error.faults)
    if not path.is_dir() and not suites.is_suite(path):
        found = [suite for suite in found if suite.mapping.resolve() == path.resolve()]
    return found, faults


def _run_mapping(mapping: Path, policy: Policy, found: Iterable[Suite]) -> Run:
    results = run(policy, (case for suite in found if suite.mapping == mapping for case in suite.cases))
    return Run(mapping, tuple(results), coverage.measure(policy, (r.explanation for r in results if r.passed)))


def run(policy: Policy, cases: Iterable[Case]) -> list[Result]:
    """Decide every case."""
    return [_run(policy, case) for case in cases]


def _run(policy: Policy, case: Case) -> Result:
    version = begin_string_of(case.fields)
    question = Question(
        case.direction, case.msg_type, case.fields, case.scopes, case.claims, case.comp_id, case.now, version
    )
    explanation = explain.explain(policy, question, clients.beforehand(policy, question, case.client))
    return Result(case, explanation, tuple(_complaints(case, explanation.verdict)))


def _complaints(case: Case, verdict: Verdict) -> Iterable[str]:
    spec = case.spec
    got = "allow" if verdict.allowed else "deny"
    if got != spec.expect:
        yield f"expected  {spec.expect}, got {got}: {verdict.reason}"
    if spec.scope is not None and verdict.scope != spec.scope:
        yield f"expected  scope `{spec.scope}`, got {_quoted(verdict.scope)}"
    if spec.rule is not None and verdict.forbid != spec.rule:
        yield f"expected  forbid `{spec.rule}`, got {_quoted(verdict.forbid)}"
    if spec.reason is not None and spec.reason not in verdict.reason:
        yield f"expected  a reason with `{spec.reason}`, got: {verdict.reason}"
    if spec.shadow is not None and verdict.shadow != spec.shadow:
        yield f"expected  shadow {str(spec.shadow).lower()}, got {str(verdict.shadow).lower()}"


def _quoted(name: str | None) -> str:
    return "none" if name is None else f"`{name}`"
