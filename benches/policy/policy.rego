# The session's scopes are an object, so that a look-up finds them; each tag has the list of its values.
package fix

default allow := false

allow if { input.msg == "D"; input.scopes["order:create:equity"]; only("167", "CS") }
allow if { input.msg == "D"; input.scopes["order:create:future"]; only("167", "FUT") }
allow if { input.msg == "D"; input.scopes["order:create:limit"]; only("40", "2") }
allow if { input.msg == "D"; input.scopes["order:create:market"]; only("40", "1") }
allow if { input.msg == "AB"; input.scopes["order:create:option_multileg"] }
allow if { input.msg == "F"; input.scopes["order:cancel"] }
allow if { input.msg == "F"; input.scopes["order:cancel:all"] }
allow if { input.msg == "q"; input.scopes["order:cancel:all"] }
allow if { input.msg == "G"; input.scopes["order:replace"] }
allow if { input.msg == "H"; input.scopes["order:status"] }
allow if { input.msg == "V"; input.scopes["marketdata:subscribe:level1"]; only("263", "1"); only("264", "1") }
allow if { input.msg == "V"; input.scopes["marketdata:subscribe:option"]; only("167", "OPT") }
allow if { input.msg == "V"; input.scopes["marketdata:snapshot"]; only("263", "0") }
allow if { input.msg == "V"; input.scopes["marketdata:unsubscribe"]; only("263", "2") }

only(tag, value) if {
	values := input.fields[tag]
	every found in values { found == value }
}
