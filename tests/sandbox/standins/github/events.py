"""Which events webhooks of which level can have.

In: nothing. Out: three sets, read from the `supported-webhook-types` of @octokit/openapi-webhooks 12.1.0.
Never here: what an event says.
"""

from __future__ import annotations

from tests.sandbox.standins.github.answers import Refused, invalid

_ALONE = """
deployment_protection_rule deployment_review github_app_authorization installation installation_repositories
installation_target merge_group repository_dispatch security_advisory workflow_dispatch
"""
_AND_ORGANIZATION = """
custom_property membership org_block organization personal_access_token_request projects_v2 projects_v2_item
projects_v2_status_update team
"""
_EVERYWHERE = """
branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment create
custom_property_values delete dependabot_alert deploy_key deployment deployment_status discussion discussion_comment
fork gollum issue_comment issue_dependencies issues label member meta milestone package page_build project project_card
project_column public pull_request pull_request_review pull_request_review_comment pull_request_review_thread push
registry_package release repository repository_advisory repository_import repository_ruleset
repository_vulnerability_alert secret_scanning_alert secret_scanning_alert_location secret_scanning_scan
security_and_analysis star status sub_issues team_add watch workflow_job workflow_run
"""
_APP_ALONE = frozenset(_ALONE.split())
_ORGANIZATION = frozenset(_AND_ORGANIZATION.split())
_REPOSITORY = frozenset(_EVERYWHERE.split())
LEVELS = {
    "Repository": _REPOSITORY,
    "Organization": _REPOSITORY | _ORGANIZATION,
    "App": _REPOSITORY | _ORGANIZATION | _APP_ALONE,
}


def check_events(events: object, level: str) -> list[str]:
    """Return the events of a webhook. Raises Refused for one that a webhook of that level cannot have."""
    if not isinstance(events, list) or not events or not all(isinstance(event, str) for event in events):
        raise _refused("Events must be a list of at least one name")
    # `ping` comes unasked and may be named all the same.
    wrong = sorted(set(events) - LEVELS[level] - {"*", "ping"})
    if wrong:
        raise _refused(f"These events are not supported by a webhook of this kind: {', '.join(wrong)}")
    return list(dict.fromkeys(events))


def _refused(why: str) -> Refused:
    # The words are not documented; status and form are those of GitHub's other validation errors.
    return invalid("Hook", why, "events")
