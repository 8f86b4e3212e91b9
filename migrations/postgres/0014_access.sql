-- Who may come in, and who did what. Documented in migrations/README.md; same names and columns on both databases.

create table access_tokens (
  id bigint primary key,
  name text not null,
  role text not null check (role in ('reader', 'client', 'worker')),
  hash text not null unique,       -- of 256 random bits: the secret itself is kept by nobody but its holder
  created bigint not null,         -- milliseconds since 1970 UTC, as the next two
  expires bigint,                  -- null: never
  revoked bigint                   -- null: it was not
);
create unique index access_tokens_name on access_tokens (name) where revoked is null;

-- Users' SQL runs in transactions that are read-only and cannot be made otherwise: they see no row. A superuser sees all.
alter table access_tokens enable row level security;
alter table access_tokens force row level security;
create policy access_tokens_of_the_coordinator on access_tokens
  using (current_setting('transaction_read_only') = 'off');

create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  role text not null,
  peer text not null,
  action text not null,
  subject text not null
);

create view audit as
select id, at, actor, role, peer, action, subject from audit_log;
comment on view audit is 'one row per thing that people did: submitted, steered, drained, fetched, made and revoked tokens';
