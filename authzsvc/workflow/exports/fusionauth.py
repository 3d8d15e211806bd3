"""FusionAuth: the roles and scopes of an application, and the permissions of an entity type.

Each object is the body of a request: `application` (`PATCH /api/application/{id}`), each of `scopes` (`POST
/api/application/{id}/scope`), `entityType` (`POST /api/entity/type`). Clients that get tokens by client credentials are
entities, and their scopes are permissions of the entity type; the preset `fusionauth` reads the claims `scope`,
`permissions` and `roles`.
"""

from __future__ import annotations

from authzsvc.workflow.exports.profile import Profile


def document(profile: Profile) -> dict[str, object]:
    """Returns the bodies of the requests that set an application up."""
    return {
        "application": {
            "roles": [
                {"name": role.name, "description": role.description, "isDefault": False, "isSuperRole": False}
                for role in profile.roles
            ]
        },
        "scopes": [
            {
                "scope": {
                    "name": scope.name,
                    "description": scope.description,
                    "defaultConsentMessage": scope.description or scope.name,
                    "required": False,
                }
            }
            for scope in profile.scopes
        ],
        "entityType": {
            "name": f"{profile.name} FIX client",
            "permissions": [
                {"name": scope.name, "description": scope.description, "isDefault": False} for scope in profile.scopes
            ],
        },
    }
