"""The 25 questions of an auditor, and where the console answers each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """One question."""

    number: int
    text: str
    address: str
    """A page; or the form that asks for the release, prediction or part it is about."""


_RELEASE, _PREDICTION, _PART = "#ask-release", "#ask-prediction", "#ask-part"
QUESTIONS = (
    AuditQuestion(1, "Which systems run?", "/registers/register"),
    AuditQuestion(2, "Is it high-risk, and who decided that?", "/registers/register"),
    AuditQuestion(3, "Since when is it in service?", "/registers/register"),
    AuditQuestion(4, "What was live at a moment?", "/time"),
    AuditQuestion(5, "Why was this person declined?", _PREDICTION),
    AuditQuestion(6, "Would it answer the same today?", _PREDICTION),
    AuditQuestion(7, "Which data trained it?", _RELEASE),
    AuditQuestion(8, "Did nobody alter it?", _RELEASE),
    AuditQuestion(9, "Did test data leak into the training?", _RELEASE),
    AuditQuestion(10, "Were the thresholds set before the results?", _RELEASE),
    AuditQuestion(11, "How well does it do for groups of people?", _RELEASE),
    AuditQuestion(12, "Who let a closed gate pass?", "/registers/waivers"),
    AuditQuestion(13, "Who signed the tests?", _RELEASE),
    AuditQuestion(14, "Is the validator independent?", "/registers/sod"),
    AuditQuestion(15, "What are its known limits and misuses?", _RELEASE),
    AuditQuestion(16, "How is it stopped, and when was that tried?", "/registers/oversight"),
    AuditQuestion(17, "Do people disagree with it?", "/registers/oversight"),
    AuditQuestion(18, "How is it noticed when it gets worse?", "/registers/findings"),
    AuditQuestion(19, "What about poisoning, evasion and theft?", _RELEASE),
    AuditQuestion(20, "Which open-source parts are inside?", _PART),
    AuditQuestion(21, "How did an incident go, from alert to report?", "/registers/incidents"),
    AuditQuestion(22, "Are the logs complete?", "/registers/log"),
    AuditQuestion(23, "What does an erasure leave?", "/registers/retention"),
    AuditQuestion(24, "What proves it on a laptop without a network?", _PREDICTION),
    AuditQuestion(25, "What is proven, declared, missing?", _RELEASE),
)
