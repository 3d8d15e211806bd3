# The decision service's contract (proto/README.md), answered by OPA: the mapping of the benches, benches/mapping.yaml.
#
# `data.issuer` has the issuer's name, the audience and its keys; `data.max_age_s` how long an answer may be kept.
package fix.authz

http := input.attributes.request.http

event := http.headers["x-fix-event"]

claims := verified if {
	[valid, _, verified] := io.jwt.decode_verify(
		trim_prefix(http.headers.authorization, "Bearer "),
		{"cert": data.issuer.jwks, "iss": data.issuer.name, "aud": data.issuer.audience, "alg": "ES256"},
	)
	valid
	verified.fix_comp_id == client
}

client := http.headers["x-fix-sender-comp-id"] if http.headers["x-fix-direction"] == "inbound"

client := http.headers["x-fix-target-comp-id"] if http.headers["x-fix-direction"] == "outbound"

# Every occurrence must be common stock, as in the mapping.
equity if {
	fields := split(base64.decode(http.rawBody), "\u0001")
	types := [field | some field in fields; startswith(field, "167=")]
	count(types) > 0
	every type in types { type == "167=CS" }
}

scope := "-" if event == "logon"

scope := "order:create:equity" if {
	event == "message"
	http.headers["x-fix-msg-type"] == "D"
	"order:create:equity" in split(claims.scope, " ")
	equity
}

terms := {"x-fix-exempt": "6", "x-fix-want-tags": "167"} if event == "logon"

terms := {"cache-control": sprintf("max-age=%d", [data.max_age_s]), "x-fix-vary": "167"} if {
	event == "message"
	data.max_age_s > 0
}

terms := {} if {
	event == "message"
	data.max_age_s == 0
}

default result := {
	"allowed": false,
	"http_status": 403,
	"body": "not authorized",
	"headers": {"x-fix-action": "reject", "x-fix-reject-reason": "6"},
}

result := {"allowed": true, "headers": object.union(terms, {
	"x-fix-action": "forward",
	"x-fix-decision-id": http.id,
	"x-fix-scope": scope,
	"x-fix-policy": "rego",
})} if {
	claims
	scope
}

# A report of what the gateway did alone is acknowledged.
result := {"allowed": true, "headers": {"x-fix-action": "forward", "x-fix-decision-id": http.id}} if event == "report"
