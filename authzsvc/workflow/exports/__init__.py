"""A mapping's scopes and roles, written for the authorization server that is to give them out.

`profile` is what all servers are told; each other module writes it in one server's form.
"""
