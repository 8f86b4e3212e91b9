-- Who may come in, and who did what. Documented in migrations/README.md; same names and columns on both databases.

-- Users' SQL cannot name this table: see store/guest.rs.
create table access_tokens (
  id integer primary key,
  name text not null,
  role text not null check (role in ('reader', 'client', 'worker')),
  hash text not null unique,       -- of 256 random bits: the secret itself is kept by nobody but its holder
  created integer not null,        -- milliseconds since 1970 UTC, as the next two
  expires integer,                 -- null: never
  revoked integer                  -- null: it was not
);
create unique index access_tokens_name on access_tokens (name) where revoked is null;

create table audit_log (
  id integer primary key,
  at text not null,
  actor text not null,
  role text not null,
  peer text not null,
  action text not null,
  subject text not null
);

create view audit as
select id, at, actor, role, peer, action, subject from audit_log;
