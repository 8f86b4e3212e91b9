-- Files that people gave to sweeps: the collector of artifacts leaves them alone.
create table given_files (
  digest text primary key,
  bytes integer not null
);
