"""Asks a provider whether credentials work: before they are saved, and for those that are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from avnz_int.definitions import schema
from avnz_int.errors import AvnzError, InvalidInputError, ProviderUnreachableError, RejectedError
from avnz_int.model.enums import Environment, Outcome
from avnz_int.model.secret import Credentials
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.providers.endpoints import check_endpoint
from avnz_int.services.integrations import Definition
from avnz_int.services.vault import Notify

DEADLINE_S = 30.0


class Prober:
    """Runs provider checks, never inside a transaction.

    Args:
        endpoints: provider -> base URL that the operator put in place of the provider's own.
        notify: told when a check goes to such an endpoint, and what a check warns of.
        run: what runs a check.
        allow_hosts: hosts that user-supplied addresses may name although they are private.
    """

    def __init__(
        self,
        endpoints: Mapping[str, str],
        notify: Notify,
        run: Callable[[CheckRequest], CheckReport] = registry.run,
        *,
        allow_hosts: tuple[str, ...] = (),
    ) -> None:
        self._endpoints = endpoints
        self._notify = notify
        self._run = run
        self._allow_hosts = allow_hosts

    def answering(self, run: Callable[[CheckRequest], CheckReport]) -> Prober:
        """A prober of the same endpoints whose checks are run by `run`: for what was tested already."""
        return Prober(self._endpoints, lambda _: None, run, allow_hosts=self._allow_hosts)

    def endpoint(self, provider: str) -> str | None:
        """The base URL in place of the provider's own.

        Raises:
            UsageError: credentials may not be sent there.
        """
        url = self._endpoints.get(provider)
        return url and check_endpoint(url, variable=_variable(provider))

    def run(self, request: CheckRequest) -> CheckReport:
        """What the provider says; its warnings go to `notify`."""
        report = self._run(request)
        self.tell(report)
        return report

    def tell(self, report: CheckReport) -> None:
        """Pass a report's warnings on."""
        for warning in report.warnings:
            self._notify(warning)

    def request(
        self,
        found: Definition,
        credentials: Credentials,
        settings: Mapping[str, Any] | None,
        environment: Environment,
        *,
        of_platform: bool,
        timeout_s: float | None = None,
    ) -> CheckRequest:
        """What a check is given; an endpoint of the operator's is named to `notify`.

        Args:
            found: the definition in force.
            credentials: what to test.
            settings: as stored; defaults are filled in.
            environment: which world the credentials belong to.
            of_platform: whether they are the organization's own, which may lean on the machine's identity.
            timeout_s: the deadline, 30 s if None.
        """
        endpoint = self.endpoint(found.provider)
        if endpoint is not None:
            self._notify(f"{_variable(found.provider)} is set: {found.name} is tested at {endpoint}")
        return CheckRequest(
            provider=found.provider,
            credentials=credentials,
            settings=schema.with_defaults(found.settings_schema, settings),
            environment=environment,
            timeout_s=timeout_s or DEADLINE_S,
            endpoint=endpoint,
            allow_hosts=self._allow_hosts,
            ambient_allowed=of_platform,
        )

    def facts(self, found: Definition, report: CheckReport) -> dict[str, Any]:
        """What an audit event holds of a test."""
        facts: dict[str, Any] = {"outcome": report.outcome.value, "code": report.code.value}
        if report.provider_code is not None:
            facts["providerCode"] = report.provider_code
        endpoint = self._endpoints.get(found.provider)
        if endpoint is not None:
            facts["endpoint"] = endpoint
        return facts


def refusal(report: CheckReport, found: Definition, environment: Environment) -> AvnzError | None:
    """Why what was tested is not to be saved; None where it may be (accepted, or there is no test)."""
    if report.outcome in {Outcome.OK, Outcome.UNSUPPORTED}:
        return None
    kind: type[AvnzError] = {
        Outcome.REJECTED: RejectedError,
        Outcome.UNREACHABLE: ProviderUnreachableError,
        Outcome.INVALID_CONFIG: InvalidInputError,
    }[report.outcome]
    hint = "nothing was saved; mend it and repeat, or save unverified with --no-test"
    return kind(
        f"{found.name} ({environment}): {report.message}",
        hint=hint,
        details={
            "provider": found.provider,
            "environment": environment.value,
            "outcome": report.outcome.value,
            "code": report.code.value,
            "providerCode": report.provider_code,
            "latency": report.latency_ms,
        },
    )


def _variable(provider: str) -> str:
    return f"AVNZ_INT_ENDPOINT_{provider.upper()}"
