"""Decide: from a request to a decision, a pure function of configuration, request, live facts and time.

The order is the behaviour: read the request and recognise its call; what credential it presents; what the
rules say; what would go upstream. An exception anywhere is a deny. Enforcement, `explain`, `test` and
replay all call `decide`, so they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from wharfinger.rules import answering, barring, digests, reasons, tracing
from wharfinger.rules.conditions.when import Scope
from wharfinger.rules.policies import patterns
from wharfinger.rules.policies.granting import Granting
from wharfinger.rules.policies.judging import judge, judge_texts, shortest
from wharfinger.rules.policies.redacting import redactions
from wharfinger.rules.policies.ruling import Ruled, Ruling
from wharfinger.rules.recognition import presented
from wharfinger.rules.recognition.presented import Presented
from wharfinger.rules.recognition.recognised import Part, Recognised
from wharfinger.rules.requests import headers, spelling
from wharfinger.rules.requests.headers import Passes, Plan
from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.tools.tool import Tool
from wharfinger.rules.types import (
    UNMATCHED,
    Call,
    Code,
    Decision,
    Effect,
    Facts,
    Request,
    ResponseRules,
    Step,
    Verdict,
)

if TYPE_CHECKING:
    from wharfinger.rules.configuration import Configuration
    from wharfinger.rules.models.agents import Agent
    from wharfinger.rules.recognition.recognise import Streamed
    from wharfinger.rules.recognition.redirecting import Pass

_EFFECTS: Final = {effect: effect.value for effect in Effect}
_CODES: Final = {
    Verdict.ALLOW: Code.ALLOWED,
    Verdict.ASK: Code.APPROVAL_PENDING,
    Verdict.DENY: Code.DENIED,
}


def decide(
    configuration: Configuration, request: Request, facts: Facts, now: datetime, *, explain: bool = False
) -> Decision:
    """The decision on one request at the instant `now` (aware). Never raises.

    With `explain` the decision carries every step to it; nothing else differs.
    """
    try:
        return _Deciding(configuration, request, facts, now, explain).decision()
    except Exception as error:  # noqa: BLE001 -- an error is a deny (DESIGN 3, invariant 8)
        name = type(error).__name__
        return Decision(
            Verdict.DENY,
            Code.DENIED,
            f"internal error: {name}",
            "Nothing was sent; tell the operator.",
            configuration.digest,
            trace=(Step("verdict", f"internal error: {name}", "deny"),) if explain else (),
        )


def streams(configuration: Configuration, request: Request) -> Streamed | None:
    """How the body of this request is to pass, by what its head says; None where it is read. Never raises."""
    try:
        return configuration.tools.streams(request)
    except Exception:  # noqa: BLE001 -- then the body is read, and the request decided whole
        return None


@dataclass(slots=True, eq=False)
class _Deciding:
    configuration: Configuration
    request: Request
    facts: Facts
    now: datetime
    explain: bool

    def decision(self) -> Decision:
        read = self.configuration.tools.recognise(self.request, self.configuration.settings.limits.parse)
        read = reasons.given(read, self.facts)
        agent = self.configuration.agents.get(self.request.agent)
        if agent is None:
            return self._refused(read, barring.UNKNOWN)
        barred = barring.inactive(agent, self.facts) or barring.denied(
            self.request, read, self.facts, self.now
        )
        if barred is not None:
            return self._refused(read, barred)
        shown = presented.present(self.request, read, self.configuration.credentials, self.facts)
        refusal = shown.refusal if shown.refusal and shown.refusal.code is Code.MISUSE else read.refusal
        refusal = refusal or shown.refusal or barring.proposed(read, self.facts)
        if refusal is not None:
            return self._refused(read, refusal, shown.own)
        return self._passed(read, shown, agent) if read.passes else self._judged(read, shown, agent)

    # The rules

    def _judged(self, read: Recognised, shown: Presented, agent: Agent) -> Decision:
        plan = self._plan(read, shown)
        kept = plan.outgoing(self.request)
        path = read.target.path.canonical if read.target is not None else ""
        subjects = [self._subjects(part, read, agent, path) for part in read.parts]
        policies = [self.configuration.policies[name] for name in agent.policies]
        led = next((each for each in self.facts.passes if each.is_for(self.request, self.now)), None)
        if led is not None:
            subjects[0].extend(
                (call.tool, self._scope(call, call.reason, read, agent, path))
                for call in (*led.calls, _fetched(read))
            )
        texts = cache(lambda: self._texts(read, kept))
        covered = plan.covered(kept)
        granting = Granting(
            self.configuration, self.request, read, covered,
            tuple(placement.credential for placement in shown.placements), self.facts, self.now, agent.owner,
        )  # fmt: skip
        ruling = Ruling(
            policies,
            subjects,
            lambda some: judge(
                some,
                subjects,
                self._place(read.host),
                texts,
                lambda: reasons.how(read.winner),
                explain=self.explain,
            ),
            self.facts,
            self.now,
            self.explain,
            granting.granted,
        ).ruled()
        judgement = ruling.judgement
        if judgement.verdict is not Verdict.DENY or judgement.forbidden or judgement.code is not None:
            led = None
        if led is not None:
            return self._follows(read, shown, agent, led)
        opened = judgement.verdict is not Verdict.DENY
        if opened and (problem := self._unopenable(read, shown, judgement.verdict)):
            return self._refused(read, problem, shown.own)
        answer = self._answer(read.winners, read.winners, read, shown, agent) if opened else _CLOSED
        if problem := answering.uncut(self.request, kept, answer):
            return self._refused(read, problem, shown.own)
        digest = self._digest(read, shown, covered, path)
        injects = opened and not ruling.withheld and self.request.message is None
        return Decision(
            judgement.verdict,
            judgement.code or _CODES[judgement.verdict],
            judgement.reason,
            judgement.help,
            self.configuration.digest,
            read.calls,
            judgement.rules,
            placements=shown.placements if injects else (),
            forward=kept if opened else (),
            dropped=plan.dropped,
            own=shown.own,
            digest=digest,
            ask=judgement.ask,
            protocol=read.protocol,
            response=answer,
            reservations=ruling.reservations if opened else (),
            timeout=shortest(judgement.timeout, *(tool.timeout for tool in read.winners)) if opened else None,
            review=judgement.review,
            observed=ruling.observed,
            grants=judgement.uses,
            sample=granting.sample(judgement, digest) if judgement.ask is not None else None,
            trace=self._trace(read, shown, plan, ruling, granting) if self.explain else (),
        )

    def _place(self, host: str) -> str:
        """The host as rules with `hosts` read it: one named without a port means the scheme's own port."""
        request = self.request
        return (
            host if request.port == spelling.DEFAULT_PORTS.get(request.scheme) else f"{host}:{request.port}"
        )

    def _passed(self, read: Recognised, shown: Presented, agent: Agent) -> Decision:
        """What is said on a connection, where it is no call: only patterns can deny it."""
        policies = [self.configuration.policies[name] for name in agent.policies]
        judgement = judge_texts(
            [policy for policy in policies if not policy.observes(self.now)],
            read.calls[0].tool,
            agent.environment,
            lambda: self._texts(read, ()),
        )
        return Decision(
            judgement.verdict,
            _CODES[judgement.verdict],
            judgement.reason,
            judgement.help,
            self.configuration.digest,
            rules=judgement.rules,
            own=shown.own,
            trace=judgement.steps if self.explain else (),
        )

    def _follows(self, read: Recognised, shown: Presented, agent: Agent, led: Pass) -> Decision:
        """A redirect of a call that was let out is followed; nothing is put in."""
        plan = self._plan(read, shown)
        kept = plan.outgoing(self.request)
        answer = replace(self._answer((), self._led(led), read, shown, agent), credentialed=True)
        if problem := answering.uncut(self.request, kept, answer):
            return self._refused(read, problem, shown.own)
        path = read.target.path.canonical if read.target is not None else ""
        reason = f"an answer to {led.calls[0].tool} leads here"
        return Decision(
            Verdict.ALLOW,
            Code.ALLOWED,
            reason,
            "",
            self.configuration.digest,
            led.calls,
            forward=kept,
            dropped=plan.dropped,
            own=shown.own,
            digest=self._digest(read, shown, plan.covered(kept), path),
            response=answer,
            timeout=led.timeout,
            led=led,
            trace=(*tracing.of_calls(self.request, read), Step("verdict", reason, "allow"))
            if self.explain
            else (),
        )

    def _answer(
        self,
        tools: tuple[Tool, ...],
        asked: tuple[Tool, ...],
        read: Recognised,
        shown: Presented,
        agent: Agent,
    ) -> ResponseRules:
        """How the answer is treated: as `tools` say, less what is taken out of answers to those `asked`."""
        policies = (self.configuration.policies[name] for name in agent.policies)
        fields, detectors = redactions(asked, policies, agent.environment, self.now)
        rules = answering.answered(tools, shown.credentialed, fields)
        if detectors or (fields and read.aliases):
            return replace(rules, detectors=detectors, aliases=read.aliases)
        return rules

    def _led(self, led: Pass) -> tuple[Tool, ...]:
        """The tools whose answers led to a redirect: what is taken out of these is taken out there, too."""
        tools = self.configuration.tools.tools
        return tuple(dict.fromkeys(tools[call.tool] for call in led.calls if call.tool in tools))

    def _subjects(self, part: Part, read: Recognised, agent: Agent, path: str) -> list[tuple[str, Scope]]:
        call = part.call
        if len(part.fitting) < 2:
            return [(call.tool, self._scope(call, call.reason, read, agent, path))]
        calls = [call, *(fit.call for fit in part.fitting[1:])]
        return [(each.tool, self._scope(each, call.reason, read, agent, path)) for each in calls]

    def _scope(self, call: Call, reason: str | None, read: Recognised, agent: Agent, path: str) -> Scope:
        about: dict[str, str | int] = {"tool": call.tool, "effect": _EFFECTS[call.effect]}
        who = {"name": self.request.agent, "owner": agent.owner}
        return Scope(
            inputs=call.inputs,
            call=about if reason is None else {**about, "reason": reason},
            agent=who if agent.environment is None else {**who, "environment": agent.environment},
            request={
                "method": self.request.method,
                "scheme": self.request.scheme,
                "host": read.host,
                "port": self.request.port,
                "path": path,
            },
            facts={"confinement": self.facts.confinement},
            now=self.now,
            reversible=call.reversible,
        )

    def _unopenable(self, read: Recognised, shown: Presented, verdict: Verdict) -> Refusal | None:
        """Why a request is not let out although rules would."""
        barred = barring.unopenable(self.configuration.credentials, self.facts, read, shown)
        return barred or (barring.unwaiting(self.request) if verdict is Verdict.ASK else None)

    def _texts(self, read: Recognised, kept: tuple[tuple[str, str], ...]) -> list[str] | None:
        """What patterns are searched in; None if it cannot be read."""
        body, limit = self.request.body, self.configuration.settings.limits.parse
        if body is None or len(body) > limit:
            return None
        held = patterns.in_body(self.request, read.body, limit)
        if held is None:
            return None
        return patterns.searched(
            self.request.target, (value for _, value in kept), body, [*held, *read.texts]
        )

    # What goes upstream

    def _plan(self, read: Recognised, shown: Presented) -> Plan:
        tools, ranges = read.winners, not shown.credentialed
        if not tools:
            passes = Passes(own=shown.own, exchanged=shown.exchanged, ranges=ranges)
        else:
            tool = tools[0]
            passed, declared, volatile = tool.passed, tool.declared_headers, tool.volatile
            for other in tools[1:]:
                passed, declared = passed & other.passed, declared & other.declared_headers
                volatile &= other.volatile
            passes = Passes(passed, declared, volatile, shown.own, shown.exchanged, ranges)
        return headers.plan(self.request, shown.names, passes)

    def _digest(self, read: Recognised, shown: Presented, fields: list[tuple[str, str]], path: str) -> str:
        query = read.target.query if read.target is not None else ()
        return digests.request_digest(
            agent_id=self.facts.agent_id,
            calls=read.calls,
            request=self.request,
            target=f"{path}?{spelling.canonical_pairs(query)}" if query else path,
            body=digests.body_form(read.body, self.request.body, self.request.opening),
            fields=fields,
            credentials=[placement.credential for placement in shown.placements],
            policy=self.configuration.digest,
        )

    # Refusals, and the steps to a decision

    def _refused(self, read: Recognised, refusal: Refusal, own: tuple[str, ...] = ()) -> Decision:
        trace = tuple(tracing.of_refusal(self.request, read, refusal)) if self.explain else ()
        return Decision(
            Verdict.DENY,
            refusal.code,
            refusal.reason,
            refusal.help,
            self.configuration.digest,
            calls=read.calls,
            own=own,
            protocol=read.protocol,
            trace=trace,
        )

    def _trace(
        self, read: Recognised, shown: Presented, plan: Plan, ruling: Ruled, granting: Granting
    ) -> tuple[Step, ...]:
        return (
            *tracing.of_calls(self.request, read),
            *tracing.of_credentials(shown, assumed=self.facts.assume_placeholder),
            *tracing.of_rules(plan.dropped, ruling, granting.steps),
        )


def _fetched(read: Recognised) -> Call:
    """What the following of a redirect is, to rules about requests that are no tool."""
    path = read.target.path.canonical if read.target is not None else ""
    return Call(UNMATCHED, "", Effect.READ, {"host": read.host, "method": "GET", "path": path})


_CLOSED: Final = ResponseRules()
