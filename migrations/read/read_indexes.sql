-- The ways into the read models, besides the keys by which rows are updated. A rebuild makes them when its rows are
-- there, which is far cheaper than keeping them sorted row by row. Unqualified like the tables.

alter table journal add primary key (merchant_id, position);
alter table takings add primary key (merchant_id, at, position);
alter table plan_history add primary key (merchant_id, plan_id, position);
alter table plan_agreements add primary key (merchant_id, plan_id);

create index orders_by_time on orders (merchant_id, placed_at, order_id);
create index orders_by_customer on orders (merchant_id, customer_id, order_id);
create index payments_by_time on payments (merchant_id, created_at, payment_id);
create index payments_by_order on payments (merchant_id, order_id, payment_id);
create index payments_by_customer on payments (merchant_id, customer_id, payment_id);
create index payments_by_plan on payments (merchant_id, plan_id, payment_id) where plan_id is not null;
create index journal_by_time on journal (merchant_id, effective_at, position);
-- Together these are the key: no event makes two lines.
create unique index statement_lines_by_customer on statement_lines (merchant_id, customer_id, at, position)
    where customer_id is not null;
create unique index statement_lines_of_nobody on statement_lines (merchant_id, position) where customer_id is null;
create index statement_lines_by_order on statement_lines (merchant_id, order_id) where customer_id is null;
create index plans_by_time on plans (merchant_id, created_at, plan_id);
create index plans_by_customer on plans (merchant_id, customer_id, plan_id);
create index plans_by_order on plans (merchant_id, order_id, plan_id) where order_id is not null;
create index plans_by_status on plans (merchant_id, status, plan_id);
create index plans_by_due_date on plans (merchant_id, next_due_on, plan_id) where next_due_on is not null;
create index plans_by_waking on plans (merchant_id, wakes_at, plan_id) where wakes_at is not null;
create index plan_installments_by_due_date on plan_installments (merchant_id, due_on, plan_id, number)
    where not is_settled;
create index plan_installments_by_customer on plan_installments (merchant_id, customer_id, due_on, plan_id, number);
create index plan_history_unwindings on plan_history (merchant_id, plan_id) where kind = 'unwound';
create index onchain_addresses_by_address on onchain_addresses (merchant_id, chain, address);
create index onchain_addresses_by_watching on onchain_addresses (chain, watched_until);
create index deposits_by_time on deposits (merchant_id, first_seen_at, deposit_id);
create index deposits_by_invoice on deposits (merchant_id, invoice_id, deposit_id);
create index deposits_unfinished on deposits (chain, first_seen_at) where state in ('seen', 'confirmed', 'orphaned');
create index invoices_by_time on invoices (merchant_id, created_at, invoice_id);
create index invoices_by_order on invoices (merchant_id, order_id, invoice_id) where order_id is not null;
create index invoices_by_customer on invoices (merchant_id, customer_id, invoice_id) where customer_id is not null;
create index invoices_by_attention on invoices (merchant_id, invoice_id) where needs_attention;
create index invoices_by_waking on invoices (merchant_id, wakes_at, invoice_id) where wakes_at is not null;
create index payouts_by_time on payouts (merchant_id, requested_at, payout_id);
create index payouts_by_invoice on payouts (merchant_id, invoice_id, payout_id) where invoice_id is not null;
