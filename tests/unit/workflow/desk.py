"""A small desk's mapping, of everything a little, and a suite that covers all of it."""

from __future__ import annotations

from pathlib import Path

DESK = """\
version: 1
name: desk
fix: FIX.5.0SP2
lists:
  restricted: {values: [EVIL, WORSE]}
session:
  identity: {SenderCompID: fix_comp_id}
  exempt: []
  risk_reducing: [OrderCancelRequest]
roles:
  canceller: {scopes: ["order:cancel"]}
  trader: {scopes: ["order:create:equity"], roles: [canceller]}
scopes:
  order:create:equity:
    description: Buy and sell shares
    sensitive: true
    grants:
      - message: NewOrderSingle
        when: {SecurityType: CommonStock, Side: {in: [Buy, Sell]}}
  order:create:restricted:
    description: Trade what is restricted
    grants:
      - message: NewOrderSingle
        when: {SecurityType: CommonStock, Symbol: {in_list: restricted}}
  order:cancel:
    grants: [{message: OrderCancelRequest}]
  trade:view:own:
    grants:
      - message: ExecutionReport
        direction: outbound
        when: {Account: {claim: accounts}}
forbid:
  - name: restricted-list
    message: NewOrderSingle
    when: {Symbol: {in_list: restricted}}
    unless: ["order:create:restricted"]
"""

SUITE = """\
mapping: desk.yaml
defaults: {claims: {accounts: [A1]}}
tests:
  - name: a trader buys shares
    roles: [trader]
    message: "35=D|55=ACME|167=CS|54=1"
    expect: allow
    scope: order:create:equity
  - name: a trader trades no options
    roles: [trader]
    message: "35=D|55=ACME|167=OPT|54=1"
    expect: deny
    reason: SecurityType
  - name: a trader sells nothing short
    roles: [trader]
    message: "35=D|55=ACME|167=CS|54=5"
    expect: deny
  - name: a trader keeps off the restricted list
    roles: [trader]
    message: "35=D|55=EVIL|167=CS|54=1"
    expect: deny
    rule: restricted-list
  - name: unless it may
    scopes: ["order:create:restricted"]
    message: "35=D|55=EVIL|167=CS"
    expect: allow
    scope: order:create:restricted
  - name: who may trade what is restricted may not trade all else
    scopes: ["order:create:restricted"]
    message: "35=D|55=ACME|167=CS"
    expect: deny
  - name: nor restricted options
    scopes: ["order:create:restricted"]
    message: "35=D|55=EVIL|167=OPT"
    expect: deny
  - name: a canceller cancels
    roles: [canceller]
    message: "35=F|11=1"
    expect: allow
  - name: nobody else does
    scopes: ["order:create:equity"]
    message: "35=F|11=1"
    expect: deny
  - name: reports of one's own accounts
    scopes: ["trade:view:own"]
    direction: outbound
    message: "35=8|1=A1"
    expect: allow
  - name: and of no others
    scopes: ["trade:view:own"]
    direction: outbound
    message: "35=8|1=B1"
    expect: deny
"""


def write_text(path: Path, text: str, changes: tuple[tuple[str, str], ...] = ()) -> Path:
    """Write a text, changed by (old, new) pairs."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path
