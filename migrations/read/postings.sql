-- A row a leg of the journal, numbered in its event from 1: what the view postings shows, now and of the past.
select it.merchant_id, it.position, leg.number::integer as leg,
    case when leg.number <= it.posted then 'posted' else 'pending' end as layer,
    leg.account, coalesce(it.currencies[leg.number], it.currencies[1]) as currency,
    case when leg.amount > 0 then leg.amount else leg.amount - leg.amount end as debit,
    case when leg.amount < 0 then - leg.amount else leg.amount - leg.amount end as credit,
    it.party, it.event_id, it.kind, it.category, it.stream, it.correlation_id,
    it.effective_at, it.effective_on, it.recorded_at
from journal it cross join lateral unnest(it.accounts, it.amounts) with ordinality as leg (account, amount, number)
