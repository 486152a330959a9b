"""What the mall should be, told a second way, from what it says of itself and without its code.

Points are those of the ledger's own model (`tests/points/ledger/model.py`). A verb first collects every reason against it and then either raises
`Refused` with all of them (the mall may name any one) or changes everything at once. Instants are datetimes, members are names.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.points.ledger.model import FREE, GONE, Model, end_of_term

VOID = ("cancelled", "lapsed", "returned")
# A coupon that was set aside for who did not pay.
NEVER_WAS = "never was"


class Refused(Exception):
    """With all the codes that would be right."""

    def __init__(self, reasons):
        super().__init__(sorted(reasons))
        self.reasons = set(reasons)


@dataclass
class Reward:
    kind: str
    points: int
    cents: int = 0
    stock: int | None = None
    per_member: int | None = None
    per_member_day: int | None = None
    per_day: int | None = None
    in_all: int | None = None
    active: bool = True


@dataclass
class Redemption:
    number: int
    member: str
    reward: str
    quantity: int
    points: int
    cents: int
    status: str
    day: object
    sale: "Sale | None" = None
    spend: int | None = None
    hold: int | None = None
    pay_until: datetime | None = None
    payment: str = ""
    returned: int = 0
    stocked: bool = False
    charged: bool = False
    uses: Counter | None = None
    back: int = 0
    cents_back: int = 0

    @property
    def out(self) -> int:
        return 0 if self.status in VOID else self.quantity - self.returned


@dataclass
class Coupon:
    number: int
    member: str
    expires_at: datetime
    status: str = "available"
    purchase: str = ""
    redemption: int | None = None


@dataclass
class Ticket:
    number: int
    member: str
    quantity: int
    status: str = "waiting"
    until: datetime | None = None


@dataclass
class Sale:
    reward: str
    points: int
    per_member: int
    starts_at: datetime
    ends_at: datetime
    turn: timedelta
    units: int = 0
    left: int = 0
    returned: int = 0
    closed: bool = False
    tickets: list[Ticket] = field(default_factory=list)

    def over(self, now) -> bool:
        return self.closed or self.ends_at <= now

    @property
    def promised(self) -> int:
        return 0 if self.closed else sum(one.quantity for one in self.tickets if one.status == "admitted")

    def live(self, member) -> Ticket | None:
        return next((one for one in self.tickets if one.member == member and one.status in ("waiting", "admitted")), None)

    def move(self, now) -> None:
        if self.over(now) or now < self.starts_at:
            return
        for one in self.tickets:
            if one.status == "admitted" and one.until <= now:
                one.status = "passed"
        for one in self.tickets:
            free = self.left - self.promised
            if one.status == "waiting" and free > 0:
                one.quantity = min(one.quantity, free)
                one.status, one.until = "admitted", min(now + self.turn, self.ends_at)


@dataclass
class Order:
    member: str
    paid: int
    spent: int
    spend: int | None
    earning: int | None
    earned: int
    coupon: Coupon | None
    refunded: int = 0
    restored: int = 0
    clawed: int = 0
    lots_waived: int = 0

    @property
    def complete(self) -> bool:
        return self.refunded == self.paid


@dataclass
class TopUp:
    member: str
    cents: int
    earning: int
    points: int
    points_back: int = 0
    cents_back: int = 0


class Mall:
    """`coupon_*`: the terms of the one template. `revived`: what one of a reward costs in expired points."""

    def __init__(self, members, rewards, *, offset, days, coupon, revived):
        self.points = Model(members, offset)
        self.rewards: dict[str, Reward] = rewards
        self.offset, self.days, self.coupon_terms, self.revived = offset, days, coupon, revived
        self.codes = 0
        self.redemptions: list[Redemption] = []
        self.coupons: list[Coupon] = []
        self.sales: list[Sale] = []
        self.orders: dict[str, Order] = {}
        self.top_ups: list[TopUp] = []
        self.waived: Counter = Counter()
        self.into: dict[str, str] = {}

    # Reads

    def day(self, now):
        return (now + self.offset).date()

    def available(self, member, now):
        return self.points.books[member].seen(now)[0]

    def status(self, row, now):
        return "lapsed" if row.status == "held" and row.pay_until <= now else row.status

    def had(self, member, reward, sale, now):
        """Of the member's own and of those merged into them: in all, and today."""
        mine = [one for one in self.redemptions if (one.reward, one.sale) == (reward, sale) and self.survivor(one.member) == member]
        mine = [one for one in mine if self.status(one, now) not in VOID]
        return sum(one.out for one in mine), sum(one.out for one in mine if one.day == self.day(now))

    def survivor(self, member):
        return self.survivor(self.into[member]) if member in self.into else member

    def shared(self, reward):
        """What shared limits count: what is booked as out."""
        mine = [one for one in self.redemptions if one.reward == reward and one.charged]
        return sum(one.out for one in mine), Counter({day: sum(one.out for one in mine if one.day == day) for day in {one.day for one in mine}})

    def issued(self, member=None):
        return sum(one.status not in ("withdrawn", NEVER_WAS) and member in (None, one.member) for one in self.coupons)

    def revivable(self, member, now):
        """What of expired points can be used, by lot; what lapsed holds free of expired lots counts too, as every verb books it first."""
        ahead = self.points.books[member].copy()
        ahead.begin(now)
        used = sum((one.uses for one in self.redemptions if one.uses and one.member == member), Counter())
        left = {lot.number: lot.where[GONE] - self.waived[member, lot.number] - used[lot.number] for lot in ahead.lots}
        return {number: points for number, points in left.items() if points > 0}

    # Redemptions

    def against_points(self, member, points, now):
        why = set()
        if self.points.books[member].frozen:
            why.add("account_frozen")
        if self.available(member, now) < points:
            why.add("insufficient_points")
        return why

    def redeem(self, member, code, quantity, *, expected=None, sale=None, revive=False, pay_within, now):
        reward = self.rewards[code]
        points, cents = (sale.points, 0) if sale else (self.revived[code], 0) if revive else (reward.points, reward.cents)
        in_all, today = self.had(member, code, sale, now)
        most, most_today = (sale.per_member, None) if sale else (reward.per_member, reward.per_member_day)
        limits = (("member_limit", most, in_all), ("member_day_limit", most_today, today))
        why = {name for name, limit, had in limits if limit is not None and had + quantity > limit}
        if not sale:
            of_all, of_days = self.shared(code)
            for name, limit, had in (("total_limit", reward.in_all, of_all), ("day_limit", reward.per_day, of_days[self.day(now)])):
                if limit is not None and had + quantity > limit:
                    why.add(name)
            if not reward.active:
                why.add("reward_unavailable")
            if reward.stock is not None and quantity > reward.stock:
                why.add("sold_out")
        else:
            ticket = sale.live(member)
            if sale.over(now):
                why.add("flash_sale_over")
            if ticket is None or ticket.status != "admitted" or ticket.until <= now or quantity > ticket.quantity:
                why.add("not_your_turn")
        if expected not in (None, (points, cents)):
            why.add("price_changed")
        if not 1 <= quantity <= 1000:
            why.add("quantity_invalid")
        if reward.kind == "code" and quantity > self.codes:
            why.add("codes_out")
        if reward.kind == "coupon":
            why |= self.against_coupons(member, quantity)
        if revive:
            why |= {"account_frozen"} if self.points.books[member].frozen else set()
            left = self.revivable(member, now)
            if sum(left.values()) < points * quantity:
                why.add("too_few_expired")
        else:
            why |= self.against_points(member, points * quantity, now)
        if why:
            raise Refused(why)

        row = Redemption(len(self.redemptions), member, code, quantity, points, cents, "confirmed", self.day(now), sale)
        row.charged = not sale and (reward.in_all is not None or reward.per_day is not None)
        if revive:
            row.uses, missing = Counter(), points * quantity
            lots = self.points.open(member, now).lots
            for number in sorted(left, key=lambda number: (lots[number].expires_at, number)):
                row.uses[number] = min(left[number], missing)
                missing -= row.uses[number]
        elif cents:
            row.status, row.pay_until = "held", now + pay_within
            row.hold = self.points.hold(member, points * quantity, deadline=row.pay_until, now=now)
        else:
            row.spend = self.points.spend(member, points * quantity, overdraw=False, now=now)
        self.redemptions.append(row)
        if reward.kind == "coupon" and row.status == "held":
            for _one in range(quantity):
                self.new_coupon(member, now, redemption=row.number, status="reserved")
        if sale:
            sale.left -= quantity
            ticket.status = "used"
        elif reward.stock is not None:
            reward.stock -= quantity
            row.stocked = True
        if reward.kind == "code":
            self.codes -= quantity
        if row.status != "held":
            self.hand_out(row, now)
        return row

    def hand_out(self, row, now):
        kind = self.rewards[row.reward].kind
        row.status = "confirmed" if kind == "goods" else "delivered"
        if kind == "coupon":
            reserved = [one for one in self.coupons if one.redemption == row.number and one.status == "reserved"]
            for one in reserved or [self.new_coupon(row.member, now, redemption=row.number) for _one in range(row.quantity)]:
                one.status, one.expires_at = "available", end_of_term(now, self.coupon_terms["days"], self.offset)

    def put_back(self, row, quantity, now, *, unseen):
        """Units that nobody has: to their sale, to the shelf; codes only while nobody saw them."""
        if row.sale and not row.sale.closed:
            row.sale.left += quantity
        elif row.stocked or (row.sale and self.rewards[row.reward].stock is not None):
            self.rewards[row.reward].stock += quantity
        if unseen and self.rewards[row.reward].kind == "code":
            self.codes += quantity
        for one in self.coupons:
            if one.redemption == row.number and one.status == "reserved":
                one.status = NEVER_WAS

    def give_points(self, row, quantity, now):
        if row.uses is not None:
            missing = row.points * quantity
            for number in sorted(row.uses, reverse=True):
                part = min(row.uses[number], missing)
                row.uses[number] -= part
                missing -= part
        else:
            self.points.restore(row.member, row.spend, row.points * quantity, grace=None, term=self.days, now=now)
        row.back += row.points * quantity
        row.cents_back += row.cents * quantity
        self.forward(row.member, now)

    def confirm(self, row, cents, payment, *, now):
        due, status, why = row.cents * row.quantity, self.status(row, now), set()
        if cents != due:
            why.add("payment_disagrees")
        if status == "lapsed":
            why.add("redemption_lapsed")
        elif status == "cancelled" and row.hold is not None:
            why |= {"redemption_cancelled", "redemption_step_impossible"}
        elif row.hold is None:
            why |= {"redemption_step_impossible", "redemption_paid_twice", "payment_disagrees", "redemption_cancelled"}
        elif status != "held" and payment != row.payment:
            why.add("redemption_paid_twice")
        if why:
            raise Refused(why)
        if status == "held":
            row.spend = self.points.capture(row.member, row.hold, None, now=now)
            row.payment = payment
            self.hand_out(row, now)

    def cancel(self, row, *, by_member, now):
        status = self.status(row, now)
        if status == "cancelled":
            return
        if status not in ("held", "confirmed", "fulfilling") or (by_member and status == "fulfilling"):
            raise Refused({"redemption_step_impossible", "redemption_lapsed"})
        if status == "held":
            self.points.release(row.member, row.hold, now=now)
            self.forward(row.member, now)
        else:
            self.give_points(row, row.quantity, now)
        self.put_back(row, row.quantity, now, unseen=True)
        row.status = "cancelled"

    def lapse(self, row, now):
        if row.status == "held" and row.pay_until <= now:
            self.points.sweep(row.member, now=now)
            self.put_back(row, row.quantity, now, unseen=True)
            row.status = "lapsed"
            self.forward(row.member, now)

    def go(self, row, step, now):
        """begin, ship, deliver."""
        open_, after = ("confirmed", "fulfilling"), {"begin": "fulfilling", "ship": "shipped", "deliver": "delivered"}[step]
        before = {"begin": ("confirmed",), "ship": open_, "deliver": (*open_, "shipped")}[step]
        if step != "begin" and row.status == after and self.rewards[row.reward].kind == "goods":
            return
        if step == "deliver" and row.status == "delivered":
            return
        if row.status not in before:
            raise Refused({"redemption_step_impossible"})
        row.status = after

    def return_(self, row, quantity, *, restock, now):
        quantity = row.quantity - row.returned if quantity is None else quantity
        if row.status not in ("shipped", "delivered"):
            raise Refused({"redemption_step_impossible", "quantity_invalid"})
        if not 1 <= quantity <= row.quantity - row.returned:
            raise Refused({"quantity_invalid"})
        mine = [one for one in self.coupons if one.redemption == row.number and one.status == "available"]
        if self.rewards[row.reward].kind == "coupon":
            if len(mine) < quantity:
                raise Refused({"coupons_used"})
            for one in mine[:quantity]:
                one.status = "withdrawn"
        if restock and self.rewards[row.reward].kind == "goods":
            self.put_back(row, quantity, now, unseen=False)
        row.returned += quantity
        if row.returned == row.quantity:
            row.status = "returned"
        self.give_points(row, quantity, now)

    # Coupons

    def against_coupons(self, member, count):
        why = set()
        if self.issued() + count > self.coupon_terms["in_all"]:
            why.add("coupons_out")
        if self.issued(member) + count > self.coupon_terms["per_member"]:
            why.add("coupon_member_limit")
        return why

    def new_coupon(self, member, now, redemption=None, status="available"):
        expires_at = end_of_term(now, self.coupon_terms["days"], self.offset)
        self.coupons.append(Coupon(len(self.coupons), member, expires_at, status, redemption=redemption))
        return self.coupons[-1]

    def claim(self, member, now):
        if why := self.against_coupons(member, 1):
            raise Refused(why)
        return self.new_coupon(member, now)

    def use(self, coupon, purchase, now):
        if coupon.status == "used" and coupon.purchase == purchase:
            return
        if coupon.status != "available" or coupon.expires_at <= now:
            raise Refused({"coupon_not_usable"})
        coupon.status, coupon.purchase = "used", purchase

    def give_back(self, coupon, purchase, now):
        if coupon.status != "used":
            return
        if coupon.purchase != purchase:
            raise Refused({"coupon_not_used_for"})
        if coupon.status == "used" and coupon.expires_at > now:
            coupon.status = "available"

    def withdraw(self, coupon, now):
        if coupon.status != "available" or coupon.expires_at <= now:
            raise Refused({"coupon_not_available"})
        coupon.status = "withdrawn"

    # Sales

    def line_up(self, sale, member, quantity, now):
        ticket = sale.live(member)
        if ticket is not None and ticket.status == "admitted" and ticket.until <= now:
            ticket = None
        if sale.over(now):
            raise Refused({"flash_sale_over"})
        if ticket is None:
            why = self.against_points(member, sale.points * quantity, now)
            if self.had(member, sale.reward, sale, now)[0] + quantity > sale.per_member:
                why |= {"member_limit", "quantity_invalid"}
            if why:
                raise Refused(why)
            sale.move(now)
            sale.tickets.append(Ticket(len(sale.tickets), member, quantity))
            ticket = sale.tickets[-1]
        sale.move(now)
        return ticket

    def close(self, sale, now):
        if sale.ends_at <= now and not sale.closed:
            sale.closed = True
            sale.returned, sale.left = sale.left, 0
            if self.rewards[sale.reward].stock is not None:
                self.rewards[sale.reward].stock += sale.returned

    # Orders

    def hold(self, member, points, deadline, now):
        if why := self.against_points(member, points, now):
            raise Refused(why)
        return self.points.hold(member, points, deadline=deadline, now=now)

    def pay(self, purchase, member, *, lines, hold, hold_points, coupon, now):
        """What is paid in money, the rest being the coupon's and the points': 100 points are one unit of money, one unit paid earns a point."""
        off = 0
        if coupon is not None:
            if coupon.status != "available" or coupon.expires_at <= now or coupon.member != member or lines < self.coupon_terms["threshold"]:
                raise Refused({"coupon_refused"})
            off = self.coupon_terms["amount"]
            coupon.status, coupon.purchase = "used", purchase
        paid = lines - off - hold_points
        spend = None
        if hold is not None:
            self.points.books[member].begin(now)
            if self.points.books[member].holds[hold].status == "open":
                spend = self.points.capture(member, hold, None, now=now)
            else:
                spend = self.points.spend(member, hold_points, overdraw=True, now=now)
        earned = paid // 100
        earning = None
        if earned:
            earning = self.points.earn(member, earned, days=self.days, matures_at=None, waits=False, occurred_at=now, now=now)
        self.orders[purchase] = Order(member, paid, hold_points, spend, earning, earned, coupon)
        return self.orders[purchase]

    def refund(self, order, cents, now):
        """Points restored, taken back, waived."""
        if order.refunded + cents > order.paid:
            raise Refused({"refund_exceeds_paid"})
        order.refunded += cents
        restored = order.spent if order.complete else order.spent * order.refunded // order.paid
        restored, order.restored = restored - order.restored, restored
        clawed = order.earned - (order.paid - order.refunded) // 100
        clawed, order.clawed = clawed - order.clawed, clawed
        waived = 0
        if restored:
            self.points.restore(order.member, order.spend, restored, grace=None, term=self.days, now=now)
        if clawed:
            waived = self.points.clawback(order.member, order.earning, clawed, now=now)[1]
            self.waived[order.member, self.points.books[order.member].earnings[order.earning].lot] += waived
        if order.complete and order.coupon and order.coupon.status == "used" and order.coupon.expires_at > now:
            order.coupon.status = "available"
        self.forward(order.member, now)
        return restored, clawed, waived

    # Points for money

    def top_up(self, member, cents, now):
        earning = self.points.earn(member, cents, days=None, matures_at=None, waits=False, occurred_at=now, now=now)
        self.top_ups.append(TopUp(member, cents, earning, cents))
        return self.top_ups[-1]

    def give_back_top_up(self, one, now):
        books = self.points.open(one.member, now)
        left = books.lots[books.earnings[one.earning].lot].where[FREE]
        if not left:
            if one.points_back:
                return
            raise Refused({"nothing_to_give_back"})
        self.points.clawback(one.member, one.earning, left, now=now)
        one.points_back += left
        one.cents_back = one.points_back * one.cents // one.points

    # Merging

    def merge(self, merged, survivor, now):
        for row in self.redemptions:
            if row.member == merged and self.status(row, now) == "held":
                self.cancel(row, by_member=False, now=now)
            elif row.member == merged:
                self.lapse(row, now)
        books = self.points.open(merged, now)
        for number in [number for number, hold in books.holds.items() if hold.status == "open"]:
            self.points.release(merged, number, now=now)
        self.into[merged] = survivor
        for coupon in self.coupons:
            if coupon.member == merged and coupon.status == "available":
                coupon.member = survivor
        self.forward(merged, now)

    def forward(self, member, now):
        """What a merged member has free, or owes, is the survivor's."""
        if member not in self.into:
            return
        books, theirs = self.points.open(member, now), self.points.open(self.into[member], now)
        for lot in sorted(books.lots, key=lambda lot: lot.order()):
            if points := lot.where[FREE]:
                lot.move(points, FREE, ("away", self.points.acts))
                theirs.new_lot(points, earned_at=now, expires_at=lot.expires_at)
        if books.debt:
            theirs.debt, books.debt = theirs.debt + books.debt, 0
        theirs.come_in(now)
        self.forward(self.into[member], now)
