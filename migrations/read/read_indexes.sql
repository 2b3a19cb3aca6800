-- The ways into the read models, besides the keys by which rows are updated. A rebuild makes them when its rows are
-- there, which is far cheaper than keeping them sorted row by row. Unqualified like the tables.

alter table journal add primary key (merchant_id, position, leg);
alter table statement_lines add primary key (merchant_id, position);
alter table takings add primary key (merchant_id, position);

create index orders_by_time on orders (merchant_id, placed_at, order_id);
create index orders_by_customer on orders (merchant_id, customer_id, order_id);
create index payments_by_time on payments (merchant_id, created_at, payment_id);
create index payments_by_order on payments (merchant_id, order_id, payment_id);
create index payments_by_customer on payments (merchant_id, customer_id, payment_id);
create index journal_by_account on journal (merchant_id, account, position);
create index journal_by_time on journal (merchant_id, effective_at, position);
create index statement_lines_by_customer on statement_lines (merchant_id, customer_id, at, position)
    where customer_id is not null;
create index statement_lines_by_order on statement_lines (merchant_id, order_id) where customer_id is null;
create index takings_by_time on takings (merchant_id, at);
