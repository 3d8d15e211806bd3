"""A small desk's mapping, of everything a little, and a suite that covers all of it."""

from __future__ import annotations

from pathlib import Path

DESK = """\
version: 2
name: desk
fix: FIX.5.0SP2
lists:
  restricted: {values: [EVIL, WORSE]}
session:
  identity: {SenderCompID: fix_comp_id}
  outbound: open
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

VENUE = """\
version: 2
name: apikey
fix: FIX.4.4
session: {identity: {}, outbound: open, risk_reducing: [OrderCancelRequest, OrderMassCancelRequest]}
custom:
  tags: {25002: {name: CancelRestriction, type: INT}}
  messages: {XCN: {name: CancelAndNew}, XLQ: {name: LimitQuery}}
scopes:
  fix:trade:
    description: Order entry
    grants:
      - message: NewOrderSingle
      - message: OrderCancelRequest
      - message: OrderMassCancelRequest
        when: {MassCancelRequestType: CancelOrdersForASecurity}
      - message: XCN
      - message: XLQ
  fix:read:
    description: Drop copy and market data, no orders
    grants:
      - message: MarketDataRequest
      - message: XLQ
      - {message: ExecutionReport, direction: outbound}
      - {message: ListStatus, direction: outbound}
"""
"""A venue whose clients hold one of two scopes, and which has messages of its own."""

VENUE_SUITE = """\
mapping: venue.yaml
tests:
  - {name: order, scopes: ["fix:trade"], message: "35=D|55=BTCUSDT", expect: allow}
  - {name: cancel, scopes: ["fix:trade"], message: "35=F|55=BTCUSDT", expect: allow}
  - {name: cancel and new, scopes: ["fix:trade"], message: "35=XCN|25002=1", expect: allow}
  - {name: limits, scopes: ["fix:trade"], message: "35=XLQ", expect: allow}
  - {name: limits read, scopes: ["fix:read"], message: "35=XLQ", expect: allow}
  - {name: mass cancel of a symbol, scopes: ["fix:trade"], message: "35=q|530=1|55=BTCUSDT", expect: allow}
  - {name: mass cancel of all, scopes: ["fix:trade"], message: "35=q|530=7", expect: deny}
  - {name: read only sends no order, scopes: ["fix:read"], message: "35=D|55=BTCUSDT", expect: deny}
  - {name: data, scopes: ["fix:read"], message: "35=V", expect: allow}
  - {name: drop copy, scopes: ["fix:read"], direction: outbound, message: "35=8|55=BTCUSDT", expect: allow}
  - {name: list status, scopes: ["fix:read"], direction: outbound, message: "35=N", expect: allow}
  - {name: a client may log on, scopes: ["fix:read"], message: "35=A|98=0|108=30", expect: allow}
  - {name: a Logon needs no scope, scopes: [], message: "35=A|98=0|108=30", expect: allow}
"""


def write_text(path: Path, text: str, changes: tuple[tuple[str, str], ...] = ()) -> Path:
    """Write a text, changed by (old, new) pairs."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path
