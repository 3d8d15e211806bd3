"""Okta: the scopes of an authorization server, a group for each role, and a rule that gives each group its scopes.

Okta has no import: each object is the body of a request, in this order: `scopes` (`POST
/api/v1/authorizationServers/{id}/scopes`), `groups` (`POST /api/v1/groups`), the policy (`…/policies`) and its rules
(`…/policies/{policyId}/rules`). A rule names groups by the names given here; put the ids that Okta gave them in their
place.

Of several rules that match, Okta applies the first alone, so a user of two groups gets the scopes of one. Service apps
(client credentials) are in no group: they need a rule of their own, with the scopes of their role.
"""

from __future__ import annotations

from authzsvc.workflow.exports.profile import Profile, RoleProfile

LIFETIME_MINUTES = 60
"""Of an access token."""


def document(profile: Profile) -> dict[str, object]:
    """Returns the bodies of the requests that set an authorization server up."""
    return {
        "scopes": [
            {
                "name": scope.name,
                "displayName": scope.name,
                "description": scope.description,
                "consent": "IMPLICIT",
                "metadataPublish": "NO_CLIENTS",
                "default": False,
            }
            for scope in profile.scopes
        ],
        "groups": [{"profile": {"name": role.name, "description": role.description}} for role in profile.roles],
        "policies": [
            {
                "type": "OAUTH_AUTHORIZATION_POLICY",
                "name": profile.name,
                "description": f"Roles of the mapping {profile.name}",
                "conditions": {"clients": {"include": ["ALL_CLIENTS"]}},
                "rules": [_rule(role, priority) for priority, role in enumerate(profile.roles, 1)],
            }
        ],
    }


def _rule(role: RoleProfile, priority: int) -> dict[str, object]:
    return {
        "type": "RESOURCE_ACCESS",
        "name": role.name,
        "priority": priority,
        "conditions": {
            "grantTypes": {"include": ["authorization_code"]},
            "people": {"groups": {"include": [role.name]}},
            "scopes": {"include": list(role.scopes)},
        },
        "actions": {"token": {"accessTokenLifetimeMinutes": LIFETIME_MINUTES}},
    }
